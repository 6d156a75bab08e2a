"""Border: what an agent may not publish is held back and told of, and the rest of its handling stands."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.bodies import (
    Body,
    DeliveryAcknowledged,
    PatternLearned,
    PublicationRefused,
    TelemetryDismissed,
    TelemetryReceived,
    TruthLabelled,
)
from bus.events import Draft, Event, Handling
from bus.permissions import Permissions
from bus.redaction import Redactor
from simulator import compose
from simulator.border import Border, open_border
from simulator.compose_agent import build_runtime
from simulator.drivers.driver import Handled
from simulator.drivers.in_process import InProcessDriver
from simulator.roles import AGENTS
from store.log_reader import read_events
from tests.simulator.builders import digest_of, events_of, record, scenario, soak_log
from tests.simulator.short_chaos import commit_ends, cut_copy, resume

SOAK = scenario(duration="6h", seed=3)
LESSON = PatternLearned("p1", "duplication", "m", True, 1, 0.5, 0.6)
FORBIDDEN: tuple[Draft, ...] = (
    Draft(TelemetryReceived("invented"), "telemetry_stream"),
    Draft(DeliveryAcknowledged("telemetry_stream", 1, 1, 1, 1)),
    Draft(LESSON, "execution_queue"),
)
SECRET = "sk-ant-api03-" + "k" * 40


def border() -> Border:
    return Border(Redactor([]).redact_body, Permissions().check)


class Overstepping(InProcessDriver):
    """Every third handling of WITNESS has drafts that it may not publish, before and behind its own."""

    def collect(self) -> Handled:
        handled = super().collect()
        attempts = [[self._overstepped(handled.agent, h) for h in group] for group in handled.attempts]
        return Handled(handled.agent, attempts)

    def _overstepped(self, agent: str, handling: Handling) -> Handling:
        if agent != "witness" or handling.started_ns % 3:
            return handling
        return replace(handling, drafts=(*FORBIDDEN[:2], *handling.drafts, *FORBIDDEN[2:]))


@pytest.mark.parametrize("draft", FORBIDDEN, ids=lambda draft: draft.data.TYPE)
def test_a_forbidden_draft_becomes_a_refusal_behind_those_that_are_allowed(draft: Draft) -> None:
    allowed = Draft(TelemetryDismissed("none", 0.9, 0.5))
    first, second = border().admit("witness", [draft, allowed])
    assert first == allowed
    assert isinstance(second.data, PublicationRefused)
    assert (second.data.agent, second.data.published_type, second.data.published_queue) == (
        "witness",
        draft.data.TYPE,
        draft.queue,
    )
    assert second.queue is None


def test_a_draft_without_secrets_is_passed_on_as_it_is_and_one_with_a_secret_without_it() -> None:
    plain = Draft(TelemetryReceived("nothing to hide"), "telemetry_stream")
    assert border().clean(plain) is plain
    cleaned = border().clean(Draft(TelemetryReceived(f"the key is {SECRET}"), "telemetry_stream"))
    assert isinstance(cleaned.data, TelemetryReceived)
    assert SECRET not in cleaned.data.message
    assert cleaned.queue == "telemetry_stream"


def test_the_open_border_holds_back_only_what_the_sequencer_says_in_an_agents_name() -> None:
    admitted = open_border().admit("first", [Draft(TruthLabelled("none"), "q"), *FORBIDDEN[:2]])
    assert [draft.data.TYPE for draft in admitted] == [
        "truth.labelled",
        "telemetry.received",
        "publication.refused",
    ]


def without_refusals(events: Sequence[Event]) -> list[tuple[int, str, Body]]:
    return [(e.time_ns, e.source, e.data) for e in events if not isinstance(e.data, PublicationRefused)]


def test_the_rest_of_a_handling_that_oversteps_stands() -> None:
    overstepping = Overstepping(AGENTS, lambda agent: build_runtime(compose.agent_settings(SOAK, agent)))
    found = events_of(soak_log(SOAK, overstepping))
    expected = events_of(soak_log(SOAK))
    assert without_refusals(found) == without_refusals(expected)
    told = [e for e in found if isinstance(e.data, PublicationRefused)]
    assert len(told) >= 2 * len(FORBIDDEN)
    assert {e.data.published_type for e in told if isinstance(e.data, PublicationRefused)} == {
        draft.data.TYPE for draft in FORBIDDEN
    }
    assert {e.source for e in told} == {"witness"}


def test_a_resumed_run_says_the_same_of_a_handling_that_overstepped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "InProcessDriver", Overstepping)
    record(SOAK, tmp_path / "whole")
    ends = commit_ends(tmp_path / "whole")
    assert any(isinstance(e.data, PublicationRefused) for e in read_events(tmp_path / "whole" / "events"))
    for part in (0.3, 0.8):
        folder = cut_copy(tmp_path / "whole", tmp_path / f"part{int(10 * part)}", ends[int(len(ends) * part)])
        resume(SOAK, folder)
        assert digest_of(folder.path) == digest_of(tmp_path / "whole")
