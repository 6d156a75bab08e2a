"""The weights of a run: found once, compared with their digest wherever they are read."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agents.linear_file import default_model, encode_model
from bus.errors import InputError
from simulator import weights
from simulator.provisions import provisions_of
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from simulator.weights import weights_content, weights_of, with_weights

PACKAGED = (resources.files("agents") / "data" / "weights.csv").read_text(encoding="utf-8")
Reader = Callable[[Scenario], Any]
READERS: list[Reader] = [
    provisions_of,
    weights_content,
    with_weights,
    lambda scenario: weights_of(scenario.witness),
]


def resolved(path: Path) -> Scenario:
    soak = load_scenario("soak")
    return with_weights(replace(soak, witness=replace(soak.witness, model=str(path))))


def test_the_weights_that_come_along_are_copied_as_they_are() -> None:
    scenario = with_weights(load_scenario("soak"))
    assert weights_content(scenario) == PACKAGED
    assert weights_of(scenario.witness) is default_model()
    assert scenario.witness.model_sha256 == default_model().sha256


def test_weights_of_its_own_decide_and_are_copied(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(PACKAGED)
    scenario = resolved(path)
    assert scenario.witness.model == str(path)
    assert weights_content(scenario) == PACKAGED
    assert weights_of(scenario.witness).sha256 == scenario.witness.model_sha256


@pytest.mark.parametrize("read", READERS)
def test_weights_that_changed_since_they_were_resolved_are_refused(read: Reader, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(PACKAGED)
    scenario = resolved(path)
    model, card, _ = default_model()
    path.write_text(encode_model(model, replace(card, seed=card.seed + 1)))
    with pytest.raises(InputError, match=r"SHA-256 \w{12}, and the scenario names \w{12}"):
        read(scenario)
    path.write_text(PACKAGED.replace(",1,", ",2,", 1))
    with pytest.raises(InputError, match="no weights, or damaged ones"):
        read(scenario)
    path.unlink()
    with pytest.raises(InputError, match="cannot read it"):
        read(scenario)


def test_a_file_that_is_too_large_for_weights_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.csv"
    path.write_text(PACKAGED)
    monkeypatch.setattr(weights, "WEIGHTS_BYTES_MAX", len(PACKAGED) - 1)
    with pytest.raises(InputError, match="is larger than"):
        resolved(path)
