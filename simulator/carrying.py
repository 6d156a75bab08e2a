"""What a run leaves to later runs: the patterns that it knew at its end, written to a file.

Must not decide what is learned, and must not need more than the log.
"""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.embedder import Embedder
from bus.bodies import Body, PatternForgotten, PatternImported, PatternLearned
from bus.errors import EnvironmentProblem, InputError
from bus.events import Event
from simulator.embedding import embedder_of
from simulator.judging import scenario_of
from store.errors import NotARun
from store.log_reader import open_envelope, read_envelopes, upcasts_of
from store.manifest import read_manifest
from store.pattern_file import (
    FEEDBACK_COUNT_MAX,
    MESSAGE_CHARACTERS_MAX,
    CarriedPattern,
    encode_patterns,
    replace_patterns,
)
from store.run_folder import RunFolder

DIGEST_CHARACTERS = 12
"""Of the digest of a log, in the name of a run."""
_CHANGES: tuple[type[Body], ...] = (PatternLearned, PatternImported, PatternForgotten)


class Carried(NamedTuple):
    """What was written, and where."""

    path: Path
    pattern_count: int
    is_aside: bool
    """Somebody had changed the file meanwhile, so this went into one of its own."""


class Learned:
    """A fold over the log of a run: every pattern that feedback touched, with what taught it.

    Prototypes that nobody ever spoke of are not among them.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._patterns: dict[str, CarriedPattern] = {}
        """By pattern; what was touched last is behind."""

    def apply(self, event: Event) -> None:
        body = event.data
        if isinstance(body, PatternImported):
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
            known = self._patterns.pop(body.pattern_id, None)
            pattern = known or self._new(body, event.seq)
            self._patterns[body.pattern_id] = self._touched(pattern, body, event.seq)
        elif isinstance(body, PatternForgotten):
            self._patterns.pop(body.pattern_id, None)

    def patterns(self) -> list[CarriedPattern]:
        """The most useful first: what got most feedback, and of those what was touched last."""
        latest_first = [_bounded(pattern) for pattern in reversed(self._patterns.values())]
        return sorted(latest_first, key=lambda pattern: -(pattern.confirmed_count + pattern.refuted_count))

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
    types = {body.TYPE for body in _CHANGES}
    for envelope in read_envelopes(run.events):
        upcasts = upcasts_of(run.events, envelope) if upcasts is None else upcasts
        if envelope.type in types:
            learned.apply(open_envelope(envelope, upcasts))
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
    path, patterns = Path(settings.memory), learned_by(run)
    text = _text(patterns, embedder_of(settings))
    if replace_patterns(path, text, settings.memory_sha256):
        return Carried(path, len(patterns), is_aside=False)
    aside = path.with_name(f"{path.name}.{run_name(run).replace(':', '-')}")
    _write_new(aside, text)
    return Carried(aside, len(patterns), is_aside=True)


def write_memory(run: RunFolder, path: Path) -> Carried:
    """Write what a run knew at its end to a file that is not there yet.

    Raises:
        InputError: it is there, or the run is not finished.
        EnvironmentProblem: it cannot be written.
    """
    patterns = learned_by(run)
    if path.exists():
        raise InputError(f"{path} exists already; give the path of a new file")
    _write_new(path, _text(patterns, embedder_of(scenario_of(run).witness)))
    return Carried(path, len(patterns), is_aside=False)


def _write_new(path: Path, text: str) -> None:
    # The very same may be there from an earlier try.
    if not any(replace_patterns(path, text, was) for was in (None, sha256(text.encode()).hexdigest())):
        raise EnvironmentProblem(f"{path}: somebody else wrote it; remove it or choose another path")


def _text(patterns: list[CarriedPattern], embedder: Embedder) -> str:
    return encode_patterns(embedder.name, embedder.dimension_count, patterns)


def _bounded(pattern: CarriedPattern) -> CarriedPattern:
    return msgspec.structs.replace(
        pattern,
        message=pattern.message[:MESSAGE_CHARACTERS_MAX],
        confirmed_count=min(pattern.confirmed_count, FEEDBACK_COUNT_MAX),
        refuted_count=min(pattern.refuted_count, FEEDBACK_COUNT_MAX),
    )
