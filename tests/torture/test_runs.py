"""The short form of the cases about whole runs. What they must notice is planted by one of them."""

from types import ModuleType

import pytest

from tests.torture import chaos_seeds, kills_everywhere, planted_bugs, random_kills
from tests.torture.__main__ import CASES, main
from tests.torture.outcome import SHORT, Outcome


@pytest.mark.parametrize("case", [kills_everywhere, random_kills, chaos_seeds, planted_bugs])
def test_the_short_form_of_a_case_passes(case: ModuleType) -> None:
    outcomes = case.run(SHORT)
    assert outcomes
    assert [outcome for outcome in outcomes if not outcome.passed] == []


@pytest.mark.parametrize(
    ("tried", "figures", "passed"),
    [
        (3, {"lost": 0, "killed": 2}, True),
        (0, {"lost": 0, "killed": 2}, False),
        (3, {"lost": 1, "killed": 2}, False),
        (3, {"lost": 0, "killed": 0}, False),
    ],
)
def test_an_outcome_passes_only_if_something_was_tried_and_it_bites(
    tried: int, figures: dict[str, int | float], passed: bool
) -> None:
    assert Outcome("case", tried, figures, ("lost",), ("killed",)).passed == passed


def test_a_case_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "there are torn_tails" in capsys.readouterr().err
    assert len(CASES) == len(set(CASES)) >= 18
