"""Which weights a linear detector of a run has, and the run's own copy of them. Must not load NumPy early.

The digest is in the resolved scenario and the file is in the folder of the run, so a run decides again as
it did when Trinity has come to have other weights.
"""

from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from bus.errors import InputError
from simulator.scenario import Scenario, WitnessSettings
from store.run_folder import RunFolder

if TYPE_CHECKING:
    from agents.linear_file import ModelFile

WEIGHTS_BYTES_MAX = 10_000_000


class _Found(NamedTuple):
    content: bytes
    sha256: str
    """That the first line names, of all behind it."""


def with_weights(scenario: Scenario) -> Scenario:
    """The scenario with the digest of its weights, and with the whole path if they are its own.

    Raises:
        InputError: there is no such file, it holds no weights, or others than the scenario names.
    """
    settings = scenario.witness
    if settings.detector != "linear":
        return scenario
    found = _found(settings)
    model = settings.model and str(Path(settings.model).resolve())
    return replace(scenario, witness=replace(settings, model=model, model_sha256=found.sha256))


def weights_of(settings: WitnessSettings) -> "ModelFile":
    """The weights of a linear detector.

    Raises:
        InputError: the file is not there, or is not the one that the scenario was resolved with.
        DamageError: its numbers make no sense.
    """
    # NumPy is loaded only where something is judged.
    from agents.linear_file import decode_model, default_model

    found = _found(settings)
    return default_model() if settings.model is None else decode_model(found.content, settings.model)


def weights_content(scenario: Scenario) -> str | None:
    """The file of a resolved scenario, for a copy in the folder of its run; None if it has none.

    Raises:
        InputError: it is gone, or has changed since.
    """
    return None if scenario.witness.model_sha256 is None else _found(scenario.witness).content.decode()


def with_own_weights(scenario: Scenario, run: RunFolder) -> Scenario:
    """The scenario of a run, with the run's own copy of the weights if it has one."""
    if scenario.witness.detector != "linear" or not run.weights.is_file():
        return scenario
    return replace(scenario, witness=replace(scenario.witness, model=str(run.weights)))


def _found(settings: WitnessSettings) -> _Found:
    """The file, if it is whole and the one that the scenario names."""
    content = _content(settings)
    place = settings.model or "the weights that come with Trinity"
    first, _, rest = content.partition(b"\n")
    digest = first.decode(errors="replace")
    if digest != sha256(rest).hexdigest():
        raise InputError(f"{place}: no weights, or damaged ones; make them with `trinity witness train`")
    if settings.model_sha256 not in (None, digest):
        raise InputError(
            f"{place}: SHA-256 {digest[:12]}, and the scenario names {settings.model_sha256[:12]}; "
            "name the file in witness.model (a run keeps a copy of its own, weights.csv)"
        )
    return _Found(content, digest)


def _content(settings: WitnessSettings) -> bytes:
    if settings.model is None:
        return (resources.files("agents") / "data" / "weights.csv").read_bytes()
    path = Path(settings.model)
    try:
        if path.stat().st_size > WEIGHTS_BYTES_MAX:
            raise InputError(f"{path} is larger than {WEIGHTS_BYTES_MAX:,} bytes; it holds no weights")
        return path.read_bytes()
    except OSError as error:
        problem = f"cannot read it: {error.strerror}; give a file of weights"
        raise InputError(f"witness.model {path}: {problem}") from None
