"""Short form: one sabotage for each invariant, and none is raised by the good log that is spoilt."""

import pytest

from analysis.checks import read_invariants
from tests.torture import sabotage
from tests.torture.outcome import SHORT


def test_each_invariant_catches_what_breaks_it_and_nothing_on_the_good_log() -> None:
    [outcome] = sabotage.run(SHORT)
    assert outcome.passed, outcome.figures
    assert outcome.tried == len(read_invariants())


def test_the_case_bites_when_an_invariant_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sabotage.broken_invariants
    monkeypatch.setattr(sabotage, "broken_invariants", lambda log: found(log) - {"no_effect_twice"})
    one = [s for s in sabotage.SABOTAGES if s.invariant == "no_effect_twice"][:1]
    monkeypatch.setattr(sabotage, "SABOTAGES", one)
    [outcome] = sabotage.run(SHORT)
    assert not outcome.passed
    assert outcome.figures["uncaught"] == 1
