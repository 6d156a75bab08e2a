"""One agent doing again what a log says that it did, with the answers its models gave. Must not read the log.

Every attempt is compared whole: the receipt, then each draft in its order.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agents.models.recorded import Recordings
from agents.runtime import Runtime
from agents.settled import Settled
from bus.bodies import (
    Body,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
    FaultInjected,
    ModelCalled,
)
from bus.events import Delivery, Draft, Event, Handling, Message, Recalled
from simulator.faults.kinds import MODEL_KINDS
from simulator.receipts import receipt
from simulator.replay_compare import (
    NOTHING,
    Difference,
    Divergence,
    ReplayDiverged,
    as_json,
    body_difference,
)

Admit = Callable[[str, Sequence[Draft]], list[Draft]]
"""What of an agent's drafts gets onto the log: :meth:`simulator.border.Border.admit`."""
RECEIPTS = (DeliveryAcknowledged, DeliveryFailed, DeliveryDeadLettered, DeliveryDeduplicated)


class Pending(NamedTuple):
    """An event on a queue, as its consumer gets it."""

    seq: int
    key: str
    message: Message
    undisturbed_ns: int
    """When it arrives if nothing happens on its way."""


class Compared(NamedTuple):
    """How much was found to be the same."""

    delivery_count: int = 0
    attempt_count: int = 0
    draft_count: int = 0
    model_call_count: int = 0
    state_count: int = 0

    def plus(self, other: "Compared") -> "Compared":
        return Compared(*(a + b for a, b in zip(self, other, strict=True)))


class AgentReplay:
    """``build`` makes the agent anew, with models that answer from the recordings.

    ``redact`` is asked only about what is not as recorded: there are no secrets on the log, so hardly any can
    come out of it, and old logs do not depend on what is taken for a secret today.

    The attempts at a delivery come one commit at a time; they are made again together, when the last one is
    there.
    """

    def __init__(
        self, build: Callable[[Recordings], Runtime], admit: Admit, redact: Callable[[Body], Body]
    ) -> None:
        self._admit = admit
        self._redact = redact
        self._recordings = Recordings()
        self._build = build
        self._runtime = build(self._recordings)
        self._open: Pending | None = None
        self._commits: list[Sequence[Event]] = []
        self._settled: Settled[int, Pending] = Settled()  # by seq, for as long as the agent remembers
        self.compared = Compared()

    def settled(self, seq: int) -> Pending | None:
        """A delivery that the agent settled before, for a copy of it."""
        return self._settled.get(seq)

    def attempted(self, pending: Pending, commit: Sequence[Event]) -> None:
        """Take what the log says about an attempt.

        Raises:
            ReplayDiverged: the agent does something else now.
        """
        first = commit[0]
        if self._open is not None and self._open.seq != pending.seq:
            raise diverged(
                first, Difference("causation_seq", as_json(pending.seq), as_json(self._open.seq)), pending
            )
        self._open = pending
        self._commits.append(commit)
        if not isinstance(first.data, DeliveryFailed):
            self._make_again()
            self._settle(pending, first.data)

    def cut(self) -> bool:
        """The log knows no more of what the agent was doing; whether it was in the middle of a delivery.

        What the agent did then beyond the log is nobody's truth: it must be :meth:`rebuilt` to go on.
        """
        was_open = self._open is not None
        if was_open:
            self._make_again()
        return was_open

    def told(self, body: Body) -> None:
        """Take in what the agent was told that it did not find out itself."""
        self._runtime.apply(body)

    def rebuilt(self, recalled: Recalled) -> None:
        """Begin anew with what a fold over the log says."""
        self._runtime = self._build(self._recordings)
        self._runtime.recall(recalled)

    def restarted(self, time_ns: int) -> None:
        """The agent is back from a crash and can begin nothing before."""
        self._runtime.free_ns = max(self._runtime.free_ns, time_ns)

    def stopped(self, event: Event) -> None:
        """Compare what the agent knew at the end; raises ReplayDiverged."""
        found = body_difference(event.data, self._runtime.stopped())
        if found is not None:
            raise diverged(event, found, None)
        self.compared = self.compared.plus(Compared(state_count=1))

    def _settle(self, pending: Pending, receipt_body: Body) -> None:
        if isinstance(receipt_body, DeliveryAcknowledged | DeliveryDeadLettered):
            self._settled.add(pending.seq, pending, receipt_body.arrived_ns)

    def _make_again(self) -> None:
        pending, commits = self._open, self._commits
        self._open, self._commits = None, []
        assert pending is not None
        delivery = _delivery(pending, commits[0][0].data)
        self._recordings.clear()
        for commit in commits:
            self._expect(delivery, commit)
        handlings = self._runtime.handle(delivery)
        for number, commit in enumerate(commits):
            if number >= len(handlings):
                raise diverged(commit[0], Difference("type", as_json(commit[0].type), NOTHING), pending)
            self._compare(pending, delivery, commit, handlings[number])
        self.compared = self.compared.plus(_extent(commits))

    def _expect(self, delivery: Delivery, commit: Sequence[Event]) -> None:
        calls = [event.data for event in commit if isinstance(event.data, ModelCalled)]
        faults = [event.data for event in commit if isinstance(event.data, FaultInjected)]
        by_models = [fault for fault in faults if fault.kind in MODEL_KINDS]
        self._recordings.expect(_attempt_key(delivery.key, commit[0].data), calls, by_models)

    def _compare(
        self, pending: Pending, delivery: Delivery, commit: Sequence[Event], handling: Handling
    ) -> None:
        first = commit[0]
        attempt_key = _attempt_key(delivery.key, first.data)
        call = self._recordings.unrecorded_call(attempt_key)
        if call is not None:
            asked = as_json(f"a call of {call.request_model}, prompt {call.prompt_sha256}")
            raise diverged(first, Difference(f"call {call.call_key}", NOTHING, asked), pending)
        replayed = receipt(pending.message.queue or "", delivery.arrived_ns, handling)
        recorded = _completed(first, delivery, handling)
        if recorded.TYPE != replayed.TYPE:
            outcome = f"{replayed.TYPE}: {handling.reason}" if handling.reason else replayed.TYPE
            raise diverged(first, Difference("type", as_json(recorded.TYPE), as_json(outcome)), pending)
        for event in commit:
            body = event.data
            if isinstance(body, ModelCalled) and self._recordings.is_unasked(attempt_key, body.call_number):
                raise diverged(event, Difference("type", as_json(event.type), NOTHING), pending)
        found = self._difference(recorded, replayed)
        if found is not None:
            raise diverged(first, found, pending)
        self._compare_drafts(pending, commit, self._admit(first.source, handling.drafts))

    def _compare_drafts(self, pending: Pending, commit: Sequence[Event], drafts: Sequence[Draft]) -> None:
        recorded = commit[1:]
        for event, draft in zip(recorded, drafts, strict=False):
            found = self._difference(event.data, draft.data)
            if found is None and event.queue != draft.queue:
                found = Difference("queue", as_json(event.queue), as_json(draft.queue))
            if found is not None:
                raise diverged(event, found, pending)
        if len(recorded) > len(drafts):
            event = recorded[len(drafts)]
            raise diverged(event, Difference("type", as_json(event.type), NOTHING), pending)
        if len(recorded) < len(drafts):
            draft = drafts[len(recorded)]
            error = diverged(commit[0], Difference("type", NOTHING, as_json(draft.data.TYPE)), pending)
            behind = replace(error.divergence, seq=commit[-1].seq + 1, type=draft.data.TYPE)
            raise ReplayDiverged(behind)

    def _difference(self, recorded: Body, replayed: Body) -> Difference | None:
        found = body_difference(recorded, replayed)
        if found is None or body_difference(recorded, self._redact(replayed)) is None:
            return None
        return found


def diverged(event: Event, found: Difference, pending: Pending | None) -> ReplayDiverged:
    """The error for an event of the log."""
    return ReplayDiverged(
        Divergence(
            seq=event.seq,
            type=event.type,
            source=event.source,
            field=found.field,
            recorded=found.recorded,
            replayed=found.replayed,
            causation_seq=event.causation_seq,
            correlation_seq=event.correlation_seq,
            key=pending.key if pending else "",
        )
    )


def _delivery(pending: Pending, receipt_body: Body) -> Delivery:
    """The delivery as it was at the first of some attempts, by its receipt."""
    assert isinstance(receipt_body, RECEIPTS)
    arrived_ns = receipt_body.arrived_ns
    if isinstance(receipt_body, DeliveryDeadLettered) and not receipt_body.finished_ns:
        arrived_ns = pending.undisturbed_ns
    return Delivery(pending.key, arrived_ns, pending.message, _attempt(receipt_body) - 1)


def _completed(first: Event, delivery: Delivery, handling: Handling) -> Body:
    """A receipt as recorded. Before schema version 2 a dead letter did not say when; its commit does."""
    body = first.data
    if isinstance(body, DeliveryDeadLettered) and not body.finished_ns:
        return replace(
            body,
            arrived_ns=delivery.arrived_ns,
            started_ns=handling.started_ns,
            finished_ns=first.time_ns,
        )
    return body


def _attempt_key(key: str, receipt_body: Body) -> str:
    """What :class:`agents.runtime.Runtime` calls an attempt."""
    attempt = _attempt(receipt_body)
    return key if attempt == 1 else f"{key}~{attempt}"


def _attempt(receipt_body: Body) -> int:
    """From 1; a copy that had no effect counts as a first one."""
    tried = (DeliveryAcknowledged, DeliveryFailed, DeliveryDeadLettered)
    return receipt_body.attempt if isinstance(receipt_body, tried) else 1


def _extent(commits: Sequence[Sequence[Event]]) -> Compared:
    calls = sum(isinstance(event.data, ModelCalled) for commit in commits for event in commit)
    return Compared(1, len(commits), sum(len(commit) - 1 for commit in commits), calls)
