"""Says what came of detections, in place of the people who look at them. Must not be heard by a model.

It knows the truth, and is the only way by which any of it reaches WITNESS: later, sometimes wrongly, and
often not at all. It answers two things: EXECUTOR's outcome of a task, and WITNESS's request for a review.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, get_args

from bus.bodies import (
    FeedbackGiven,
    Label,
    ReviewRequested,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TelemetryReceived,
    TruthLabelled,
)
from bus.events import Draft
from bus.keys import WORKLOAD
from simulator.inbox import Parcel
from simulator.scenario import FeedbackSettings
from simulator.streams import Streams

FEEDBACK_QUEUE = "feedback_queue"
_LABELS: tuple[Label, ...] = get_args(Label)
_UNKNOWN = len(_LABELS)


class Answer(NamedTuple):
    offset: int
    """Of the event in its commit that is answered."""
    draft: Draft


class Reviewer(Protocol):
    """Who is asked about every commit, in the order in which commits are decided."""

    def learn(self, drafts: Sequence[Draft]) -> None:
        """Take in the next item of the workload, with the truth about it."""

    def answer(self, parcel: Parcel, drafts: Sequence[Draft]) -> Answer | None:
        """What there is to say to a commit that handling ``parcel`` led to."""


class NoReviewer:
    """Nobody looks."""

    def learn(self, drafts: Sequence[Draft]) -> None:
        pass

    def answer(self, parcel: Parcel, drafts: Sequence[Draft]) -> Answer | None:
        return None


class TruthfulReviewer:
    """Says what is true, but for the shares in which the scenario wants it to err or to be silent.

    An answer depends on the seed and the delivery alone, so it is the same in a run that is resumed.
    """

    def __init__(self, settings: FeedbackSettings, streams: Streams) -> None:
        self._settings = settings
        self._streams = streams
        self._labels = bytearray()
        """Of each item of the workload, as an index; a run may have millions of them."""

    def learn(self, drafts: Sequence[Draft]) -> None:
        label = next((draft.data.label for draft in drafts if isinstance(draft.data, TruthLabelled)), None)
        self._labels.append(_UNKNOWN if label is None else _LABELS.index(label))

    def answer(self, parcel: Parcel, drafts: Sequence[Draft]) -> Answer | None:
        record = parcel.delivery.message.data
        if not isinstance(record, TaskCreated | TelemetryReceived):
            return None
        for offset, draft in enumerate(drafts):
            if isinstance(draft.data, TaskCompleted | TaskFailed | ReviewRequested):
                kind = draft.data.kind
                confirmed = self._verdict(parcel.delivery.key, kind)
                if confirmed is None:
                    return None
                return Answer(offset, Draft(FeedbackGiven(kind, confirmed, record.message), FEEDBACK_QUEUE))
        return None

    def _verdict(self, key: str, kind: Label) -> bool | None:
        """Whether the record at the root of a delivery is of a kind; None if nobody says."""
        number = int(key.removeprefix(f"{WORKLOAD}-").partition(".")[0])
        label = self._labels[number - 1]
        settings, stream = self._settings, self._streams.stream("feedback", key)
        if label == _UNKNOWN or stream.random() < settings.missing_share:
            return None
        if settings.chance_share is not None:
            return stream.random() < settings.chance_share
        return (_LABELS[label] == kind) != (stream.random() < settings.wrong_share)
