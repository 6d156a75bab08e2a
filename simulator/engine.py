"""The loop: takes the earliest thing that is decided, advances the clock, acts.

Must not know which driver or transport it has.

See docs/design.md, "Time, and why the windows may look ahead". Entries of the heap are ordered by plain
numbers, ``(time_ns, priority, ordinal)``, which come from content alone; so the log does not depend on how
much is handed out at once or on the order in which handlings come back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from msgspec import Struct

from bus.bodies import Body, DeliveryAcknowledged, DeliveryDeadLettered, DeliveryFailed, LimitReached
from bus.events import Delivery, Draft, Event, Handling, Message
from bus.queues import Queues
from bus.routing import UNREACHABLE_NS, Routes
from bus.sequencer import Cause, Sequencer
from simulator.clock import VirtualClock
from simulator.drivers.driver import Driver, Handled
from simulator.inbox import Inbox, Parcel

PRIORITY_TIMER = 0
PRIORITY_WORKLOAD = 1
PRIORITY_AGENT = 2
"""Of the first agent; each further one has the next number."""
STEPS_PER_ASK = 512
"""Steps between two questions whether to stop."""
WORKLOAD_AHEAD_MAX = 2_048
"""Items of the workload that are decided and not yet committed."""


class Item(NamedTuple):
    """Something that the world does, whatever the agents do."""

    time_ns: int
    drafts: Sequence[Draft]


class Monitor(Protocol):
    """Watches committed events of some types and may answer with events of its own."""

    watches: tuple[type[Body], ...]

    def observe(self, event: Event) -> Sequence[Draft]:
        """Drafts to commit right after, caused by this event."""


class Timer(NamedTuple):
    """Something that happens every ``interval_ns`` from the start until the engine is done."""

    interval_ns: int
    act: Callable[[int], None]


class _Decided(Struct, frozen=True, gc=False):
    """A commit whose content cannot change any more and whose turn has not come."""

    source: str
    drafts: Sequence[Draft]
    parcels: Sequence[tuple[int, Parcel]]
    cause: Parcel | None
    settles: bool


class Engine:
    """A discrete-event simulation of a workload and agents, committed in the order of bus time.

    ``distances_ns`` is :func:`bus.routing.distances_ns`; ``service_ns_min`` gives the agents in the order
    of their priority.
    """

    def __init__(
        self,
        *,
        clock: VirtualClock,
        sequencer: Sequencer,
        queues: Queues,
        routes: Routes,
        driver: Driver,
        service_ns_min: Mapping[str, int],
        distances_ns: Mapping[tuple[str, str], int],
        workload: Iterable[Item],
        end_ns: int,
        monitors: Sequence[Monitor] = (),
        window_deliveries_max: int = WORKLOAD_AHEAD_MAX,
    ) -> None:
        self.clock = clock
        self.end_ns = end_ns
        self.queues = queues
        self._sequencer = sequencer
        self._routes = routes
        self._driver = driver
        self._distances_ns = distances_ns
        self._inboxes = {agent: _inbox(agent, ns, routes) for agent, ns in service_ns_min.items()}
        self._priorities = {agent: PRIORITY_AGENT + n for n, agent in enumerate(service_ns_min)}
        self._ordinals = dict.fromkeys(service_ns_min, 0)
        self._monitors = {body: monitor for monitor in monitors for body in monitor.watches}
        self._heap: list[tuple[int, int, int, Callable[[int], None]]] = []
        self._workload: Iterator[Item] = iter(workload)
        self._next_item = next(self._workload, None)
        self._workload_count = 0
        self._open_count = 0
        self._ahead_count = 0
        self._ahead_max = window_deliveries_max
        self._safe_key: tuple[int, int, int] = (0, 0, 0)

    def every(self, *timers: Timer) -> None:
        """Add timers; call before the first step.

        At one moment they act in this order, before anything else.
        """
        for ordinal, timer in enumerate(timers):
            self._schedule(timer, self.clock.now_ns, ordinal)

    @property
    def is_done(self) -> bool:
        """The duration is over and nothing is decided or on its way."""
        return not self._has_work and (not self._heap or self._heap[0][0] >= self.end_ns)

    @property
    def event_count(self) -> int:
        """Events committed so far."""
        return self._sequencer.last_seq

    def step(self) -> None:
        """Act on the earliest entry, or look ahead when something undecided could still come before it."""
        if not self._heap or self._heap[0] >= self._safe_key:
            self._look_ahead()
            return
        time_ns, _, _, act = heappop(self._heap)
        self.clock.advance(time_ns)
        act(time_ns)

    def run(self, stop: Callable[[], bool]) -> bool:
        """Step until nothing is left or ``stop()`` says so; whether everything is done."""
        while not self.is_done:
            if stop():
                return False
            for _ in range(STEPS_PER_ASK):
                self.step()
                if not self._open_count and self.is_done:
                    break
        return True

    def record(self, time_ns: int, source: str, drafts: Sequence[Draft], cause: Cause | None = None) -> None:
        """Commit facts that no agent receives, now."""
        self._observe(self._sequencer.commit(time_ns, source, drafts, cause))

    # -- deciding
    # ----------------------------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Hand out all that is safe to handle; if that frees nothing to act on, wait for a handling."""
        self._pull()
        self._submit()
        self._safe_key = self._earliest_undecided()
        is_stuck = not self._heap or self._heap[0] >= self._safe_key
        if is_stuck and not self.is_done:
            assert any(inbox.is_busy for inbox in self._inboxes.values()), "nothing to wait for"
            self._decide_handled(self._driver.collect())
            self._safe_key = (0, 0, 0)

    def _earliest_undecided(self) -> tuple[int, int, int]:
        """No commit that is still undecided has a key below this one."""
        finish_ns = min(inbox.earliest_finish_ns() for inbox in self._inboxes.values())
        if self._next_item is None:
            return finish_ns, PRIORITY_TIMER, 0
        # Many items may share a moment: those that are decided come before the next one.
        next_key = (self._next_item.time_ns, PRIORITY_WORKLOAD, self._workload_count + 1)
        return min((finish_ns, PRIORITY_TIMER, 0), next_key)

    def _pull(self) -> None:
        """Decide items of the workload, which depends on nothing, up to the limit."""
        while self._next_item is not None and self._ahead_count < self._ahead_max:
            item = self._next_item
            self._workload_count += 1
            self._ahead_count += 1
            key = (item.time_ns, PRIORITY_WORKLOAD, self._workload_count)
            self._decide("workload", item.drafts, key, f"workload-{self._workload_count}")
            self._next_item = next(self._workload, None)

    def _submit(self) -> None:
        finishes_ns = {agent: inbox.earliest_finish_ns() for agent, inbox in self._inboxes.items()}
        for agent, inbox in self._inboxes.items():
            if inbox.is_busy or finishes_ns[agent] == UNREACHABLE_NS:
                continue
            bound_ns = min(ns + self._distances_ns[other, agent] for other, ns in finishes_ns.items())
            if self._next_item is not None:
                bound_ns = min(bound_ns, self._next_item.time_ns)
            batch = inbox.take(bound_ns)
            if batch:
                self._driver.submit(agent, batch)

    def _decide_handled(self, handled: Handled) -> None:
        agent = handled.agent
        inbox = self._inboxes[agent]
        priority = self._priorities[agent]
        for attempts in handled.attempts:
            parcel = inbox.resolve(attempts[-1].finished_ns)
            for handling in attempts:
                self._ordinals[agent] += 1
                drafts = [Draft(_receipt(parcel, handling)), *handling.drafts]
                key = (handling.finished_ns, priority, self._ordinals[agent])
                settles = handling.outcome != "failed"
                self._decide(agent, drafts, key, parcel.delivery.key, parcel, settles)

    def _decide(
        self,
        source: str,
        drafts: Sequence[Draft],
        key: tuple[int, int, int],
        path: str,
        cause: Parcel | None = None,
        settles: bool = False,
    ) -> None:
        """From here on the commit cannot change. ``path`` is its causal path: the key of its messages."""
        time_ns = key[0]
        parcels = []
        for index, draft in enumerate(drafts):
            if draft.queue is None:
                continue
            route = self._routes.route(draft.queue)
            arrived_ns = time_ns + route.delay_ns
            message = Message(time_ns, source, draft.queue, draft.data)
            parcel = Parcel(Delivery(f"{path}.{index}", arrived_ns, message), draft.queue)
            parcels.append((index, parcel))
            self._inboxes[route.consumer].put((arrived_ns, *key, index), parcel)
        self._open_count += 1
        decided = _Decided(source, drafts, parcels, cause, settles)
        act: Callable[[int], None] = partial(self._commit, decided)
        heappush(self._heap, (*key, act))

    # -- committing
    # --------------------------------------------------------------------------------------------------

    def _commit(self, decided: _Decided, time_ns: int) -> None:
        cause = decided.cause
        self._open_count -= 1
        if cause is None:
            self._ahead_count -= 1
            events = self._sequencer.commit(time_ns, decided.source, decided.drafts)
        else:
            at = Cause(cause.seq, cause.correlation_seq)
            events = self._sequencer.commit(time_ns, decided.source, decided.drafts, at)
            if decided.settles:
                self._inboxes[decided.source].settled(cause.queue)
        for index, parcel in decided.parcels:
            parcel.seq = events[index].seq
            parcel.correlation_seq = events[index].correlation_seq
        self._observe(events)
        for _, parcel in decided.parcels:
            self._refuse_if_full(time_ns, parcel)

    def _observe(self, events: Sequence[Event]) -> None:
        for event in events:
            self.queues.apply(event)
            monitor = self._monitors.get(type(event.data))
            if monitor is not None:
                drafts = monitor.observe(event)
                if drafts:
                    cause = Cause(event.seq, event.correlation_seq)
                    self.record(event.time_ns, "sequencer", drafts, cause)

    def _refuse_if_full(self, time_ns: int, parcel: Parcel) -> None:
        queue = self.queues.queue(parcel.queue)
        depth_max = queue.route.depth_max
        if queue.depth <= depth_max:
            return
        parcel.accepted = False
        self._inboxes[queue.route.consumer].settled(parcel.queue)
        drafts = [
            Draft(
                DeliveryDeadLettered(
                    parcel.queue, 0, f"the queue is full: {depth_max} deliveries are pending"
                )
            ),
            Draft(LimitReached("queue_depth_max", parcel.queue, depth_max)),
        ]
        self.record(time_ns, "sequencer", drafts, Cause(parcel.seq, parcel.correlation_seq))

    def _schedule(self, timer: Timer, time_ns: int, ordinal: int) -> None:
        def act(now_ns: int) -> None:
            timer.act(now_ns)
            self._schedule(timer, now_ns + timer.interval_ns, ordinal)

        heappush(self._heap, (time_ns, PRIORITY_TIMER, ordinal, act))

    @property
    def _has_work(self) -> bool:
        """The same at a moment of bus time however far ahead was looked: decided or not, it is work."""
        return (
            self._open_count > 0
            or self._next_item is not None
            or any(i.earliest_finish_ns() != UNREACHABLE_NS for i in self._inboxes.values())
        )


def _inbox(agent: str, service_ns_min: int, routes: Routes) -> Inbox:
    return Inbox(service_ns_min, {route.queue: route.depth_max for route in routes.consumed_by(agent)})


def _receipt(parcel: Parcel, handling: Handling) -> Body:
    """The first event of a handling's commit: what became of the delivery."""
    queue = parcel.queue
    arrived_ns = parcel.delivery.arrived_ns
    attempt, started_ns, finished_ns = handling.attempt, handling.started_ns, handling.finished_ns
    if handling.outcome == "acknowledged":
        return DeliveryAcknowledged(queue, attempt, arrived_ns, started_ns, finished_ns)
    if handling.outcome == "failed":
        return DeliveryFailed(queue, attempt, arrived_ns, started_ns, finished_ns, handling.reason)
    return DeliveryDeadLettered(queue, attempt, handling.reason)
