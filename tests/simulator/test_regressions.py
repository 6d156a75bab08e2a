"""What once broke a run of a scenario that a person could write, each as small as it gets."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from agents import settled as settled_keys
from agents.settled import COPY_LATE_NS_MAX, SETTLED_KEYS_MAX, Settled
from bus import keys
from bus.bodies import DeliveryDeduplicated
from simulator.duration import Duration
from simulator.faults.rule_checks import REDELIVERY_TIMEOUT_NS_MAX
from simulator.faults.rules import FaultRule, FaultSettings
from simulator.scenario import Scenario
from store.log_reader import read_events
from tests.simulator.builders import digest_of, record, scenario
from tests.simulator.short_chaos import cut_copy, resume


def with_late_copies(queue: str, *others: FaultRule) -> Scenario:
    """Two hours in which every delivery of a queue comes twice, the copy up to an hour later."""
    whole = scenario("chaos", seed=3)
    rules = [FaultRule(kind="duplicate", queue=queue, rate=1.0), *others]
    faults = FaultSettings(
        heal_at=Duration.parse("90m"),
        redelivery_timeout=Duration.parse("1h"),
        rules={f"{rule.kind}-{n}": rule for n, rule in enumerate(rules)},
    )
    workload = replace(whole.workload, noise_per_hour=60.0, event_interval=Duration.parse("5m"))
    return replace(whole, duration=Duration.parse("2h"), workload=workload, faults=faults)


def test_an_agent_remembers_for_as_long_as_a_copy_may_come_whatever_it_settles_meanwhile() -> None:
    settled: Settled[str, None] = Settled()
    settled.add("first", None, 0)
    for n in range(SETTLED_KEYS_MAX + 10):
        settled.add(f"k{n}", None, COPY_LATE_NS_MAX)
    assert "first" in settled
    settled.add("late", None, COPY_LATE_NS_MAX + 1)
    assert "first" not in settled
    assert len(list(settled)) == SETTLED_KEYS_MAX + 11
    settled.add("later", None, 2 * COPY_LATE_NS_MAX + 2)
    assert list(settled)[-2:] == ["late", "later"]
    assert len(list(settled)) == SETTLED_KEYS_MAX


def test_no_copy_comes_later_than_agents_remember() -> None:
    assert REDELIVERY_TIMEOUT_NS_MAX <= COPY_LATE_NS_MAX


def test_a_run_goes_on_when_more_is_settled_before_a_copy_than_an_agent_keeps_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended with: witness did not tell a copy from the event itself."""
    monkeypatch.setattr(settled_keys, "SETTLED_KEYS_MAX", 2)
    assert record(with_late_copies("telemetry_stream"), tmp_path / "run").status == "completed"


def test_a_log_is_taken_up_again_whose_copies_come_long_after_the_events_were_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of an event is kept for some time only, and copies of tasks wait for a slow EXECUTOR."""
    monkeypatch.setattr(keys, "SETTLED_KEPT_MAX", 4)
    slow = FaultRule(kind="slow", agent="executor", rate=1.0, factor=3.0)
    of = with_late_copies("execution_queue", slow)
    record(of, tmp_path / "whole")
    events = list(read_events(tmp_path / "whole" / "events"))
    copies = [event for event in events if isinstance(event.data, DeliveryDeduplicated)]
    assert copies
    again = cut_copy(tmp_path / "whole", tmp_path / "cut", copies[-1].seq)
    resume(of, again)
    assert digest_of(tmp_path / "cut") == digest_of(tmp_path / "whole")
