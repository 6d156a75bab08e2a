"""Pattern memories and what is done to them, for the tests of the memory."""

import random
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from agents.embedder import HashingEmbedder, Vector
from agents.memory import ListMemory, PatternMemory
from store.memory import FaissMemory, IndexLimits
from store.memory_cache import IndexCache

DIMENSION_COUNT = 8

ALWAYS_APPROXIMATE = IndexLimits(exact_count_max=0, exact_again_count=0, recent_count_max=3, dead_count_min=4)
"""Almost all vectors are in the graph."""
SWINGING = IndexLimits(exact_count_max=4, exact_again_count=3, recent_count_max=2, dead_count_min=1)
"""The index changes every few acts."""
MIDDLING = IndexLimits(exact_count_max=300, exact_again_count=200, recent_count_max=64, dead_count_min=16)
"""A graph large enough that not all are linked with all."""


class Act(NamedTuple):
    """Removes the pattern if it is there, else puts it."""

    pattern_id: str
    values: Sequence[float]


whole_numbers = st.lists(st.integers(-127, 127), min_size=DIMENSION_COUNT, max_size=DIMENSION_COUNT)
small_numbers = st.lists(st.integers(-1, 1), min_size=DIMENSION_COUNT, max_size=DIMENSION_COUNT)
acts = st.lists(st.builds(Act, st.sampled_from("abcdefghij"), whole_numbers | small_numbers), max_size=30)


def vector(*values: float) -> array:
    return array("f", [*values, *([0] * (DIMENSION_COUNT - len(values)))])


def tiny_list_memory() -> ListMemory:
    return ListMemory("tiny-v1", DIMENSION_COUNT)


def faiss_memory(limits: IndexLimits | None = None, cache: IndexCache | None = None) -> FaissMemory:
    return FaissMemory("tiny-v1", DIMENSION_COUNT, limits, cache)


def found(memory: PatternMemory, asked: Vector, inner_product_min: int) -> list[tuple[str, int]]:
    return [(match.pattern_id, match.inner_product) for match in memory.matches(asked, inner_product_min)]


def carry_out(acts: Iterable[Act], memory: PatternMemory) -> None:
    for act in acts:
        if act.pattern_id in memory:
            memory.remove(act.pattern_id)
        else:
            memory.put(act.pattern_id, array("f", act.values))


def hashed_texts(count: int, seed: int) -> list[Vector]:
    """Vectors of reports that share their wording and differ in some words; some are equal."""
    chance = random.Random(seed)
    parts = [
        f"{a}{b}" for a in ("work", "mail", "block", "field", "yard") for b in ("er", "ing", "s", "let", "")
    ]
    frames = (
        "{} failed to open {} after {} tries",
        "please let {} show {} in the {}",
        "{} is slower than {} since the {} moved",
        "test of {} passes and fails with {} and {}",
    )
    embedder = HashingEmbedder()
    return [
        embedder.embed(chance.choice(frames).format(*(chance.choice(parts) for _ in range(3))))
        for _ in range(count)
    ]


def hashed_acts(count: int, seed: int, removed_share: float = 0.2) -> list[Act]:
    """Patterns that come, and some that go again."""
    chance = random.Random(seed)
    acts: list[Act] = []
    for number, values in enumerate(hashed_texts(count, seed)):
        acts.append(Act(f"pattern-{number}", values))
        if chance.random() < removed_share:
            # One that was removed before comes again.
            acts.append(acts[chance.randrange(len(acts))])
    return acts
