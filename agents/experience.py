"""What WITNESS has learned: known patterns, and how often feedback bore them out. Must not judge a record.

A fold: the state is the prototypes of ``data/prototypes.toml`` and every ``pattern.imported``,
``pattern.learned`` and ``pattern.forgotten``, in order.
"""

import hashlib
import tomllib
import zlib
from functools import cache
from importlib import resources
from typing import NamedTuple, get_args

import msgspec
from msgspec import Struct

from agents.embedder import SCALE, Embedder, Vector
from agents.memory import PatternMemory, Reindexing, similarity_of
from agents.text import mask_numbers
from agents.usefulness import Ranking, Usefulness, staying_score
from bus.bodies import FeedbackGiven, PatternForgotten, PatternImported, PatternKind, PatternLearned
from bus.errors import InputError, ProtocolError

PATTERN_COUNT_MAX = 4_096
"""Patterns kept, prototypes included; beyond it the least useful goes."""
NEAR_DUPLICATE_SIMILARITY_MIN = 0.8
"""From here on, feedback is about the pattern that is already known and not about a new one."""
NEIGHBOUR_SIMILARITY_MIN = 0.5
"""Patterns less alike than this say nothing about a text."""
TRUST_PRIOR_COUNT = 3
"""How cautious trust is: so many feedbacks count as neither confirmed nor refuted."""
WORDS_PRIOR_COUNT = 20
"""The same for trust in the lexicon's words for a kind."""
MESSAGE_CHARACTERS_MAX = 1_000
"""Of an example, and of what is compared with one; what is behind is cut off."""
Change = PatternLearned | PatternImported | PatternForgotten
"""What the state is folded from."""


class Prototype(Struct, frozen=True, forbid_unknown_fields=True):
    kind: PatternKind
    messages: list[str]


class Prototypes(Struct, frozen=True, forbid_unknown_fields=True):
    prototypes: list[Prototype]


class Pattern(Struct, frozen=True):
    """One known pattern."""

    pattern_id: str
    kind: PatternKind
    message: str
    confirmed_count: int
    refuted_count: int
    is_prototype: bool
    used_ordinal: int
    """Number of the feedback of this run that touched it last, 0 if none has.

    What was imported has a place before that: -1 is the first import, the most useful one.
    """

    @property
    def trust(self) -> float:
        """From -1 to 1, both never reached: how much of its kind a record is that says the same.

        A pattern starts with the benefit of the doubt, as if confirmed once; one refutation takes that away.
        """
        confirmed = self.confirmed_count + 1
        return (confirmed - self.refuted_count) / (confirmed + self.refuted_count + TRUST_PRIOR_COUNT)

    @property
    def match_count(self) -> int:
        return self.confirmed_count + self.refuted_count


class Neighbour(NamedTuple):
    pattern: Pattern
    similarity: float


class KindRecord(Struct, frozen=True):
    """How often feedback bore out detections of one kind."""

    confirmed_count: int = 0
    refuted_count: int = 0

    @property
    def trust(self) -> float:
        """From 0 to 1, 1 never reached: how far the lexicon's words for the kind have proved right."""
        lead = self.confirmed_count - self.refuted_count
        return max(0.0, lead / (self.confirmed_count + self.refuted_count + WORDS_PRIOR_COUNT))

    def plus(self, confirmed_count: int, refuted_count: int) -> "KindRecord":
        return KindRecord(self.confirmed_count + confirmed_count, self.refuted_count + refuted_count)


class Known(NamedTuple):
    """What experience has to say about one text."""

    neighbours: list[Neighbour]
    """Most alike first."""
    records: dict[PatternKind, KindRecord]


class Lesson(NamedTuple):
    """What one feedback changes."""

    pattern: Pattern
    known: Known
    """About the feedback's own text, after the change."""


class Experience:
    """The patterns, and the memory that finds them.

    Raises:
        ProtocolError: the memory belongs to another embedder, or is not empty.
    """

    def __init__(
        self, memory: PatternMemory, embedder: Embedder, pattern_count_max: int = PATTERN_COUNT_MAX
    ) -> None:
        if (memory.embedder_name, memory.dimension_count) != (embedder.name, embedder.dimension_count):
            raise ProtocolError(
                f"the memory is for {memory.embedder_name!r} ({memory.dimension_count} dimensions), not for "
                f"{embedder.name!r} ({embedder.dimension_count}): make a new memory for this embedder"
            )
        if len(memory):
            raise ProtocolError(f"the memory already holds {len(memory)} patterns: start from an empty one")
        self._memory = memory
        self._embedder = embedder
        self._pattern_count_max = pattern_count_max
        self._patterns: dict[str, Pattern] = {}
        self._records: dict[PatternKind, KindRecord] = {kind: KindRecord() for kind in get_args(PatternKind)}
        self._learned_count = 0
        self._imported_count = 0
        self._ranking = Ranking(self._usefulness_of)
        self.version = 0
        """Grows with every change; equal versions, equal answers."""
        for group in default_prototypes().prototypes:
            for message in group.messages:
                self._add(Pattern(_pattern_id(group.kind, message), group.kind, message, 0, 0, True, 0))

    def __len__(self) -> int:
        return len(self._patterns)

    @property
    def pattern_count_max(self) -> int:
        return self._pattern_count_max

    def known_as(self, kind: PatternKind, message: str) -> tuple[str, str]:
        """Name and example of the pattern that a text belongs to: one that says nearly the same, or itself.

        The text's own name may be that of a pattern already.
        """
        example = example_of(message)
        near = self._near_duplicate(kind, self.neighbours(self._embedder.embed(example)))
        pattern_id = near or _pattern_id(kind, example)
        known = self._patterns.get(pattern_id)
        return pattern_id, known.message if known else example

    def crowded_out(self, pattern_id: str) -> Pattern | None:
        """What has to be forgotten before a lesson about this pattern is applied; mostly nothing."""
        if pattern_id in self._patterns or len(self._patterns) < self._pattern_count_max:
            return None
        return self._patterns[self._ranking.least()]

    def reindexed_by(self, pattern_id: str) -> Reindexing | None:
        """The change of index that a lesson about this pattern causes; mostly none."""
        is_more = pattern_id not in self._patterns and self.crowded_out(pattern_id) is None
        return self._memory.reindexing(1) if is_more else None

    def neighbours(self, vector: Vector, similarity_min: float = NEIGHBOUR_SIMILARITY_MIN) -> list[Neighbour]:
        """Known patterns at least so much like the vector, most alike first."""
        matches = self._memory.matches(vector, round(similarity_min * SCALE**2))
        return [Neighbour(self._patterns[m.pattern_id], similarity_of(m.inner_product)) for m in matches]

    def about(self, vector: Vector) -> Known:
        """All that counts as evidence about a text with this vector."""
        return Known(self.neighbours(vector), self._records)

    @property
    def nothing(self) -> Known:
        """What experience says about a text that it is not asked about."""
        return Known([], self._records)

    def lesson(self, feedback: FeedbackGiven) -> Lesson:
        """What the feedback would change; changes nothing."""
        message = example_of(feedback.message)
        vector = self._embedder.embed(message)
        neighbours = self.neighbours(vector)
        pattern_id = self._near_duplicate(feedback.kind, neighbours) or _pattern_id(feedback.kind, message)
        known = self._patterns.get(pattern_id) or Pattern(pattern_id, feedback.kind, message, 0, 0, False, 0)
        pattern = self._touched(known, feedback.confirmed)
        record = self._records[feedback.kind].plus(feedback.confirmed, not feedback.confirmed)
        records = {**self._records, feedback.kind: record}
        gone = self.crowded_out(pattern_id)
        left = [n for n in neighbours if n.pattern != gone]
        return Lesson(pattern, Known(_with_pattern(left, pattern, vector), records))

    def apply(self, change: Change) -> None:
        """Fold one change into the state.

        Raises:
            ProtocolError: a pattern is to be forgotten that is not known.
        """
        self.version += 1
        if isinstance(change, PatternLearned):
            self._learn(change)
        elif isinstance(change, PatternImported):
            self._import(change)
        else:
            self._forget(change.pattern_id)

    def _learn(self, learned: PatternLearned) -> None:
        pattern = self._touched(self._known_or_new(learned), learned.confirmed)
        self._learned_count += 1
        record = self._records[learned.kind]
        self._records[learned.kind] = record.plus(learned.confirmed, not learned.confirmed)
        self._put(pattern)

    def _import(self, imported: PatternImported) -> None:
        """What earlier runs were told counts as if this one had been."""
        pattern = self._known_or_new(imported)
        self._imported_count += 1
        confirmed_count, refuted_count = imported.confirmed_count, imported.refuted_count
        self._records[imported.kind] = self._records[imported.kind].plus(confirmed_count, refuted_count)
        self._put(
            msgspec.structs.replace(
                pattern,
                confirmed_count=pattern.confirmed_count + confirmed_count,
                refuted_count=pattern.refuted_count + refuted_count,
                used_ordinal=-self._imported_count,
            )
        )

    def _known_or_new(self, change: PatternLearned | PatternImported) -> Pattern:
        known = self._patterns.get(change.pattern_id)
        return known or Pattern(change.pattern_id, change.kind, change.message, 0, 0, False, 0)

    def _near_duplicate(self, kind: PatternKind, neighbours: list[Neighbour]) -> str | None:
        for pattern, similarity in neighbours:
            if pattern.kind == kind and similarity >= NEAR_DUPLICATE_SIMILARITY_MIN:
                return pattern.pattern_id
        return None

    def state_sha256(self) -> str:
        """Digest of the patterns in the order of their names, and of the records of the kinds."""
        patterns = [self._patterns[pattern_id] for pattern_id in sorted(self._patterns)]
        state = msgspec.json.encode([self._embedder.name, self._learned_count, self._records, patterns])
        return hashlib.sha256(state).hexdigest()

    def _touched(self, pattern: Pattern, confirmed: bool) -> Pattern:
        return msgspec.structs.replace(
            pattern,
            confirmed_count=pattern.confirmed_count + confirmed,
            refuted_count=pattern.refuted_count + (not confirmed),
            used_ordinal=self._learned_count + 1,
        )

    def _put(self, pattern: Pattern) -> None:
        """Keep a changed pattern, or add a new one."""
        if pattern.pattern_id not in self._patterns:
            self._add(pattern)
            return
        self._patterns[pattern.pattern_id] = pattern
        self._ranking.put(_usefulness(pattern))

    def _add(self, pattern: Pattern) -> None:
        # On the logs of older programs a pattern is forgotten without a word, when the next one comes.
        if len(self._patterns) >= self._pattern_count_max:
            self._forget(self._ranking.least())
        self._memory.put(pattern.pattern_id, self._embedder.embed(pattern.message))
        self._patterns[pattern.pattern_id] = pattern
        self._ranking.put(_usefulness(pattern))

    def _forget(self, pattern_id: str) -> None:
        if pattern_id not in self._patterns:
            raise ProtocolError(f"pattern {pattern_id!r} is to be forgotten and is not known: mend the log")
        self._memory.remove(pattern_id)
        del self._patterns[pattern_id]

    def _usefulness_of(self, pattern_id: str) -> Usefulness | None:
        pattern = self._patterns.get(pattern_id)
        return _usefulness(pattern) if pattern else None


def example_of(message: str) -> str:
    """All of a text that is kept of it, and that it is compared by with other texts."""
    return message[:MESSAGE_CHARACTERS_MAX]


def _usefulness(pattern: Pattern) -> Usefulness:
    """What was touched long ago and got little feedback goes first; prototypes last."""
    score = staying_score(pattern.used_ordinal, pattern.match_count)
    return (pattern.is_prototype, score, pattern.used_ordinal, pattern.pattern_id)


def _with_pattern(neighbours: list[Neighbour], pattern: Pattern, vector: Vector) -> list[Neighbour]:
    """A text's neighbours once the pattern has changed; a new pattern is the text itself."""
    if all(n.pattern.pattern_id != pattern.pattern_id for n in neighbours):
        itself = similarity_of(round(sum(value * value for value in vector)))
        return [Neighbour(pattern, itself), *neighbours]
    return [
        n._replace(pattern=pattern) if n.pattern.pattern_id == pattern.pattern_id else n for n in neighbours
    ]


def _pattern_id(kind: PatternKind, message: str) -> str:
    """The same for the same words, whatever the numbers in them."""
    return f"{kind}-{zlib.crc32(mask_numbers(message).encode()):08x}"


@cache
def default_prototypes() -> Prototypes:
    """The patterns that are known from the start; read once a process.

    Raises:
        InputError: the file is damaged.
    """
    path = resources.files("agents") / "data" / "prototypes.toml"
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Prototypes)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"agents/data/prototypes.toml cannot be used: {error}") from None
