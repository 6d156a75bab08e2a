"""Three hours with as many faults as a day of chaos has; and logs cut as a crash cuts them.

Must not hold tests.
"""

import shutil
from pathlib import Path

from msgspec.structs import replace

from simulator.compose import Transport
from simulator.duration import Duration
from simulator.faults.rules import FaultRule
from simulator.recording import Means, Recorded, Recording
from simulator.scenario import Scenario
from store.disk import REAL_DISK
from store.log_reader import read_events
from store.manifest import open_manifest, write_manifest
from store.run_folder import RunFolder
from tests.simulator.builders import UNWATCHED, scenario

SHORTER = 8
NOISE_PER_HOUR = 60.0
STORE_KINDS = ("torn_write", "bit_flip", "disk_full")


def short_chaos(seed: int, *, swarm_share: float = 0.6, has_store_faults: bool = True) -> Scenario:
    """Every schedule of ``chaos`` eight times as dense, over three hours."""
    whole = scenario("chaos", seed=seed)
    rules = {
        name: _denser(rule)
        for name, rule in whole.faults.rules.items()
        if has_store_faults or rule.kind not in STORE_KINDS
    }
    faults = replace(
        whole.faults,
        heal_at=Duration.parse("2h"),
        converge_within=Duration.parse("1h"),
        swarm_share=swarm_share,
        rules=rules,
    )
    workload = replace(whole.workload, noise_per_hour=NOISE_PER_HOUR)
    return replace(whole, duration=Duration.parse("3h"), workload=workload, faults=faults)


def _denser(rule: FaultRule) -> FaultRule:
    return replace(
        rule,
        at=None if rule.at is None else tuple(_shorter(moment) for moment in rule.at),
        per_day=None if rule.per_day is None else rule.per_day * SHORTER,
        lasts=None if rule.lasts is None else _shorter(rule.lasts),
        from_=None if rule.from_ is None else _shorter(rule.from_),
        until=None if rule.until is None else _shorter(rule.until),
    )


def _shorter(duration: Duration) -> Duration:
    return Duration.parse(f"{duration // SHORTER / 1e9}s")


def commit_ends(run: Path) -> list[int]:
    """The ``seq`` of the last event of every commit of a log."""
    return sorted({event.commit_seq for event in read_events(run / "events")})


def cut_copy(run: Path, target: Path, seq: int, torn: bytes = b"") -> RunFolder:
    """A copy of a finished run as a crash leaves it: its first events, and perhaps a part of a line."""
    copy = RunFolder.create(target)
    shutil.copyfile(run / "scenario.toml", copy.scenario)
    copy.events.mkdir()
    segments = sorted((run / "events").glob("*.jsonl"))
    assert len(segments) == 1, "a short run has one segment"
    lines = segments[0].read_bytes().splitlines(keepends=True)
    (copy.events / segments[0].name).write_bytes(b"".join(lines[:seq]) + torn)
    write_manifest(copy.events, open_manifest(()), REAL_DISK)
    return copy


def resume(of: Scenario, folder: RunFolder, transport: Transport = "inproc") -> Recorded:
    return Recording(of, folder, Means(transport), UNWATCHED).resume()
