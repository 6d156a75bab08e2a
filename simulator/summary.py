"""What a run is in one object: for ``--json``, for ``info`` and for the end of ``run``. Must not judge it."""

from typing import Literal

from msgspec import Struct

from analysis.checks import Verdict
from bus.bodies import RunFinished, RunStarted
from bus.events import Event
from store.errors import NotARun, NothingRecorded
from store.log_reader import read_events
from store.manifest import read_manifest
from store.run_folder import RunFolder


class Summary(Struct, frozen=True):
    """A run by its own log; durations in nanoseconds, money in nano-dollars."""

    run: str
    """Path of the run folder."""
    scenario: str
    seed: int
    digest: str | None
    """SHA-256 over the log; None while it is not closed."""
    events: int
    status: str
    """``completed``, ``interrupted``, ``failed``, or ``open`` when the log has no end."""
    verdict: Literal["passed", "failed", "none"]
    """``none`` when the run was not judged: it did not come to its end."""
    checks: dict[str, bool]
    """Each check by name, and whether it passed."""
    start_ns: int
    duration_ns: int
    budget_nanousd: int


def summarise(run: RunFolder, verdict: Verdict | None) -> Summary:
    """Read the first and the last event of the log.

    Raises:
        NotARun: the log does not begin as a run does.
        NothingRecorded: it has not begun yet.
        LogDamage: the log is not what was written.
    """
    manifest = read_manifest(run.events)
    first, last = _ends(run, manifest.last_seq if manifest is not None and manifest.closed else 0)
    started, finished = first.data, last.data
    if not isinstance(started, RunStarted):
        raise NotARun(run.path, f"its log begins with {first.type}")
    judged: Literal["passed", "failed", "none"] = "none"
    if verdict is not None:
        judged = "passed" if verdict.passed else "failed"
    return Summary(
        run=str(run.path),
        scenario=started.scenario,
        seed=started.seed,
        digest=manifest.digest if manifest is not None else None,
        events=last.seq,
        status=finished.status if isinstance(finished, RunFinished) else "open",
        verdict=judged,
        checks={} if verdict is None else {check.name: check.passed for check in verdict.checks},
        start_ns=started.start_ns,
        duration_ns=started.duration_ns,
        budget_nanousd=started.budget_nanousd,
    )


def _ends(run: RunFolder, last_seq: int) -> tuple[Event, Event]:
    """The first and the last event; of an open log, the last one of the last whole commit."""
    first = next(read_events(run.events), None)
    if first is None:
        raise NothingRecorded(run.path)
    last = first
    for event in read_events(run.events, max(1, last_seq)):
        last = event
    return first, last
