"""Which detector a scenario asks for, and that older scenarios stay what they were."""

import pytest

from agents.linear_judge import LinearJudge
from agents.witness import Witness
from bus.bodies import PatternDetected, TelemetryDismissed, TelemetryReceived
from simulator.compose import agent_settings
from simulator.compose_agent import AgentSettings, _judge, build_runtime
from simulator.errors import ScenarioError
from simulator.scenario import Scenario
from simulator.scenario_file import parse_scenario
from tests.agents.test_witness import handle

RECORD = TelemetryReceived("Mail relay crashes with a segmentation fault on start")


def with_detector(name: str) -> Scenario:
    return parse_scenario(f'extends = "soak"\n[witness]\ndetector = "{name}"\n'.encode(), "mine")


def settings_with(name: str) -> AgentSettings:
    return agent_settings(with_detector(name), "witness")


def test_a_detector_that_nobody_knows_is_refused_with_its_key():
    with pytest.raises(ScenarioError, match=r"mine: .*'magic'.*witness\.detector"):
        with_detector("magic")


def test_a_scenario_that_names_no_detector_has_the_digest_of_one_that_names_the_lexicon():
    plain = with_detector("lexicon")
    table = plain.to_toml().replace('detector = "lexicon"\n', "")
    assert "detector" not in table
    assert parse_scenario(table.encode(), "old").sha256() == plain.sha256()


def test_another_detector_is_another_scenario():
    assert with_detector("linear").sha256() != with_detector("lexicon").sha256()
    assert 'detector = "linear"' in with_detector("linear").to_toml()


def test_the_settings_decide_which_detector_witness_has():
    answers = {}
    for name in ("lexicon", "linear"):
        witness = build_runtime(settings_with(name)).agent
        assert isinstance(witness, Witness)
        found = handle(witness, RECORD).data
        assert isinstance(found, PatternDetected | TelemetryDismissed)
        answers[name] = found.confidence
    assert answers["lexicon"] != answers["linear"]
    assert isinstance(_judge(settings_with("linear").witness), LinearJudge)
