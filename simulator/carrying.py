"""What a run leaves to later runs: the patterns that it knew at its end, written to a file.

Must not decide what is learned. That is on the log; what the run had no room for is in its folder.
"""

from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import msgspec

from agents.usefulness import staying_score
from bus.bodies import Body, PatternForgotten, PatternImported, PatternLearned, RunFinished
from bus.errors import EnvironmentProblem, InputError
from bus.events import Event
from simulator.embedding import embedder_of
from simulator.importing import imports_of
from simulator.judging import scenario_of
from simulator.scenario import Scenario
from store.errors import NotARun
from store.log_reader import open_envelope, read_envelopes, upcasts_of
from store.manifest import read_manifest
from store.pattern_file import (
    FEEDBACK_COUNT_MAX,
    MESSAGE_CHARACTERS_MAX,
    CarriedPattern,
    encode_patterns,
    replace_patterns,
    within_limits,
)
from store.run_folder import RunFolder

DIGEST_CHARACTERS = 12
"""Of the digest of a log, in the name of a run."""
_READ: tuple[type[Body], ...] = (PatternLearned, PatternImported, PatternForgotten, RunFinished)


class Carried(NamedTuple):
    """What was written, and where."""

    path: Path
    pattern_count: int
    dropped_count: int
    """Patterns that were too many for a file."""
    is_aside: bool
    """Somebody had changed the file meanwhile, so this went into one of its own."""


class Learned:
    """A fold over the log of a run: every pattern that feedback touched, with what taught it.

    Prototypes that nobody ever spoke of are not among them.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._patterns: dict[str, CarriedPattern] = {}
        self._used_ordinals: dict[str, int] = {}
        """By pattern, as :attr:`agents.experience.Pattern.used_ordinal`."""
        self._imported_count = 0
        self._learned_count = 0

    def apply(self, event: Event) -> None:
        body = event.data
        if isinstance(body, PatternImported):
            self._imported_count += 1
            self._used_ordinals[body.pattern_id] = -self._imported_count
            self._patterns[body.pattern_id] = CarriedPattern(
                kind=body.kind,
                message=body.message,
                confirmed_count=body.confirmed_count,
                refuted_count=body.refuted_count,
                first_run=body.first_run,
                first_seq=body.first_seq,
                last_run=body.last_run,
                last_seq=body.last_seq,
            )
        elif isinstance(body, PatternLearned):
            self._learned_count += 1
            self._used_ordinals[body.pattern_id] = self._learned_count
            pattern = self._patterns.get(body.pattern_id) or self._new(body, event.seq)
            self._patterns[body.pattern_id] = self._touched(pattern, body, event.seq)
        elif isinstance(body, PatternForgotten):
            self._patterns.pop(body.pattern_id, None)

    def patterns(self) -> list[CarriedPattern]:
        """The most useful first, as WITNESS forgets the least useful first."""
        most_useful_first = sorted(self._patterns, key=self._usefulness_of, reverse=True)
        return [_bounded(self._patterns[pattern_id]) for pattern_id in most_useful_first]

    def _usefulness_of(self, pattern_id: str) -> tuple[int, int]:
        pattern, used_ordinal = self._patterns[pattern_id], self._used_ordinals[pattern_id]
        score = staying_score(used_ordinal, pattern.confirmed_count + pattern.refuted_count)
        return score, used_ordinal

    def _new(self, body: PatternLearned, seq: int) -> CarriedPattern:
        return CarriedPattern(body.kind, body.message, 0, 0, self._run, seq, self._run, seq)

    def _touched(self, pattern: CarriedPattern, body: PatternLearned, seq: int) -> CarriedPattern:
        return msgspec.structs.replace(
            pattern,
            confirmed_count=pattern.confirmed_count + body.confirmed,
            refuted_count=pattern.refuted_count + (not body.confirmed),
            last_run=self._run,
            last_seq=seq,
        )


def learned_by(run: RunFolder) -> list[CarriedPattern]:
    """What a run knew at its end.

    Raises:
        InputError: it did not come to its end.
        LogDamage: the log is not what was written.
    """
    learned = Learned(run_name(run))
    upcasts = None
    types = {body.TYPE for body in _READ}
    for envelope in read_envelopes(run.events):
        upcasts = upcasts_of(run.events, envelope) if upcasts is None else upcasts
        if envelope.type in types:
            event = open_envelope(envelope, upcasts)
            # Its log gets another digest, and so another name, when it goes on.
            if isinstance(event.data, RunFinished) and event.data.status == "interrupted":
                again = f"`trinity resume {quote(str(run.path))}` brings it to its end"
                raise InputError(f"{run.path} was interrupted, so it teaches nothing yet; {again}")
            learned.apply(event)
    return learned.patterns()


def run_name(run: RunFolder) -> str:
    """What a run is called where its folder is unknown.

    Raises:
        NotARun: its log is not closed, so that it has no digest.
    """
    manifest = read_manifest(run.events)
    if manifest is None or manifest.digest is None:
        raise NotARun(run.path, "its log is not closed; `trinity resume` brings it to its end")
    return f"{run.name}:{manifest.digest[:DIGEST_CHARACTERS]}"


def carry(run: RunFolder) -> Carried | None:
    """Write the file anew that the run began with; None if it began without one.

    What the run had no room for comes behind what it knew at its end.

    If that is not any more what the run began with, another run has written it. Then what this run knew goes
    into a file beside it, and nothing is lost.

    Raises:
        EnvironmentProblem: it cannot be written.
        InputError, DamageError: the run is not finished, or damaged.
    """
    scenario = scenario_of(run)
    settings = scenario.witness
    if settings.memory is None:
        return None
    path, content = Path(settings.memory), _content(run, scenario)
    if replace_patterns(path, content.text, settings.memory_sha256):
        return Carried(path, content.pattern_count, content.dropped_count, is_aside=False)
    aside = path.with_name(f"{path.name}.{run_name(run).replace(':', '-')}")
    _write_new(aside, content.text)
    return Carried(aside, content.pattern_count, content.dropped_count, is_aside=True)


def write_memory(run: RunFolder, path: Path) -> Carried:
    """Write what a run hands on to a file that is not there yet.

    Raises:
        InputError: it is there, or the run is not finished.
        DamageError: the run's copy of what it began with is gone or damaged.
        EnvironmentProblem: it cannot be written.
    """
    content = _content(run, scenario_of(run))
    if path.exists():
        raise InputError(f"{path} exists already; give the path of a new file")
    _write_new(path, content.text)
    return Carried(path, content.pattern_count, content.dropped_count, is_aside=False)


def _write_new(path: Path, text: str) -> None:
    # The very same may be there from an earlier try.
    if not any(replace_patterns(path, text, was) for was in (None, sha256(text.encode()).hexdigest())):
        raise EnvironmentProblem(f"{path}: somebody else wrote it; remove it or choose another path")


class _Content(NamedTuple):
    text: str
    pattern_count: int
    dropped_count: int


def _content(run: RunFolder, scenario: Scenario) -> _Content:
    """What the run knew at its end and, behind that, what of its file it had no room for."""
    embedder = embedder_of(scenario.witness)
    learned = learned_by(run)
    # As the run itself asked, so that what it was told is still there when it has just ended.
    patterns = [*learned, *map(_bounded, imports_of(scenario, run, is_written=True).left_out)]
    kept = within_limits(patterns)
    text = encode_patterns(embedder.name, embedder.dimension_count, kept)
    return _Content(text, len(kept), len(patterns) - len(kept))


def _bounded(pattern: CarriedPattern) -> CarriedPattern:
    return msgspec.structs.replace(
        pattern,
        message=pattern.message[:MESSAGE_CHARACTERS_MAX],
        confirmed_count=min(pattern.confirmed_count, FEEDBACK_COUNT_MAX),
        refuted_count=min(pattern.refuted_count, FEEDBACK_COUNT_MAX),
    )
