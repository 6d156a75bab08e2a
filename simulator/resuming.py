"""Taking a run up again from its log: the engine starts anew, and what is on the log is not done again.

Must not guess: whatever the engine would have written differently stops the run.

State is a fold, so the engine's is rebuilt by running it: handlings that are on the log are read there, every
commit is compared with the log, and the first one beyond it is where the run goes on. Agents are told what
they knew and see only what is not on the log.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from agents.settled import Settled
from bus.bodies import (
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
)
from bus.codec import unseal_line
from bus.events import Delivery, Draft, Event, Handling, Recalled
from bus.keys import Keys
from bus.sequencer import Log
from simulator.drivers.driver import Driver, Handled, LastWord
from simulator.errors import ResumeDiverged


class ComparedLog:
    """A log that has events already: they are compared with what is appended, and only the rest is new.

    ``lines`` are those of its first ``last_seq`` events. ``on_caught_up`` is called before the first new one.
    """

    def __init__(
        self, lines: Iterable[bytes], last_seq: int, log: Log, on_caught_up: Callable[[], None]
    ) -> None:
        self._lines = iter(lines)
        self._last_seq = last_seq
        self._log = log
        self._on_caught_up = on_caught_up
        self.is_catching_up = last_seq > 0

    def append(self, first_seq: int, events_json: Sequence[bytes]) -> None:
        """Raises ResumeDiverged at the first event that is not what the log says."""
        if first_seq > self._last_seq:
            if first_seq == self._last_seq + 1 > 1:
                self._on_caught_up()
            self._log.append(first_seq, events_json)
            return
        for seq, event_json in enumerate(events_json, start=first_seq):
            recorded_json = unseal_line(next(self._lines))
            if recorded_json != event_json:
                raise ResumeDiverged(seq, recorded_json, event_json)
        self.is_catching_up = first_seq + len(events_json) <= self._last_seq


class _Group(Struct):
    """All attempts at one delivery that are on the log."""

    last_seq: int
    handlings: list[Handling]


class RecordedHandlings:
    """The handlings of a log, found by delivery; the log is read on as far as needed."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = iter(events)
        self._keys = Keys()
        self._settled: dict[str, Settled[int, str]] = {}
        """Keys of what each agent settled, by ``seq``: a copy may be handled long after that."""
        self._groups: dict[tuple[str, str, int], _Group] = {}

    def find(self, agent: str, delivery: Delivery) -> list[Handling]:
        """Attempts of an agent at a delivery, but for those that it already knows to have failed."""
        place = (agent, delivery.key, delivery.arrived_ns)
        while not self._is_whole(place) and self._read_commit():
            pass
        group = self._groups.get(place)
        if group is None:
            return []
        known_count = delivery.attempt_count
        return [h for h in group.handlings if h.outcome == "deduplicated" or h.attempt > known_count]

    def forget(self, up_to_seq: int) -> None:
        """Nobody will ask again for what was on the log up to there."""
        while self._groups:
            place = next(iter(self._groups))
            if self._groups[place].last_seq > up_to_seq:
                return
            del self._groups[place]

    def _is_whole(self, place: tuple[str, str, int]) -> bool:
        group = self._groups.get(place)
        return group is not None and group.handlings[-1].outcome != "failed"

    def _read_commit(self) -> bool:
        commit: list[Event] = []
        for event in self._events:
            self._keys.apply(event)
            commit.append(event)
            if event.seq == event.commit_seq:
                self._take(commit)
                return True
        return False

    def _take(self, commit: list[Event]) -> None:
        first = commit[0]
        if first.causation_seq is None or first.source == "sequencer":
            return
        handling, arrived_ns = _handling(first, tuple(Draft(e.data, e.queue) for e in commit[1:]))
        if handling is None:
            return
        place = (first.source, self._key(first.source, first.causation_seq, handling, arrived_ns), arrived_ns)
        group = self._groups.pop(place, _Group(0, []))
        group.handlings.append(handling)
        group.last_seq = commit[-1].seq
        self._groups[place] = group  # behind all that ended earlier

    def _key(self, agent: str, seq: int, handling: Handling, arrived_ns: int) -> str:
        """What the delivery of an event is called that an agent handled."""
        settled = self._settled.setdefault(agent, Settled())
        key = settled.get(seq) or self._keys.key(seq)
        if handling.outcome in ("acknowledged", "dead_lettered"):
            settled.add(seq, key, arrived_ns)
        return key


def _handling(receipt: Event, drafts: tuple[Draft, ...]) -> tuple[Handling | None, int]:
    """What led to a commit that begins with this receipt, and the arrival of its delivery."""
    body = receipt.data
    if isinstance(body, DeliveryAcknowledged):
        done = Handling(body.attempt, "acknowledged", body.started_ns, body.finished_ns, drafts)
    elif isinstance(body, DeliveryFailed):
        done = Handling(body.attempt, "failed", body.started_ns, body.finished_ns, drafts, body.reason)
    elif isinstance(body, DeliveryDeadLettered):
        done = Handling(body.attempt, "dead_lettered", body.started_ns, body.finished_ns, drafts, body.reason)
    elif isinstance(body, DeliveryDeduplicated):
        done = Handling(0, "deduplicated", body.arrived_ns, body.finished_ns, drafts)
    else:
        return None, 0
    return done, body.arrived_ns


class ResumingDriver:
    """Answers from the log what is there, and hands the rest to agents that know all that is on the log.

    ``is_catching_up`` tells whether the engine's next commit is one of those on the log; ``last_seq`` which
    one was the last.
    """

    def __init__(
        self,
        recorded: RecordedHandlings,
        driver: Driver,
        is_catching_up: Callable[[], bool],
        last_seq: Callable[[], int],
    ) -> None:
        self._recorded = recorded
        self._driver = driver
        self._is_catching_up = is_catching_up
        self._last_seq = last_seq
        self._answers: deque[Handled] = deque()
        self._touched: set[str] = set()
        """Agents, by name, that were ever given something to handle."""

    def submit(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        self._recorded.forget(self._last_seq())
        rest: Iterator[Delivery] = iter(deliveries)
        for delivery in rest:
            handlings = self._recorded.find(agent, delivery)
            if handlings:
                self._answers.append(Handled(agent, [handlings]))
            if not handlings or handlings[-1].outcome == "failed":
                failed_count = delivery.attempt_count + len(handlings)
                first = Delivery(delivery.key, delivery.arrived_ns, delivery.message, failed_count)
                self._touched.add(agent)
                self._driver.submit(agent, [first, *rest])

    def collect(self) -> Handled:
        return self._answers.popleft() if self._answers else self._driver.collect()

    def freeze(self, agent: str) -> None:
        self._answers = deque(answer for answer in self._answers if answer.agent != agent)
        if not self._is_idle(agent):
            self._driver.freeze(agent)

    def end(self, agent: str) -> None:
        self._answers = deque(answer for answer in self._answers if answer.agent != agent)
        if not self._is_idle(agent):
            self._driver.end(agent)

    def restart(self, agent: str, recalled: Recalled) -> int:
        if self._is_idle(agent):
            return len(recalled.bodies)
        self._driver.end(agent)
        return self._driver.restart(agent, recalled)

    def stop(self) -> list[LastWord]:
        return self._driver.stop()

    def close(self) -> None:
        self._driver.close()

    def _is_idle(self, agent: str) -> bool:
        """Its past outages are over, and it has done nothing that they could undo."""
        return self._is_catching_up() and agent not in self._touched
