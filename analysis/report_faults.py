"""The section of the report about fault rules. Must not compute: it formats what named queries return."""

from analysis.database import Database
from analysis.markdown import cell, table

_FIRED = ("rule", "kind", "fired_count", "first_elapsed", "last_elapsed")
_FOLLOWED = (
    ("event_count", "events hit"),
    ("handled_count", "handled"),
    ("dead_letter_count", "given up"),
    ("redelivered_count", "times sent again"),
    ("copy_count", "copies without effect"),
    ("crash_count", "crashes"),
)
"""Columns of @fault_counts and what they are called in a sentence."""


def faults(database: Database) -> list[str]:
    """What each rule did and what followed; nothing for a run without rules."""
    rows = database.named("fault_counts").records()
    if not rows:
        return []
    lines = [
        "## Faults",
        "",
        *table(
            ("Rule", "Kind", "Fired", "First", "Last", "What followed"),
            [[*(row[column] for column in _FIRED), _followed(row)] for row in rows],
            numeric=(2,),
        ),
    ]
    recovered = database.named("recovery_times")
    if recovered.rows:
        columns = [column.replace("_", " ") for column in recovered.columns]
        lines += ["", "### Outages", "", *table(columns, recovered.rows, numeric=(4, 6, 7))]
    return lines


def _followed(row: dict[str, object]) -> str:
    if row["fired_count"] == 0:
        return "it never fired"
    parts = [f"{cell(row[column])} {words}" for column, words in _FOLLOWED if row[column]]
    if row["back_after_s"] is not None:
        parts.append(f"back after {cell(row['back_after_s'])} s on average")
    return ", ".join(parts) or "nothing but the fault itself"
