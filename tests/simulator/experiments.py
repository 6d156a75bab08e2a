"""A small experiment in a folder, for tests. Must not hold tests."""

from pathlib import Path

SCENARIO = """
extends = "soak"
name = "short"
title = "half an hour in which somebody may be told"
duration = "30m"
[workload]
event_interval = "1m"
noise_per_hour = 20.0
[witness]
detector = "linear"
review_above = 0.1
[feedback]
missing_share = 0.2
"""
GOOD = """
title = "Does it help to be told?"
baseline = "off"
treatment = "on"
seeds = 2
[arms.on]
[arms.off.feedback]
missing_share = 1.0
[arms.elsewhere.teacher.workload]
project = "firmware"
"""


def experiment_folder(folder: Path, experiment: str = GOOD) -> str:
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    (folder / "experiment.toml").write_text(experiment, encoding="utf-8")
    return str(folder)
