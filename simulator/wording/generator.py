"""Says what simulated tools report: incidents and noise. Must not own a random source or mark its texts.

Every record carries only what a real tool would report: which template it came from, and which kind of
incident it is, stays here.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from agents.agent import Stream
from bus.bodies import PatternKind, TelemetryReceived
from simulator.wording.templates import (
    HEX_LIMIT,
    NumberedText,
    Project,
    Skeleton,
    fill_words,
    incident_words,
    noise_templates,
    number_text,
    slot_names,
)

RECURRENCE_SHARE = 0.5
"""Of the incidents of a kind that had some before: how many are one of those problems again."""
PROBLEM_COUNT_MAX = 200
"""Earlier problems of a kind that can come back; the oldest is forgotten first."""
_DRAW_LIMIT = 2**53
_T = TypeVar("_T")


_FIELD_SHARE = 0.5


class Manner(NamedTuple):
    """Whose reports they are, and how they are told."""

    project: Project = "shop"
    oblique_share: float = 0.03
    """How many incidents are told in a roundabout way."""


class _Problem(NamedTuple):
    """Something that is wrong, and can be reported more than once."""

    skeleton: Skeleton
    words: dict[str, str]


class Wording:
    """A source of reports, drawn from the stream that it is given.

    The wording remembers its earlier problems, so that some come back in other words or with other numbers.
    """

    def __init__(self, stream: Stream, manner: Manner = Manner()) -> None:  # noqa: B008 - it cannot change
        words = incident_words(manner.project)
        self._stream = stream
        self._manner = manner
        self._problems: dict[PatternKind, list[_Problem]] = {}
        self._slots = words.slots
        self._skeletons = _by_kind(words.skeletons)
        self._oblique = _by_kind(words.oblique)
        self._noise = noise_templates(manner.project)

    def incident(self, kind: PatternKind) -> TelemetryReceived:
        """A report of a problem of one kind; about half the time of a problem that was reported before."""
        problem = self._problem(kind)
        skeleton = problem.skeleton
        severity = self._pick(skeleton.severities)
        text = self._pick(skeleton.texts)
        fields = {
            name: self._fill(value, problem)
            for name, value in skeleton.fields.items()
            if self._stream.random() < _FIELD_SHARE
        }
        line = fields.get("line")
        return TelemetryReceived(
            message=self._fill(text, problem),
            severity=severity or None,
            component=fields.get("component"),
            file=fields.get("file"),
            line=int(line) if line else None,
            error_type=fields.get("error_type"),
            rule=fields.get("rule"),
            test_name=fields.get("test_name"),
        )

    def noise(self) -> TelemetryReceived:
        """A record that nobody has to act on."""
        # Two draws of 53 bits are enough for everything, and a draw costs as much as the rest of a choice.
        choice = int(self._stream.random() * _DRAW_LIMIT)
        choice, entry_index = divmod(choice, 1000)
        templates = self._noise[entry_index]
        choice, template_index = divmod(choice, len(templates))
        text, severities, component = templates[template_index]
        severity = severities[choice % len(severities)]
        return TelemetryReceived(self._numbered(text), severity, component)

    def _problem(self, kind: PatternKind) -> _Problem:
        if self._stream.random() < self._manner.oblique_share:
            return self._new_problem(self._oblique[kind])
        earlier = self._problems.setdefault(kind, [])
        if earlier and self._stream.random() < RECURRENCE_SHARE:
            return self._pick(earlier)
        problem = self._new_problem(self._skeletons[kind])
        earlier.append(problem)
        if len(earlier) > PROBLEM_COUNT_MAX:
            del earlier[0]
        return problem

    def _new_problem(self, skeletons: list[Skeleton]) -> _Problem:
        skeleton = self._pick(skeletons)
        texts = (*skeleton.texts, *skeleton.fields.values())
        names = dict.fromkeys(name for text in texts for name in slot_names(text))
        return _Problem(skeleton, {name: self._pick(self._slots[name]) for name in names})

    def _fill(self, text: str, problem: _Problem) -> str:
        return self._numbered(number_text(fill_words(text, problem.words)))

    def _numbered(self, text: NumberedText) -> str:
        if not text.limits:
            return text.format % ()
        bits = int(self._stream.random() * _DRAW_LIMIT)
        numbers = []
        for limit in text.limits:
            bits, number = divmod(bits, limit)
            numbers.append(number + 1 if limit < HEX_LIMIT else number)
        return text.format % tuple(numbers)

    def _pick(self, choices: Sequence[_T]) -> _T:
        return choices[int(self._stream.random() * len(choices))]


def _by_kind(skeletons: list[Skeleton]) -> dict[PatternKind, list[Skeleton]]:
    table: dict[PatternKind, list[Skeleton]] = {}
    for skeleton in skeletons:
        table.setdefault(skeleton.kind, []).append(skeleton)
    return table
