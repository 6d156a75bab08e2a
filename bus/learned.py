"""Bodies about what WITNESS learns, asks and remembers. Must not hold behaviour."""

from typing import ClassVar

from bus.body import Body, Count, Name, PatternKind, Share, Text


class PatternLearned(Body, frozen=True, gc=False):
    """One change of the pattern memory. The memory is a fold over these events."""

    TYPE: ClassVar[str] = "pattern.learned"
    pattern_id: Name
    kind: PatternKind
    message: Text
    """The example."""
    confirmed: bool
    """False: the feedback said that the pattern was not there."""
    match_count: Count
    """Feedbacks about this pattern so far, this one included."""
    confidence_before: Share
    """In the kind for this message, before and after the change."""
    confidence_after: Share


class PatternImported(Body, frozen=True, gc=False):
    """A pattern that earlier runs learned and this one begins with; part of the fold of the memory."""

    TYPE: ClassVar[str] = "pattern.imported"
    pattern_id: Name
    kind: PatternKind
    message: Text
    confirmed_count: Count
    refuted_count: Count
    first_run: Name
    """The run that taught it first: name of its folder, a colon, the beginning of its log's digest."""
    first_seq: Count
    """Of the ``pattern.learned`` on that run's log."""
    last_run: Name
    """The run that touched it last."""
    last_seq: Count


class PatternForgotten(Body, frozen=True, gc=False):
    """A pattern left the memory to make room: the one that was of least use."""

    TYPE: ClassVar[str] = "pattern.forgotten"
    pattern_id: Name
    kind: PatternKind
    message: Text
    match_count: Count
    pattern_count_max: Count
    """The bound that was reached."""


class MemoryReindexed(Body, frozen=True, gc=False):
    """The memory goes over to another way of finding patterns, with the change that caused this event."""

    TYPE: ClassVar[str] = "memory.reindexed"
    from_index: Name
    """``exact`` or ``approximate``."""
    to_index: Name
    pattern_count: Count
    reason: Text


class ReviewRequested(Body, frozen=True, gc=False):
    """WITNESS dismissed a record that could well be something, and wants to be told; on no queue."""

    TYPE: ClassVar[str] = "review.requested"
    kind: PatternKind
    """The likeliest kind apart from ``none``."""
    confidence: Share
    """In that kind."""
    message: Text


class FeedbackGiven(Body, frozen=True, gc=False):
    """What came of a detection, or of a request for review; on ``feedback_queue``, for WITNESS."""

    TYPE: ClassVar[str] = "feedback.given"
    kind: PatternKind
    confirmed: bool
    message: Text
