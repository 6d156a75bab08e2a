"""Writes the JSON snapshots, trinity.log and alerts.log of a run. Must not compute: named queries do.

Files are named by elapsed time, HHMMSS. The formats are those of the 24-hour test plan.
"""

from io import BufferedWriter
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from analysis.catalog import find_query
from analysis.database import Database, only_value
from analysis.sql_files import sql_text
from analysis.terminal import safe_json
from bus.errors import EnvironmentProblem
from store.run_folder import RunFolder

NS_PER_HOUR = 3_600_000_000_000
STORY_EVENTS = 200_000
"""Events of which trinity.log is written at a time."""


class CostSummary(Struct, frozen=True):
    total_cost_usd: float
    total_calls: int
    success_rate: float | None
    by_agent: dict[str, float]


class CostSnapshot(Struct, frozen=True):
    """The file costs/cost_snapshot_HHMMSS.json."""

    timestamp: str
    elapsed_hours: float
    summary: CostSummary


class Detections(Struct, frozen=True):
    total: int
    by_type: dict[str, int]
    average_confidence: float | None


class Learning(Struct, frozen=True):
    total_patterns: int
    new_patterns_this_hour: int
    """Since the snapshot before; an hour at the usual interval."""
    confidence_trend: float | None


class PatternSnapshot(Struct, frozen=True):
    """The file patterns/pattern_stats_HHMMSS.json."""

    timestamp: str
    elapsed_hours: float
    detections: Detections
    learning: Learning


class SystemSnapshot(Struct, frozen=True):
    """The file metrics/system_metrics_HHMMSS.json; the machine's figures are null where not sampled."""

    timestamp: str
    cpu_percent: float | None
    memory_mb: float | None
    disk_read_mb: float | None
    disk_write_mb: float | None
    queues: dict[str, int]


class _CostRow(Struct, frozen=True):
    elapsed_ns: int
    timestamp: str
    total_cost_usd: float
    total_calls: int
    success_rate: float | None
    by_agent: dict[str, float]


class _PatternRow(Struct, frozen=True):
    elapsed_ns: int
    timestamp: str
    total: int
    by_type: dict[str, int]
    average_confidence: float | None
    total_patterns: int
    new_patterns: int
    confidence_trend: float | None


class _SystemRow(Struct, frozen=True):
    elapsed_ns: int
    timestamp: str
    cpu_percent: float | None
    memory_mb: float | None
    disk_read_mb: float | None
    disk_write_mb: float | None
    queues: dict[str, int] | None


def write_snapshots(run: RunFolder, database: Database) -> int:
    """Write all snapshots that the run reached and return how many.

    Raises:
        EnvironmentProblem: the run folder cannot be written.
    """
    costs = msgspec.convert(database.named("cost_snapshots").records(), list[_CostRow])
    patterns = msgspec.convert(database.named("pattern_snapshots").records(), list[_PatternRow])
    systems = msgspec.convert(database.named("system_metrics").records(), list[_SystemRow])
    try:
        for cost in costs:
            _write(run.costs, "cost_snapshot", cost.elapsed_ns, _cost(cost))
        for pattern in patterns:
            _write(run.patterns, "pattern_stats", pattern.elapsed_ns, _pattern(pattern))
        for system in systems:
            _write(run.metrics, "system_metrics", system.elapsed_ns, _system(system))
    except OSError as error:
        problem = f"{error.filename}: cannot write snapshots: {error.strerror}; free the way"
        raise EnvironmentProblem(problem) from None
    return len(costs) + len(patterns) + len(systems)


def write_logs(run: RunFolder, database: Database) -> None:
    """Write trinity.log and alerts.log: one JSON object a line.

    Raises:
        EnvironmentProblem: the run folder cannot be written.
    """
    database.hold()
    try:
        _write_story(run.trinity_log, database)
        with run.alerts_log.open("wb") as file:
            _write_lines(file, database, "alerts")
    except OSError as error:
        problem = f"{error.filename}: cannot write the log: {error.strerror}; free the way"
        raise EnvironmentProblem(problem) from None


def _cost(row: _CostRow) -> CostSnapshot:
    summary = CostSummary(row.total_cost_usd, row.total_calls, row.success_rate, row.by_agent)
    return CostSnapshot(row.timestamp, _hours(row.elapsed_ns), summary)


def _pattern(row: _PatternRow) -> PatternSnapshot:
    detections = Detections(row.total, row.by_type, row.average_confidence)
    learning = Learning(row.total_patterns, row.new_patterns, row.confidence_trend)
    return PatternSnapshot(row.timestamp, _hours(row.elapsed_ns), detections, learning)


def _system(row: _SystemRow) -> SystemSnapshot:
    return SystemSnapshot(
        row.timestamp, row.cpu_percent, row.memory_mb, row.disk_read_mb, row.disk_write_mb, row.queues or {}
    )


def _hours(elapsed_ns: int) -> float:
    return round(elapsed_ns / NS_PER_HOUR, 4)


def _write(folder: Path, name: str, elapsed_ns: int, snapshot: Struct) -> None:
    seconds = elapsed_ns // 1_000_000_000
    clock = f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
    folder.mkdir(exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(snapshot), indent=2)
    (folder / f"{name}_{clock}.json").write_bytes(text + b"\n")


def _write_story(path: Path, database: Database) -> None:
    """trinity.log, a slice of the events at a time: sorting them all at once would take memory."""
    last_seq = only_value(database.query(sql_text("exports", "last_seq")))
    assert isinstance(last_seq, int)
    with path.open("wb") as file:
        for after_seq in range(0, last_seq, STORY_EVENTS):
            database.set_variable("after_seq", after_seq)
            database.set_variable("until_seq", after_seq + STORY_EVENTS)
            _write_lines(file, database, "trinity_log")
    database.set_variable("after_seq", 0)
    database.set_variable("until_seq", last_seq)


def _write_lines(file: BufferedWriter, database: Database, query: str) -> None:
    columns, rows = database.stream(find_query(query).sql)
    encode = msgspec.json.Encoder().encode
    for row in rows:
        record = {
            # The body is JSON already.
            name: Raw(value.encode()) if name == "data" and isinstance(value, str) else value
            for name, value in zip(columns, row, strict=True)
            if value is not None
        }
        file.write(safe_json(encode(record)) + b"\n")
