"""The short form of the drawn scenarios, and wrong implementations that they must notice."""

from collections.abc import Callable, Iterator, Sequence
from unittest.mock import patch

import pytest

from agents import settled
from bus.events import Delivery, Handling, Recalled
from bus.routing import UNREACHABLE_NS
from simulator.decided import Undone
from simulator.post import Post
from simulator.recollection import Recollection
from simulator.resuming import RecordedHandlings
from simulator.scenario_file import parse_scenario
from tests.torture import scenario_fuzz
from tests.torture.drawn_scenarios import drawn_scenario
from tests.torture.outcome import SHORT
from tests.torture.scenario_fuzz import Tally, findings

LATE_COPIES, OUTAGES, BUSY = 35, 23, 21
"""Seeds of scenarios in which the wrong implementations below do harm."""


def test_the_short_form_passes() -> None:
    outcomes = scenario_fuzz.run(SHORT)
    assert outcomes
    assert [outcome for outcome in outcomes if not outcome.passed] == []


@pytest.mark.parametrize("seed", range(50))
def test_a_drawn_scenario_is_one_that_a_person_could_write(seed: int) -> None:
    scenario = drawn_scenario(seed)
    assert parse_scenario(scenario.to_toml().encode(), "drawn") == scenario
    assert drawn_scenario(seed) == scenario


@pytest.mark.parametrize("seed", [LATE_COPIES, OUTAGES, BUSY])
def test_nothing_is_found_where_nothing_is_wrong(seed: int) -> None:
    assert findings(seed, Tally()) == []


def test_an_agent_that_forgets_too_early_what_it_settled_is_noticed() -> None:
    with patch.object(settled, "COPY_LATE_NS_MAX", 0):
        assert findings(LATE_COPIES, Tally())


def test_an_agent_that_is_not_told_what_it_knew_is_noticed() -> None:
    def recalled(
        self: Recollection, agent: str, undone: Callable[[int], Sequence[Undone]] = lambda count: ()
    ) -> Recalled:
        return Recalled()

    with patch.object(Recollection, "recalled", recalled):
        assert findings(OUTAGES, Tally())


def test_an_engine_that_looks_too_far_ahead_is_noticed() -> None:
    def bounds(self: Post, outside_ns: int) -> Iterator[tuple[str, int]]:
        return ((agent, UNREACHABLE_NS) for agent, _ in right(self, outside_ns))

    right = Post.bounds
    with patch.object(Post, "bounds", bounds):
        assert findings(BUSY, Tally())


def test_a_resume_that_takes_one_attempt_for_all_is_noticed() -> None:
    def find(self: RecordedHandlings, agent: str, delivery: Delivery) -> list[Handling]:
        return right(self, agent, delivery)[:1]

    right = RecordedHandlings.find
    with patch.object(RecordedHandlings, "find", find):
        assert findings(OUTAGES, Tally())
