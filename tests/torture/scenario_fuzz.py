"""Drawn scenarios, run, cut, resumed and replayed in every way: whatever is done, the log must be the same.

Must not keep what a scenario did: a seed brings each of them back.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial, partialmethod
from itertools import zip_longest
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic
from unittest.mock import patch

from msgspec.structs import replace

from agents.witness import Witness
from analysis.checks import run_invariants
from analysis.database import open_database
from bus.bodies import FaultInjected
from bus.errors import TrinityError
from bus.events import Event
from bus.keys import REVIEWER
from simulator import compose, inbox
from simulator.carrying import learned_by
from simulator.compose import Transport
from simulator.faults.kinds import STORE_KINDS
from simulator.importing import with_memory
from simulator.incarnation import Watcher
from simulator.judging import limits_of, scenario_of
from simulator.persistence import compare_persistence
from simulator.provisions import provisions_of
from simulator.recording import Means, Recording
from simulator.replay_simulate import simulate_again
from simulator.replay_verify import verify_run
from simulator.scenario import Scenario
from store.log_reader import read_events
from store.memory import IndexLimits
from store.pattern_file import CarriedPattern, encode_patterns
from store.run_folder import RunFolder
from tests.torture.cutting import copy_derived, cut
from tests.torture.drawn_learning import drawn_patterns
from tests.torture.drawn_scenarios import aimed, drawn_scenario
from tests.torture.killing import killing_agents
from tests.torture.learning_oracles import other_truths, without_truths, wrong_answers, wrong_memory
from tests.torture.little_memory import PROTOTYPE_COUNT, drawn_limits, little_memory
from tests.torture.outcome import Effort, Outcome
from tests.torture.runs import Done, digest_of, record, resume

SECONDS_MAX = 240
SHORT_SCENARIOS, FULL_SCENARIOS = 2, 2_000
INVARIANTS_EVERY, PROCESSES_EVERY = 3, 10
EVENTS_WITH_PROCESSES_MAX = 5_000
CUTS = 3
INTERRUPTIONS = 3
STEPS_BETWEEN_STOPS = 12
CACHE_SIZE = 2
"""Of the answers that WITNESS keeps, where it keeps few."""
FOUND_SHOWN_MAX = 10
TORN_SHARES = (0.0, 0.5, 0.99)
TELLING = ("fault.injected", "agent.crashed", "agent.started", "delivery.failed", "delivery.deduplicated")
"""Types of events behind which a cut is most likely to hurt."""
RARE = ("review.requested", "pattern.imported", "pattern.forgotten", "memory.reindexed")
"""Types of events that have to come in some scenario."""
LEARNING = (*RARE, "pattern.learned", "feedback.given")
"""Types of events around which the log is cut."""


class Tally:
    """What all scenarios together found."""

    def __init__(self) -> None:
        self.scenarios = self.events = self.faults = self.resumed = self.judged = 0
        self.with_processes = self.killed = self.compared = 0
        self.types = dict.fromkeys(RARE, 0)
        self.found: list[str] = []

    def count(self, events: list[Event]) -> None:
        self.scenarios += 1
        self.events += len(events)
        self.faults += sum(isinstance(event.data, FaultInjected) for event in events)
        for event in events:
            if event.type in self.types:
                self.types[event.type] += 1

    def add_killed(self, count: int) -> None:
        self.killed += count


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
        **tally.types,
        "resumed": tally.resumed,
        "judged": tally.judged,
        "with_processes": tally.with_processes,
        "agents_killed": tally.killed,
        "broken": len(tally.found),
    }
    title = "; ".join(("drawn scenarios", *tally.found[:FOUND_SHOWN_MAX]))
    positive = ("faults", "resumed", "judged", "with_processes", *(RARE if effort.is_full else ()))
    return [Outcome(title, tally.scenarios, figures, ("broken",), positive)]


def findings(seed: int, tally: Tally) -> list[str]:
    """What does not hold for the scenario of a seed."""
    scenario = drawn_scenario(seed)
    patterns = drawn_patterns(scenario, seed)
    pattern_count = min(PROTOTYPE_COUNT + len(patterns or ()), scenario.witness.patterns_max)
    limits = drawn_limits(Random(f"limits {seed}"), pattern_count)
    with TemporaryDirectory() as scratch, little_memory(limits, Path(scratch, "little")):
        try:
            return list(_Trial(seed, scenario, patterns, limits, Path(scratch), tally).findings())
        except (TrinityError, AssertionError, LookupError) as error:
            return [f"{type(error).__name__}: {error}"]


class _Trial:
    """One drawn scenario and all that is done to it; ``findings`` may be asked once."""

    def __init__(
        self,
        seed: int,
        scenario: Scenario,
        patterns: list[CarriedPattern] | None,
        limits: IndexLimits,
        scratch: Path,
        tally: Tally,
    ) -> None:
        self._seed = seed
        self._random = Random(f"trial {seed}")
        self._scratch = scratch
        self._tally = tally
        self._limits = limits
        self._folder_count = 0
        self._take(scenario, patterns)
        if seed % 2:
            self._aim()
        self._done = self._recorded()
        self._events = list(read_events(self._done.folder.events))

    def _take(self, scenario: Scenario, patterns: list[CarriedPattern] | None) -> None:
        """From here on the file with the patterns is gone: what the folder of a run has must do."""
        self._patterns = patterns or []
        path = self._scratch / "patterns"
        if patterns is not None:
            path.write_text(encode_patterns("hashing-v1", 512, patterns))
            witness = replace(scenario.witness, memory=str(path), memory_sha256=None)
            scenario = with_memory(replace(scenario, witness=witness))
        self._scenario, self._provisions = scenario, provisions_of(scenario)
        path.unlink(missing_ok=True)

    def _aim(self) -> None:
        """At the moments of a first run; some begin with what that one learned."""
        first = self._recorded()
        events = read_events(first.folder.events)
        scenario = aimed(self._scenario, self._seed, sorted({event.time_ns for event in events}))
        carried = self._scenario.witness.memory is None or self._random.random() < 0.5
        self._take(scenario, learned_by(first.folder) if carried else self._patterns)

    def findings(self) -> Iterator[str]:
        self._tally.count(self._events)
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
        yield from wrong_answers(self._scenario, self._events)
        yield from wrong_memory(self._scenario, self._events, self._patterns, self._limits)
        if self._seed % INVARIANTS_EVERY == 0:
            yield from self._broken_invariants(self._done.folder)
            yield from self._broken_invariants(self._resumed(self._any_seq()).folder)

    def _ways(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Everything that has to lead to the same log; each returns the digest of what it led to."""
        yield "windows of one", partial(self._in_windows, 1, 1)
        window, batch = self._random.choice((2, 7, 50)), self._random.choice((2, 3, 10))
        yield f"windows of {window} in batches of {batch}", partial(self._in_windows, window, batch)
        for seq in self._cuts():
            yield f"resumed at {seq}", partial(self._resumed_digest, seq)
        yield "resumed twice", self._resumed_twice
        yield "interrupted", self._interrupted
        yield "verified", self._verified
        yield "simulated again", lambda: simulate_again(self._done.folder, lambda count: None).digest
        yield "truth", self._with_other_truths
        if self._seed % PROCESSES_EVERY == 0 and len(self._events) <= EVENTS_WITH_PROCESSES_MAX:
            yield "processes", lambda: self._recorded("processes").digest
            yield "processes that are killed", self._with_kills
            yield "resumed by processes", partial(self._resumed_digest, self._cuts()[-1], "processes")

    def _path(self) -> Path:
        self._folder_count += 1
        return self._scratch / f"run{self._folder_count}"

    def _recorded(self, transport: Transport = "inproc") -> Done:
        return record(self._scenario, self._path(), transport, self._provisions)

    def _in_windows(self, window: int, batch: int) -> str:
        """Also, what WITNESS keeps to be quicker is little."""
        narrow = partial(compose.engine_of, window_deliveries_max=window)
        with ExitStack() as stack:
            stack.enter_context(patch.object(compose, "engine_of", narrow))
            stack.enter_context(patch.object(inbox, "BATCH_DELIVERIES_MAX", batch))
            little = partialmethod(Witness.__init__, cache_size_max=CACHE_SIZE)
            stack.enter_context(patch.object(Witness, "__init__", little))
            return self._recorded().digest

    # -- cut and taken up again

    def _cuts(self) -> list[int]:
        """Behind which events the log is cut: anywhere, and where it is most likely to hurt."""
        cuts = [self._any_seq() for _ in range(CUTS)]
        for hurts in (_is_store_fault, lambda event: event.type in TELLING):
            found = [event.seq for event in self._events if hurts(event)]
            cuts += [self._random.choice(found)] if found else []
        found = [event.seq for event in self._events if event.source == REVIEWER]
        cuts += [self._random.choice(found) - 1] if found else []  # between what is answered and the answer
        for learning in LEARNING:
            found = [event.seq for event in self._events if event.type == learning]
            cuts += [self._random.choice(found) - self._random.choice((0, 1))] if found else []
        return cuts

    def _any_seq(self) -> int:
        return self._random.randrange(len(self._events))

    def _resumed(self, seq: int, transport: Transport = "inproc", of: RunFolder | None = None) -> Done:
        self._tally.resumed += 1
        folder = self._cut(of or self._done.folder, seq)
        done = resume(scenario_of(folder), folder, transport)
        self._prove(folder)
        return done

    def _resumed_digest(self, seq: int, transport: Transport = "inproc") -> str:
        return self._resumed(seq, transport).digest

    def _resumed_twice(self) -> str:
        once = self._resumed(self._any_seq())
        if once.digest != self._done.digest:
            return once.digest
        return self._resumed(self._any_seq(), of=once.folder).digest

    def _interrupted(self) -> str:
        """Cut, and stopped by a person again and again while it goes on."""
        folder = self._cut(self._done.folder, self._any_seq())
        for _ in range(INTERRUPTIONS):
            watcher = _stopping_after(self._random.randint(0, STEPS_BETWEEN_STOPS))
            recorded = Recording(self._scenario, folder, Means("inproc"), watcher).resume()
            if recorded.status != "interrupted":
                return digest_of(folder)
        digest = resume(self._scenario, folder).digest
        self._prove(folder)
        return digest

    def _cut(self, of: RunFolder, seq: int) -> RunFolder:
        """A run as kill -9 leaves it; every other one has derived files, which may be ahead of its log."""
        share = self._random.choice(TORN_SHARES)
        folder = cut(self._scenario, self._provisions, of, self._path(), seq, share)
        if self._random.random() < 0.5:
            copy_derived(self._done.folder, folder)
        return folder

    def _prove(self, folder: RunFolder) -> None:
        """What was known before each end is what is known after it."""
        self._tally.compared += 1
        compared = compare_persistence(folder)
        assert compared, "nothing to compare"
        changed = [each for each in compared if not each.is_equal]
        assert not changed, f"changed by an end: {changed[0]}"

    # -- replayed and judged

    def _verified(self) -> str:
        verified = verify_run(self._done.folder, lambda count: None)
        assert verified.is_complete, "not verified up to its end"
        assert verified.event_count == len(self._events), f"{verified.event_count} events verified"
        self._prove(self._done.folder)
        return self._done.digest

    def _with_other_truths(self) -> str:
        """Nobody but the reviewer has a way to tell that the truth is another one."""
        with other_truths(self._seed):
            other = list(read_events(self._recorded().folder.events))
        pairs = zip_longest(without_truths(self._events), without_truths(other))
        differing = [seq for seq, (event, changed) in enumerate(pairs, start=1) if event != changed]
        assert not differing, f"event {differing[0]} depends on it"
        return self._done.digest

    def _broken_invariants(self, folder: RunFolder) -> Iterator[str]:
        self._tally.judged += 1
        with open_database(folder) as database:
            for result in run_invariants(database, limits_of(self._scenario)):
                if not result.passed:
                    yield f"{result.name}: {result.finding}, {result.violations[:1]}"

    def _with_kills(self) -> str:
        self._tally.with_processes += 1
        with killing_agents(Random(self._seed), self._tally.add_killed):
            return self._recorded("processes").digest


def _is_store_fault(event: Event) -> bool:
    return isinstance(event.data, FaultInjected) and event.data.kind in STORE_KINDS


def _stopping_after(asks: int) -> Watcher:
    left = iter(range(asks))
    return Watcher(lambda now_ns, count: None, lambda: next(left, None) is None)
