"""Benchmarks: how fast and how large Trinity is, as ratios to something simple that runs at the same moment.

Must not be a test: a number that misses its target is printed, and nothing fails. Start with
``python -m bench --list``. Absolute figures do not travel between machines; ratios of runs that alternate on
one machine nearly do.
"""
