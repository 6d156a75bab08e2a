"""The loop: takes the earliest thing that is decided, advances the clock, acts.

Must not know which driver or transport it has.

See docs/design.md, "Time, and why the windows may look ahead". Entries of the heap are ordered by plain
numbers, ``(time_ns, priority, ordinal)``, which come from content alone; so the log does not depend on how
much is handed out at once or on the order in which handlings come back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from bus.bodies import Body, DeliveryDeadLettered, LimitReached
from bus.errors import ProtocolError
from bus.events import Draft, Event, Handling
from bus.keys import REVIEWER, SEQUENCER, WORKLOAD, answer_path
from bus.queues import Queues
from bus.routing import UNREACHABLE_NS
from bus.sequencer import Cause, Sequencer
from simulator.border import Border
from simulator.clock import VirtualClock
from simulator.decided import Answered, Decided, Undone
from simulator.drivers.driver import Driver, Handled
from simulator.inbox import Parcel
from simulator.links import Fact, Links
from simulator.post import Post, Sent
from simulator.receipts import receipt
from simulator.reviewer import NoReviewer, Reviewer
from simulator.timetable import (
    PRIORITY_AGENT,
    PRIORITY_TIMER,
    PRIORITY_WORKLOAD,
    Act,
    CommitKey,
    Timer,
    Timetable,
)

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


class Engine:
    """A discrete-event simulation of a workload and agents, committed in the order of bus time.

    Agents' priorities are their order in ``post``.
    """

    def __init__(
        self,
        *,
        clock: VirtualClock,
        sequencer: Sequencer,
        queues: Queues,
        post: Post,
        links: Links,
        border: Border,
        driver: Driver,
        workload: Iterable[Item],
        end_ns: int,
        monitors: Sequence[Monitor] = (),
        reviewer: Reviewer | None = None,
        window_deliveries_max: int = WORKLOAD_AHEAD_MAX,
    ) -> None:
        self.clock = clock
        self.end_ns = end_ns
        self.queues = queues
        self.post = post
        self._links = links
        self._border = border
        self._reviewer = reviewer or NoReviewer()
        self._sequencer = sequencer
        self._driver = driver
        self._priorities = {agent: PRIORITY_AGENT + n for n, agent in enumerate(post.inboxes)}
        self._ordinals = dict.fromkeys(post.inboxes, 0)
        self._undone: dict[str, deque[Undone]] = {agent: deque() for agent in post.inboxes}
        self._monitors: dict[type[Body], list[Monitor]] = {}
        for monitor in monitors:
            for body in monitor.watches:
                self._monitors.setdefault(body, []).append(monitor)
        self._timetable = Timetable()
        self._workload: Iterator[Item] = iter(workload)
        self._next_item = next(self._workload, None)
        self._workload_count = 0
        self._open_count = 0
        self._ahead_count = 0
        self._ahead_max = window_deliveries_max
        self._safe_key: CommitKey = (0, 0, 0)

    def at(self, time_ns: int, act: Act) -> None:
        """Let something happen at a moment, before all else of that moment; in the order of the calls."""
        self._timetable.at(time_ns, act)

    def every(self, *timers: Timer) -> None:
        """Add timers; call before the first step.

        At one moment they act in this order, before workload and agents.
        """
        for ordinal, timer in enumerate(timers):
            self._timetable.every(timer, self.clock.now_ns, ordinal)

    @property
    def is_done(self) -> bool:
        """The duration is over and nothing is decided or on its way."""
        return not self._has_work and self._timetable.is_over(self.end_ns)

    @property
    def event_count(self) -> int:
        """Events committed so far."""
        return self._sequencer.last_seq

    def undone(self, agent: str, done_count: int) -> Sequence[Undone]:
        """What an agent has handled but for its first ``done_count`` attempts, in order.

        A log that is caught up with has attempts that are decided here and not yet committed again.
        """
        undone = tuple(self._undone[agent])
        committed_count = self._ordinals[agent] - len(undone)
        return undone[max(0, done_count - committed_count) :]

    def step(self) -> None:
        """Act on the earliest entry, or look ahead when something undecided could still come before it."""
        if self._timetable.is_quiet_before(self._safe_key):
            self._look_ahead()
            return
        time_ns, act = self._timetable.pop()
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

    def record(
        self, time_ns: int, source: str, drafts: Sequence[Draft], cause: Cause | None = None
    ) -> Sequence[Event]:
        """Commit facts that no agent receives, now."""
        events = self._sequencer.commit(time_ns, source, drafts, cause)
        self._observe(events)
        return events

    # -- deciding
    # ----------------------------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Hand out all that is safe to handle; if that frees nothing to act on, wait for a handling."""
        self._pull()
        self._submit()
        self._safe_key = self._earliest_undecided()
        if self._timetable.is_quiet_before(self._safe_key) and not self.is_done:
            assert any(inbox.is_busy for inbox in self.post.inboxes.values()), "nothing to wait for"
            self._decide_handled(self._driver.collect())
            self._safe_key = (0, 0, 0)

    def _earliest_undecided(self) -> CommitKey:
        """No commit that is still undecided has a key below this one."""
        finish_ns = self.post.earliest_finish_ns()
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
            drafts = [self._border.clean(draft) for draft in item.drafts]
            self._reviewer.learn(drafts)
            self._decide(WORKLOAD, drafts, key, f"{WORKLOAD}-{self._workload_count}")
            self._next_item = next(self._workload, None)

    def _submit(self) -> None:
        outside_ns = UNREACHABLE_NS if self._next_item is None else self._next_item.time_ns
        for agent, bound_ns in list(self.post.bounds(outside_ns)):
            batch = self.post.inboxes[agent].take(bound_ns)
            if batch:
                self._driver.submit(agent, batch)

    def _decide_handled(self, handled: Handled) -> None:
        agent = handled.agent
        inbox = self.post.inboxes[agent]
        for attempts in handled.attempts:
            for handling in attempts:
                if not inbox.is_busy or not self._decide_attempt(agent, handling):
                    inbox.lose()
                    return

    def _decide_attempt(self, agent: str, handling: Handling) -> bool:
        """Decide the commit of one attempt; False if the agent is gone before it could be on the log."""
        inbox = self.post.inboxes[agent]
        parcel = inbox.head
        if (parcel.original is None) == (handling.outcome == "deduplicated"):
            raise ProtocolError(f"{agent} did not tell a copy of {parcel.delivery.key} from the event itself")
        key = parcel.delivery.key
        passage = self._links.answer(key, agent, handling.attempt, handling.finished_ns)
        answered_ns = max(passage.arrivals_ns[0], inbox.answered_ns)
        if inbox.is_lost(answered_ns):
            return False
        inbox.answered_ns = answered_ns
        if handling.outcome == "failed":
            inbox.failed(handling.finished_ns)
        else:
            inbox.resolve(handling.finished_ns)
        self._ordinals[agent] += 1
        place = (answered_ns, self._priorities[agent], self._ordinals[agent])
        settled = Draft(receipt(parcel.queue, parcel.delivery.arrived_ns, handling))
        drafts = [self._border.clean(settled), *self._border.admit(agent, handling.drafts)]
        self._undone[agent].append(Undone(key, handling))
        self._decide(agent, drafts, place, key, parcel, handling, passage.facts)
        return True

    def _decide(
        self,
        source: str,
        drafts: Sequence[Draft],
        key: CommitKey,
        path: str,
        cause: Parcel | None = None,
        handling: Handling | None = None,
        facts: Sequence[Fact] = (),
    ) -> None:
        """From here on the commit cannot change. ``path`` is its causal path: the key of its messages."""
        sent = self.post.send(source, drafts, key, path)
        self._open_count += 1
        answer = None if cause is None else self._answer(cause, drafts, key, path)
        decided = Decided(source, drafts, sent, cause, handling, facts, answer)
        self._timetable.push(key, partial(self._commit, decided))

    def _answer(self, cause: Parcel, drafts: Sequence[Draft], key: CommitKey, path: str) -> Answered | None:
        answer = self._reviewer.answer(cause, drafts)
        if answer is None:
            return None
        said = [self._border.clean(answer.draft)]
        sent = self.post.send(REVIEWER, said, key, answer_path(path), behind=len(drafts))
        return Answered(answer.offset, said, sent)

    # -- committing
    # --------------------------------------------------------------------------------------------------

    def _commit(self, decided: Decided, time_ns: int) -> None:
        self._open_count -= 1
        cause = decided.cause
        if cause is None:
            self._ahead_count -= 1
            at = None
        else:
            at = Cause(cause.event.seq, cause.event.correlation_seq)
            self._settle(decided, cause)
            if decided.facts:
                self.record(time_ns, SEQUENCER, [fact.draft for fact in decided.facts], at)
        events = self._sequencer.commit(time_ns, decided.source, decided.drafts, at)
        sent = self._seat(events, decided.sent)
        self._observe(events)
        if decided.answer is not None:
            about = events[decided.answer.offset]
            cause_of_answer = Cause(about.seq, about.correlation_seq)
            answers = self.record(time_ns, REVIEWER, decided.answer.drafts, cause_of_answer)
            sent = [*sent, *self._seat(answers, decided.answer.sent)]
        for each in sent:
            if not self._refuse_if_full(time_ns, each.parcel):
                for fact in each.facts:
                    self._expect_fact(each.parcel, fact, time_ns)

    def _seat(self, events: Sequence[Event], sent: Sequence[Sent]) -> Sequence[Sent]:
        """Tell what is on its way its place on the log."""
        for offset, parcel, _ in sent:
            parcel.seq = events[offset].seq
            parcel.correlation_seq = events[offset].correlation_seq
        return sent

    def _settle(self, decided: Decided, cause: Parcel) -> None:
        self._undone[decided.source].popleft()
        if cause.original is None and decided.handling and decided.handling.outcome != "failed":
            self.post.inboxes[decided.source].settled(cause.queue)

    def _observe(self, events: Sequence[Event]) -> None:
        for event in events:
            self.queues.apply(event)
            for monitor in self._monitors.get(type(event.data), ()):
                drafts = monitor.observe(event)
                if drafts:
                    cause = Cause(event.seq, event.correlation_seq)
                    self.record(event.time_ns, SEQUENCER, drafts, cause)

    def _expect_fact(self, parcel: Parcel, fact: Fact, now_ns: int) -> None:
        """Facts are ordered by the events that they are about, so this can wait until those are committed."""

        def act(time_ns: int) -> None:
            self._open_count -= 1
            self.record(time_ns, SEQUENCER, [fact.draft], Cause(parcel.seq, parcel.correlation_seq))
            if isinstance(fact.draft.data, DeliveryDeadLettered):
                self.post.inbox_of(parcel.queue).settled(parcel.queue)

        self._open_count += 1
        self._timetable.after(max(fact.time_ns, now_ns), act)

    def _refuse_if_full(self, time_ns: int, parcel: Parcel) -> bool:
        queue = self.queues.queue(parcel.queue)
        depth_max = queue.route.depth_max
        if queue.depth <= depth_max:
            return False
        parcel.accepted = False
        self.post.inbox_of(parcel.queue).settled(parcel.queue)
        reason = f"the queue is full: {depth_max} deliveries are pending"
        drafts = [
            Draft(DeliveryDeadLettered(parcel.queue, 0, reason, "queue_full")),
            Draft(LimitReached("queue_depth_max", parcel.queue, depth_max)),
        ]
        self.record(time_ns, SEQUENCER, drafts, Cause(parcel.seq, parcel.correlation_seq))
        return True

    @property
    def _has_work(self) -> bool:
        """The same at a moment of bus time however far ahead was looked: decided or not, it is work."""
        return (
            self._open_count > 0
            or self._next_item is not None
            or self.post.earliest_finish_ns() != UNREACHABLE_NS
        )
