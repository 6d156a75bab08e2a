"""Which weights a linear detector of a run has, and the run's own copy of them. Must not load NumPy.

The digest is in the resolved scenario and the file is in the folder of the run, so a run decides again as
it did when Trinity has come to have other weights.
"""

from hashlib import sha256
from importlib import resources
from pathlib import Path

from msgspec.structs import replace

from bus.errors import InputError
from simulator.scenario import Scenario, WitnessSettings
from store.run_folder import RunFolder


def with_weights(scenario: Scenario) -> Scenario:
    """The scenario with the digest of its weights, and with the whole path if they are its own.

    Raises:
        InputError: there is no such file, it holds no weights, or others than the scenario names.
    """
    settings = scenario.witness
    if settings.detector != "linear":
        return scenario
    content = _content(settings)
    digest = content.partition(b"\n")[0].decode(errors="replace")
    place = settings.model or "the weights that come with Trinity"
    if digest != sha256(content.partition(b"\n")[2]).hexdigest():
        raise InputError(f"{place}: no weights, or damaged ones; make them with `trinity witness train`")
    if settings.model_sha256 not in (None, digest):
        raise InputError(
            f"{place}: SHA-256 {digest[:12]}, and the scenario names {settings.model_sha256[:12]}; "
            "name the file in witness.model (a run keeps a copy of its own, weights.csv)"
        )
    model = settings.model and str(Path(settings.model).resolve())
    return replace(scenario, witness=replace(settings, model=model, model_sha256=digest))


def weights_content(scenario: Scenario) -> str | None:
    """The file of a resolved scenario, for a copy in the folder of its run; None if it has none."""
    return None if scenario.witness.model_sha256 is None else _content(scenario.witness).decode()


def with_own_weights(scenario: Scenario, run: RunFolder) -> Scenario:
    """The scenario of a run, with the run's own copy of the weights if it has one."""
    if scenario.witness.detector != "linear" or not run.weights.is_file():
        return scenario
    return replace(scenario, witness=replace(scenario.witness, model=str(run.weights)))


def _content(settings: WitnessSettings) -> bytes:
    if settings.model is None:
        return (resources.files("agents") / "data" / "weights.csv").read_bytes()
    try:
        return Path(settings.model).read_bytes()
    except OSError as error:
        problem = f"cannot read it: {error.strerror}; give a file of weights"
        raise InputError(f"witness.model {settings.model}: {problem}") from None
