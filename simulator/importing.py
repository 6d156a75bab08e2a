"""What a run begins with of what earlier runs learned: a file becomes ``pattern.imported`` events.

Must not write that file; see :mod:`simulator.carrying`.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from agents.embedder import Embedder
from agents.experience import Experience, example_of
from bus.bodies import PatternImported
from bus.errors import DamageError, InputError
from bus.redaction import Redactor, known_secrets
from simulator.embedding import embedder_named, embedder_of
from simulator.scenario import Scenario
from simulator.warning import warn
from store.memory_cache import BEGIN_NAME, IndexCache
from store.pattern_file import CarriedPattern, PatternFile, check_writable, read_patterns
from store.run_folder import RunFolder


class Imports(NamedTuple):
    """In the order of the file, the most useful first; so they go on the log."""

    bodies: tuple[PatternImported, ...]
    left_out: tuple[CarriedPattern, ...]
    """Patterns for which the memory of this run has no room."""


NO_IMPORTS = Imports((), ())


def with_memory(scenario: Scenario) -> Scenario:
    """The scenario with the path and the digest of the patterns that it begins with.

    A file that is not there yet is empty, and has no digest.

    Raises:
        InputError: the file holds no patterns, those of another embedder, or others than the scenario names.
        DamageError: it is damaged.
        EnvironmentProblem: it cannot be read or, later, written.
    """
    settings = scenario.witness
    if settings.memory is None:
        return scenario
    path = Path(settings.memory).resolve()
    check_writable(path)
    file = read_patterns(path)
    found = None if file is None else file.sha256
    if settings.memory_sha256 not in (None, found):
        raise InputError(
            f"{path} is not what it was when the scenario was resolved; give --memory {path} to begin with "
            "what it is now, or with a copy of the run's memory.jsonl to begin as that run did"
        )
    if file is not None:
        _check_embedder(file, embedder_of(settings), path)
    return replace(scenario, witness=replace(settings, memory=str(path), memory_sha256=found))


def memory_content(scenario: Scenario) -> str | None:
    """The file that a resolved scenario begins with, for a copy in the folder of its run.

    Raises:
        InputError: it has changed since.
    """
    settings = scenario.witness
    if settings.memory is None or settings.memory_sha256 is None:
        return None
    file = read_patterns(Path(settings.memory))
    if file is None or file.sha256 != settings.memory_sha256:
        raise InputError(f"{settings.memory} was changed while the run began; start it again")
    return file.content.decode()


def imports_of(scenario: Scenario, folder: RunFolder, *, is_written: bool = False) -> Imports:
    """What goes on the log when a run begins; from its own copy of the file, if it has one.

    ``is_written``: the graph that this takes is left in the folder, if it is large, for WITNESS and for who
    asks again.

    Raises:
        DamageError: the patterns are not those that the run began with, or are gone.
        EnvironmentProblem: FAISS is missing.
    """
    settings = scenario.witness
    if settings.memory is None or settings.memory_sha256 is None:
        return NO_IMPORTS
    path = folder.memory if folder.memory.is_file() else Path(settings.memory)
    embedder = settings.embedder, settings.embedder_sha256
    written = folder.cache / BEGIN_NAME if is_written else None
    return _imports(path, settings.memory_sha256, settings.patterns_max, embedder, written)


# A run that takes itself up again asks anew, and texts take a while to compare.
@lru_cache(maxsize=1)
def _imports(
    path: Path,
    sha256: str,
    pattern_count_max: int,
    embedder_key: tuple[str, str | None],
    written: Path | None,
) -> Imports:
    try:
        file = read_patterns(path)
    except (InputError, DamageError):
        file = None  # whatever it is now, it is not what was there then
    if file is None or file.sha256 != sha256:
        problem = "does not hold the patterns that the run began with; restore memory.jsonl in its folder"
        raise DamageError(f"{path} {problem} from a copy")
    embedder = embedder_named(*embedder_key)
    _check_embedder(file, embedder, path)
    return _resolved(file.patterns, pattern_count_max, embedder, written)


def _resolved(
    patterns: list[CarriedPattern], pattern_count_max: int, embedder: Embedder, written: Path | None
) -> Imports:
    """Near-duplicates become one pattern with the sum of their counts; what has no room is left out.

    A pattern is compared with those before it. So a graph from a file is taken only if it has no more
    vectors than there are when it is first asked.
    """
    # FAISS is loaded here only by a run that begins with something.
    from store.memory import FaissMemory

    cache = IndexCache([written] if written else [], written, warn)
    memory = FaissMemory(embedder.name, embedder.dimension_count, cache=cache)
    experience = Experience(memory, embedder, pattern_count_max)
    redact = Redactor(known_secrets(os.environ)).text
    bodies: dict[str, PatternImported] = {}
    left_out: list[CarriedPattern] = []
    for carried in patterns:
        pattern = replace(carried, message=example_of(redact(carried.message)))
        pattern_id, message = experience.known_as(pattern.kind, pattern.message)
        if pattern_id in bodies:
            bodies[pattern_id] = _merged(bodies[pattern_id], pattern)
        elif experience.crowded_out(pattern_id) is not None:
            left_out.append(pattern)
        else:
            bodies[pattern_id] = _body(pattern_id, message, pattern)
            experience.apply(bodies[pattern_id])
    memory.keep()
    return Imports(tuple(bodies.values()), tuple(left_out))


def _body(pattern_id: str, message: str, pattern: CarriedPattern) -> PatternImported:
    return PatternImported(
        pattern_id=pattern_id,
        kind=pattern.kind,
        message=message,
        confirmed_count=pattern.confirmed_count,
        refuted_count=pattern.refuted_count,
        first_run=pattern.first_run,
        first_seq=pattern.first_seq,
        last_run=pattern.last_run,
        last_seq=pattern.last_seq,
    )


def _merged(body: PatternImported, pattern: CarriedPattern) -> PatternImported:
    """Its provenance stays that of the more useful one."""
    return replace(
        body,
        confirmed_count=body.confirmed_count + pattern.confirmed_count,
        refuted_count=body.refuted_count + pattern.refuted_count,
    )


def _check_embedder(file: PatternFile, embedder: Embedder, path: Path) -> None:
    header = file.header
    if (header.embedder, header.dimension_count) != (embedder.name, embedder.dimension_count):
        raise InputError(
            f"{path} was learned with the embedder {header.embedder[:80]!r} ({header.dimension_count} "
            f"dimensions), this run has {embedder.name!r} ({embedder.dimension_count}); "
            "set witness.embedder to that one, or give another file"
        )
