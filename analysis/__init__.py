"""Trinity's analysis: questions about a run, asked in SQL. Must not decide for agents or write to a log.

Open a run with :func:`analysis.database.open_database`, ask with :mod:`analysis.catalog`, judge with
:mod:`analysis.checks`, tell with :mod:`analysis.report`, :mod:`analysis.snapshots`, :mod:`analysis.export`.
DuckDB is imported by the modules that ask it and not here.
"""
