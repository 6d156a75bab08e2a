"""Labelled records about two made-up matters, from three made-up projects."""

import json
from itertools import pairwise
from pathlib import Path

TEXTS = {
    "duplication": "the {} was pasted into the {} again",
    "flaky_test": "the {} check wobbles when the {} is slow",
    "none": "the {} met the {} at noon",
}
NOUNS = ("harbour", "lantern", "meadow", "orchard", "pebble", "quarry")


def lines() -> list[dict]:
    return [
        {"label": label, "project": f"{owner}/boat@1f:{n}", "event": {"message": text.format(noun, other)}}
        for n, (noun, other) in enumerate(pairwise(NOUNS))
        for owner in ("ada", "bob", "cy")
        for label, text in TEXTS.items()
    ]


def write_samples(folder: Path, records: list[dict] | None = None) -> Path:
    path = folder / "labelled.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records or lines()))
    return path
