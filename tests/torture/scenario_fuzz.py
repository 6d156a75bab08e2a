"""Drawn scenarios, run, cut, resumed and replayed in every way: whatever is done, the log must be the same.

Must not keep what a scenario did: a seed brings each of them back.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from shutil import copyfile
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread
from time import monotonic
from unittest.mock import patch

import psutil

from agents import settled
from analysis.checks import run_invariants
from analysis.database import open_database
from bus import keys
from bus.bodies import FaultInjected
from bus.errors import TrinityError
from bus.events import Event
from simulator import compose, inbox
from simulator.drivers.remote import RESTARTS_MAX
from simulator.faults.kinds import STORE_KINDS
from simulator.incarnation import Watcher
from simulator.judging import limits_of
from simulator.recording import Means, Recording
from simulator.replay_simulate import simulate_again
from simulator.replay_verify import verify_run
from simulator.scenario import Scenario
from store.log_reader import read_events
from store.manifest import open_manifest, read_manifest, segment_name, write_manifest
from store.run_folder import RunFolder
from tests.torture.drawn_scenarios import aimed, drawn_scenario
from tests.torture.outcome import Effort, Outcome
from tests.torture.runs import Done, begin, digest_of, record, resume

SECONDS_MAX = 240
SHORT_SCENARIOS, FULL_SCENARIOS = 2, 2_000
INVARIANTS_EVERY, PROCESSES_EVERY = 3, 10
EVENTS_WITH_PROCESSES_MAX = 5_000
CUTS = 3
INTERRUPTIONS = 3
STEPS_BETWEEN_STOPS = 12
KILL_S = (0.2, 0.6)
KILLS_MAX = RESTARTS_MAX
"""In a run: a driver whose agent dies more often without an answer in between gives up, as it should."""
FOUND_SHOWN_MAX = 10
TORN_SHARES = (0.0, 0.5, 0.99)
TELLING = ("fault.injected", "agent.crashed", "agent.started", "delivery.failed", "delivery.deduplicated")
"""Types of events behind which a cut is most likely to hurt."""


class Tally:
    """What all scenarios together found."""

    def __init__(self) -> None:
        self.scenarios = self.events = self.faults = self.resumed = self.judged = 0
        self.with_processes = self.killed = 0
        self.found: list[str] = []


def run(effort: Effort) -> list[Outcome]:
    tally = Tally()
    deadline_s = monotonic() + SECONDS_MAX
    for seed in range(effort.count(FULL_SCENARIOS, SHORT_SCENARIOS)):
        if monotonic() > deadline_s:
            break
        tally.found += [f"seed {seed}: {finding}" for finding in findings(seed, tally)]
    figures: dict[str, int | float] = {
        "scenarios": tally.scenarios,
        "events": tally.events,
        "faults": tally.faults,
        "resumed": tally.resumed,
        "judged": tally.judged,
        "with_processes": tally.with_processes,
        "agents_killed": tally.killed,
        "broken": len(tally.found),
    }
    title = "; ".join(("drawn scenarios", *tally.found[:FOUND_SHOWN_MAX]))
    return [
        Outcome(
            title, tally.scenarios, figures, ("broken",), ("faults", "resumed", "judged", "with_processes")
        )
    ]


def findings(seed: int, tally: Tally) -> list[str]:
    """What does not hold for the scenario of a seed."""
    with TemporaryDirectory() as scratch, _little_memory():
        try:
            return list(_Trial(seed, Path(scratch), tally).findings())
        except (TrinityError, AssertionError, LookupError) as error:
            return [f"{type(error).__name__}: {error}"]


@contextmanager
def _little_memory() -> Iterator[None]:
    """Nothing is remembered longer than it has to be, so that a short run shows what a long one would."""
    with patch.object(settled, "SETTLED_KEYS_MAX", 2), patch.object(keys, "SETTLED_KEPT_MAX", 4):
        yield


class _Trial:
    """One drawn scenario and all that is done to it; ``findings`` may be asked once."""

    def __init__(self, seed: int, scratch: Path, tally: Tally) -> None:
        self._seed = seed
        self._random = Random(f"trial {seed}")
        self._scratch = scratch
        self._tally = tally
        self._folder_count = 0
        self._scenario = self._drawn()
        self._done = record(self._scenario, self._path())
        self._events = list(read_events(self._done.folder.events))

    def findings(self) -> Iterator[str]:
        self._tally.scenarios += 1
        self._tally.events += len(self._events)
        self._tally.faults += sum(isinstance(event.data, FaultInjected) for event in self._events)
        if self._done.recorded.status != "completed":
            yield f"ended as {self._done.recorded.status}: {self._done.recorded.reason}"
        for name, way in self._ways():
            try:
                digest = way()
            except (TrinityError, AssertionError, LookupError) as error:
                yield f"{name}: {type(error).__name__}: {error}"
            else:
                if digest != self._done.digest:
                    yield f"{name}: another log"
        if self._seed % INVARIANTS_EVERY == 0:
            yield from self._broken_invariants()

    def _ways(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Everything that has to lead to the same log; each returns the digest of what it led to."""
        yield "windows of one", self._in_narrow_windows
        for seq in self._cuts():
            yield f"resumed at {seq}", partial(self._resumed_digest, seq)
        yield "resumed twice", self._resumed_twice
        yield "interrupted", self._interrupted
        yield "verified", self._verified
        yield "simulated again", lambda: simulate_again(self._done.folder, lambda count: None).digest
        if self._seed % PROCESSES_EVERY == 0 and len(self._events) <= EVENTS_WITH_PROCESSES_MAX:
            yield "processes", lambda: record(self._scenario, self._path(), "processes").digest
            yield "processes that are killed", self._with_kills

    def _drawn(self) -> Scenario:
        """Every other one is aimed at the moments of a first run."""
        scenario = drawn_scenario(self._seed)
        if self._seed % 2 == 0:
            return scenario
        events = read_events(record(scenario, self._path()).folder.events)
        return aimed(scenario, self._seed, sorted({event.time_ns for event in events}))

    def _path(self) -> Path:
        self._folder_count += 1
        return self._scratch / f"run{self._folder_count}"

    def _in_narrow_windows(self) -> str:
        narrow = partial(compose.engine_of, window_deliveries_max=1)
        with ExitStack() as stack:
            stack.enter_context(patch.object(compose, "engine_of", narrow))
            stack.enter_context(patch.object(inbox, "BATCH_DELIVERIES_MAX", 1))
            return record(self._scenario, self._path()).digest

    # -- cut and taken up again

    def _cuts(self) -> list[int]:
        """Behind which events the log is cut: anywhere, and where it is most likely to hurt."""
        cuts = [self._any_seq() for _ in range(CUTS)]
        for hurts in (_is_store_fault, lambda event: event.type in TELLING):
            found = [event.seq for event in self._events if hurts(event)]
            cuts += [self._random.choice(found)] if found else []
        return cuts

    def _any_seq(self) -> int:
        return self._random.randrange(len(self._events))

    def _resumed(self, seq: int) -> Done:
        self._tally.resumed += 1
        return resume(self._scenario, self._cut(self._done.folder, seq))

    def _resumed_digest(self, seq: int) -> str:
        return self._resumed(seq).digest

    def _resumed_twice(self) -> str:
        once = self._resumed(self._any_seq())
        if once.digest != self._done.digest:
            return once.digest
        return resume(self._scenario, self._cut(once.folder, self._any_seq())).digest

    def _interrupted(self) -> str:
        """Cut, and stopped by a person again and again while it goes on."""
        folder = self._cut(self._done.folder, self._any_seq())
        for _ in range(INTERRUPTIONS):
            watcher = _stopping_after(self._random.randint(0, STEPS_BETWEEN_STOPS))
            recorded = Recording(self._scenario, folder, Means("inproc"), watcher).resume()
            if recorded.status != "interrupted":
                return digest_of(folder)
        return resume(self._scenario, folder).digest

    def _cut(self, of: RunFolder, seq: int) -> RunFolder:
        """A run as kill -9 leaves it: its first events, and perhaps a part of the next one."""
        folder = begin(self._scenario, self._path())
        folder.events.mkdir()
        manifest = read_manifest(of.events)
        assert manifest is not None
        sealed = tuple(segment for segment in manifest.segments if segment.last_seq < seq)
        for segment in sealed:
            copyfile(of.events / segment.name, folder.events / segment.name)
        opened = open_manifest(sealed)
        lines = (of.events / segment_name(opened.last_seq + 1)).read_bytes().splitlines(keepends=True)
        whole_count = seq - opened.last_seq
        torn = b"".join(lines[whole_count : whole_count + 1])
        torn = torn[: int(len(torn) * self._random.choice(TORN_SHARES))]
        active = folder.events / segment_name(opened.last_seq + 1)
        active.write_bytes(b"".join(lines[:whole_count]) + torn)
        write_manifest(folder.events, opened)
        return folder

    # -- replayed and judged

    def _verified(self) -> str:
        verified = verify_run(self._done.folder, lambda count: None)
        assert verified.is_complete, "not verified up to its end"
        assert verified.event_count == len(self._events), f"{verified.event_count} events verified"
        return self._done.digest

    def _broken_invariants(self) -> Iterator[str]:
        self._tally.judged += 1
        with open_database(self._done.folder) as database:
            for result in run_invariants(database, limits_of(self._scenario)):
                if not result.passed:
                    yield f"{result.name}: {result.finding}, {result.violations[:1]}"

    def _with_kills(self) -> str:
        self._tally.with_processes += 1
        with _killing_agents(Random(self._seed), self._tally):
            return record(self._scenario, self._path(), "processes").digest


def _is_store_fault(event: Event) -> bool:
    return isinstance(event.data, FaultInjected) and event.data.kind in STORE_KINDS


def _stopping_after(asks: int) -> Watcher:
    left = iter(range(asks))
    return Watcher(lambda now_ns, count: None, lambda: next(left, None) is None)


@contextmanager
def _killing_agents(random: Random, tally: Tally) -> Iterator[None]:
    """Agents that this process started are killed now and then, until the block ends."""
    over = Flag()

    def kill_now_and_then() -> None:
        killed_count = 0
        while killed_count < KILLS_MAX and not over.wait(random.uniform(*KILL_S)):
            agents = [child for child in psutil.Process().children() if _is_agent(child)]
            if not agents:
                continue
            with suppress(psutil.NoSuchProcess):
                random.choice(agents).kill()
                killed_count += 1
        tally.killed += killed_count

    killer = Thread(target=kill_now_and_then)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def _is_agent(process: psutil.Process) -> bool:
    try:
        return "simulator.agent_main" in process.cmdline()
    except psutil.Error:  # it ended just now
        return False
