"""What WITNESS of a run compares texts by, and the head that judges by it. Must not load what is not needed.

The digests of a sentence model and of its head are in the resolved scenario. The head is in the folder of the
run, the model is not: where it is missing or another one, the run cannot be decided again.
"""

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from agents.embedder import Embedder, HashingEmbedder
from agents.sentence_model import SentenceModel, find_model
from bus.errors import InputError
from simulator.scenario import HASHING, Scenario, WitnessSettings
from store.run_folder import RunFolder

if TYPE_CHECKING:
    from agents.dense import SemanticEvidence
    from agents.dense_file import HeadFile


def embedder_of(settings: WitnessSettings) -> Embedder:
    """The embedder of a WITNESS.

    Raises:
        InputError: the model is not there, or not the one that the scenario was resolved with.
        EnvironmentProblem: its libraries are not installed.
    """
    return embedder_named(settings.embedder, settings.embedder_sha256)


@lru_cache(maxsize=1)
def embedder_named(name: str, sha256: str | None) -> Embedder:
    """The same by its two settings; a sentence model is loaded once a process."""
    if name == HASHING:
        return HashingEmbedder()
    from agents.semantic import semantic_embedder

    return semantic_embedder(_found(name, sha256))


def evidence_of(settings: WitnessSettings) -> "SemanticEvidence | None":
    """What the head of a sentence model says beside the words; None without a head.

    Raises:
        InputError: model or head is not there, or not the one that the scenario was resolved with.
        DamageError: the head is damaged.
        EnvironmentProblem: the libraries of the model are not installed.
    """
    if settings.head_sha256 is None:
        return None
    from agents.dense import SemanticEvidence
    from agents.semantic import SemanticEmbedder

    embedder = embedder_of(settings)
    assert isinstance(embedder, SemanticEmbedder), "a head without a sentence model"
    return SemanticEvidence(_head(settings).head, embedder)


def check_embedder(settings: WitnessSettings) -> None:
    """Look whether the sentence model of a resolved scenario is there, without loading it.

    Raises:
        InputError: it is not, or is another one.
    """
    if settings.embedder != HASHING:
        _found(settings.embedder, settings.embedder_sha256)


def with_embedder(scenario: Scenario) -> Scenario:
    """The scenario with the digests of its sentence model and its head, and with whole paths.

    Raises:
        InputError: one of the two cannot be used, or is not the one that the scenario names.
        DamageError: the head is damaged.
    """
    settings = scenario.witness
    if settings.embedder == HASHING:
        return scenario
    found = _found(settings.embedder, settings.embedder_sha256)
    is_path = found.folder == Path(settings.embedder).expanduser()
    embedder = str(found.folder.resolve()) if is_path else settings.embedder
    settings = replace(settings, embedder=embedder, embedder_sha256=found.sha256)
    if settings.detector == "linear":
        settings = _with_head(settings, found.sha256)
    return replace(scenario, witness=settings)


def _with_head(settings: WitnessSettings, model_sha256: str) -> WitnessSettings:
    file = _head(settings)
    if file.head.encoder_sha256 == model_sha256:
        path = settings.head and str(Path(settings.head).resolve())
        return replace(settings, head=path, head_sha256=file.sha256)
    if settings.head is None:
        return settings  # the head that comes with Trinity is for another model: the words judge
    raise InputError(
        f"witness.head {settings.head} is for another sentence model than {settings.embedder}; "
        "train one with `trinity witness train --embedder`"
    )


def head_content(scenario: Scenario) -> str | None:
    """The head of a resolved scenario, for a copy in the folder of its run; None if it has none.

    Raises:
        InputError: it is gone, or has changed since.
        DamageError: it is damaged.
    """
    settings = scenario.witness
    if settings.head_sha256 is None:
        return None
    from agents.dense_file import DEFAULT_PLACE, FILE_BYTES_MAX, decode_head

    if settings.head is None:
        place, content = DEFAULT_PLACE, _packaged(DEFAULT_PLACE)
    else:
        place, content = settings.head, _content(Path(settings.head), FILE_BYTES_MAX)
    _check_head(settings, decode_head(content, place))
    return content.decode()


def with_own_head(scenario: Scenario, run: RunFolder) -> Scenario:
    """The scenario of a run, with the run's own copy of the head if it has one."""
    if scenario.witness.head_sha256 is None or not run.head.is_file():
        return scenario
    return replace(scenario, witness=replace(scenario.witness, head=str(run.head)))


def _found(name: str, sha256: str | None) -> SentenceModel:
    found = find_model(name)
    if sha256 not in (None, found.sha256):
        raise InputError(
            f"witness.embedder {name}: SHA-256 {found.sha256[:12]}, and the scenario names {sha256[:12]}; "
            "install the sentence model that the run was made with"
        )
    return found


def _head(settings: WitnessSettings) -> "HeadFile":
    from agents.dense_file import default_head, read_head

    file = default_head() if settings.head is None else read_head(Path(settings.head))
    _check_head(settings, file)
    return file


def _check_head(settings: WitnessSettings, file: "HeadFile") -> None:
    if settings.head_sha256 not in (None, file.sha256):
        place = settings.head or "the head that comes with Trinity"
        raise InputError(
            f"{place}: SHA-256 {file.sha256[:12]}, and the scenario names {settings.head_sha256[:12]}; "
            "name the file in witness.head (a run keeps a copy of its own, head.csv)"
        )


def _packaged(place: str) -> bytes:
    """Of a file that comes with Trinity, by its path below the folder that holds the packages."""
    package, _, path = place.partition("/")
    return resources.files(package).joinpath(path).read_bytes()


def _content(path: Path, bytes_max: int) -> bytes:
    try:
        if path.stat().st_size > bytes_max:
            raise InputError(f"{path} is larger than {bytes_max:,} bytes; it holds no head")
        return path.read_bytes()
    except OSError as error:
        problem = f"cannot read it: {error.strerror}; give a file of a head"
        raise InputError(f"witness.head {path}: {problem}") from None
