"""What a drawn scenario has to learn from: feedback, detector, bounds, earlier patterns. Must not run it."""

from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import get_args

from msgspec.structs import replace

from bus.bodies import PatternKind, TelemetryReceived
from simulator.compose import workload_of
from simulator.scenario import FeedbackSettings, Scenario, WitnessSettings, WorkloadSettings
from simulator.scenario_rules import PATTERNS_MIN
from simulator.weights import with_weights
from simulator.wording import PROJECTS
from store.pattern_file import FEEDBACK_COUNT_MAX, MESSAGE_CHARACTERS_MAX, CarriedPattern
from tests.torture.little_memory import PROTOTYPE_COUNT

KINDS: tuple[PatternKind, ...] = get_args(PatternKind)
SHARES = (0.0, 0.0, 0.1, 0.3, 0.5, 1.0)
ROOM = PATTERNS_MIN - PROTOTYPE_COUNT
"""Patterns that the smallest memory has room for."""
ODD_MESSAGES = ("", " ", "7", "\u2028\x00\x1b[31m", "\U0001f525" * 9, "word " * MESSAGE_CHARACTERS_MAX)
ODD_SHARE = 0.1
LETTERS = "bcdfghjklmnprstvwz"


def with_learning(scenario: Scenario, seed: int) -> Scenario:
    """The same scenario, with everything drawn that decides what WITNESS learns from."""
    random = Random(f"learning {seed}")
    feedback = _feedback(random)
    return with_weights(
        replace(
            scenario,
            workload=_workload(random, scenario.workload),
            feedback=feedback,
            witness=_witness(random, scenario.witness, is_reviewed=feedback is not None),
        )
    )


def drawn_patterns(scenario: Scenario, seed: int) -> list[CarriedPattern] | None:
    """What a run begins with; None for no file. Mostly as much as there is room for, or a little more."""
    random = Random(f"patterns {seed}")
    if random.random() < 0.3:
        return None
    count = random.choice((0, 1, ROOM // 2, ROOM - 3, ROOM, ROOM + 1, 2 * ROOM))
    told = [item.drafts[0].data for item in islice(workload_of(scenario), count)]
    messages = [record.message for record in told if isinstance(record, TelemetryReceived)]
    patterns = [_pattern(random, messages, number) for number in range(count)]
    random.shuffle(patterns)
    return patterns


def _feedback(random: Random) -> FeedbackSettings | None:
    if random.random() < 0.25:
        return None
    return FeedbackSettings(
        missing_share=random.choice(SHARES),
        wrong_share=random.choice(SHARES),
        chance_share=random.choice((None, None, None, 0.0, 0.5, 1.0)),
    )


def _workload(random: Random, workload: WorkloadSettings) -> WorkloadSettings:
    return replace(
        workload,
        project=random.choice(PROJECTS),
        oblique_share=random.choice((0.0, 0.03, 0.3, 1.0)),
    )


def _witness(random: Random, witness: WitnessSettings, *, is_reviewed: bool) -> WitnessSettings:
    review_above = random.choice((None, 0.0, 0.0, 0.01, 0.1, 0.4, 1.0))
    return replace(
        witness,
        detector=random.choice(("lexicon", "linear")),
        patterns_max=random.choice((PATTERNS_MIN, PATTERNS_MIN, PATTERNS_MIN, PATTERNS_MIN + 3, 4_096)),
        review_above=review_above if is_reviewed else None,
    )


def _pattern(random: Random, messages: list[str], number: int) -> CarriedPattern:
    counts = random.choice((0, 0, 1, 1, 2, 5)), random.choice((0, 0, 0, 1, 3))
    if random.random() < ODD_SHARE / 5:
        counts = FEEDBACK_COUNT_MAX, FEEDBACK_COUNT_MAX
    taught = (f"day-{number % 3}:0123456789ab", 1 + number)
    message = next(_messages(random, messages))[:MESSAGE_CHARACTERS_MAX]
    return CarriedPattern(random.choice(KINDS), message, *counts, *taught, *taught)


def _messages(random: Random, messages: list[str]) -> Iterator[str]:
    """What the run will tell as well, or what nobody ever says."""
    share = random.random()
    if share < ODD_SHARE:
        yield random.choice(ODD_MESSAGES)
    elif share < 0.4 and messages:
        yield random.choice(messages)
    yield " ".join("".join(random.choices(LETTERS, k=6)) for _ in range(5))
