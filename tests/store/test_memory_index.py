"""The index of the pattern memory: when it changes, how much it finds, and that it is one everywhere."""

import hashlib
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from agents.embedder import HashingEmbedder
from agents.memory import ListMemory
from store.memory import FaissMemory, IndexLimits
from store.memory_cache import IndexCache
from store.memory_graph import MATCH_COUNT_MAX, level_of
from store.memory_index import libraries
from tests.store.memories import (
    ALWAYS_APPROXIMATE,
    MIDDLING,
    Act,
    carry_out,
    faiss_memory,
    found,
    hashed_acts,
    hashed_texts,
    vector,
)

LIMITS = IndexLimits(exact_count_max=6, exact_again_count=3, recent_count_max=2)
EMBEDDER = HashingEmbedder()
GOLDEN_SHA256 = "1b5108a19dc0ce9ceb8e711c8fc424344b13797a5f90eb234d2f13ccb3cb4045"
"""Of the answers of a memory; what it was on the machine where this test was written."""
GRAPH_ONLY = IndexLimits(exact_count_max=0, exact_again_count=0, recent_count_max=128)


def hashed_memory(limits: IndexLimits, written: Path | None = None) -> FaissMemory:
    return FaissMemory(EMBEDDER.name, EMBEDDER.dimension_count, limits, IndexCache((), written))


def answers_sha256(memory: FaissMemory) -> str:
    answers = [found(memory, asked, 4_000) for asked in hashed_texts(100, seed=99)]
    return hashlib.sha256(msgspec.json.encode(answers)).hexdigest()


def filled(count: int) -> FaissMemory:
    memory = faiss_memory(LIMITS)
    carry_out([Act(f"p{number}", vector(number)) for number in range(count)], memory)
    return memory


def test_a_memory_becomes_approximate_with_the_first_pattern_beyond_the_limit():
    assert filled(6).index_kind == "exact"
    assert filled(7).index_kind == "approximate"


def test_it_becomes_exact_again_only_far_below_that_limit():
    memory = filled(7)
    for number in range(4):
        memory.remove(f"p{number}")
        assert memory.index_kind == "approximate"
    memory.remove("p4")
    assert (len(memory), memory.index_kind) == (2, "exact")


def test_what_is_to_come_is_told_before_it_comes():
    memory = filled(5)
    assert memory.reindexing(1) is None
    assert memory.reindexing(2) == (
        "exact",
        "approximate",
        7,
        "more than 6 patterns: comparing with every one takes too long",
    )
    carry_out([Act("a", vector(1)), Act("b", vector(2))], memory)
    assert memory.reindexing(1) is None
    assert memory.reindexing(-4) is None
    assert memory.reindexing(-5) == (
        "approximate",
        "exact",
        2,
        "fewer than 3 patterns: every one can be compared with again",
    )


@pytest.mark.parametrize("limits", [ALWAYS_APPROXIMATE, LIMITS])
def test_the_index_changes_exactly_when_it_was_told(limits):
    memory = faiss_memory(limits)
    for act in [
        *(Act(name, vector(1)) for name in "abcdefgh"),
        *(Act(name, vector(1)) for name in "hgfedcba"),
    ]:
        told = memory.reindexing(-1 if act.pattern_id in memory else 1)
        kind_before = memory.index_kind
        carry_out([act], memory)
        assert memory.index_kind == (told.to_kind if told else kind_before)


def test_recall_of_hashed_texts_is_near_to_one():
    """Of the best match, against comparing with all. Two patterns that are equally like are both best."""
    exact, approximate = hashed_memory(IndexLimits()), hashed_memory(GRAPH_ONLY)
    for number, text in enumerate(hashed_texts(3_000, seed=1)):
        exact.put(f"{number}", text)
        approximate.put(f"{number}", text)
    hit_count = 0
    texts = hashed_texts(200, seed=2)
    for asked in texts:
        best = max(match.inner_product for match in exact.matches(asked, 1))
        hit_count += best == max(match.inner_product for match in approximate.matches(asked, 1))
    assert (exact.index_kind, approximate.index_kind) == ("exact", "approximate")
    assert hit_count >= 0.95 * len(texts)


def test_forgotten_vectors_take_no_places_of_living_ones():
    plain = ListMemory(EMBEDDER.name, EMBEDDER.dimension_count)
    faiss = hashed_memory(GRAPH_ONLY._replace(dead_count_min=500))
    texts = hashed_texts(2_000, seed=3)
    for number, text in enumerate(texts):
        plain.put(f"{number}", text)
        faiss.put(f"{number}", text)
    nearest = [name for name, _ in found(plain, texts[0], -20_000)[: 2 * MATCH_COUNT_MAX]]
    for name in nearest:
        plain.remove(name)
        faiss.remove(name)
    expected = found(plain, texts[0], 1)[:5]
    assert len(expected) == 5
    assert [product for _, product in found(faiss, texts[0], 1)[:5]] == [product for _, product in expected]


def test_an_approximate_answer_has_a_limit():
    memory = faiss_memory(ALWAYS_APPROXIMATE)
    carry_out([Act(f"{number:03}", vector(1)) for number in range(MATCH_COUNT_MAX + 10)], memory)
    assert [name for name, _ in found(memory, vector(1), 0)] == [f"{n:03}" for n in range(MATCH_COUNT_MAX)]


def test_each_level_of_the_graph_has_one_vector_in_32_of_the_level_below():
    counts = Counter(level_of(position) for position in range(32**3))
    assert sum(counts.values()) - counts[0] == pytest.approx(32**2, rel=0.1)
    assert sum(counts.values()) - counts[0] - counts[1] == pytest.approx(32, rel=0.5)


def test_the_answers_of_a_large_memory_never_change():
    """Recorded runs depend on it, on every machine."""
    memory = hashed_memory(MIDDLING)
    carry_out(hashed_acts(900, seed=5), memory)
    assert memory.index_kind == "approximate"
    assert answers_sha256(memory) == GOLDEN_SHA256


def test_the_same_graph_comes_of_every_instruction_set(tmp_path):
    config = libraries().faiss.SIMDConfig
    level_before = config.get_level()
    available = [level for level in range(level_before + 1) if config.is_simd_level_available(level)]
    saved = set()
    try:
        for level in available:
            config.set_level(level)
            memory = hashed_memory(MIDDLING, tmp_path / "memory")
            carry_out(hashed_acts(600, seed=6), memory)
            memory.keep()
            saved.add(((tmp_path / "memory").read_bytes(), answers_sha256(memory)))
    finally:
        config.set_level(level_before)
    assert len(saved) == 1


def test_a_thread_that_never_made_a_memory_builds_the_same_graph(tmp_path):
    """The number of OpenMP's threads is a setting of each thread."""
    limits = GRAPH_ONLY._replace(recent_count_max=256)
    here, there = hashed_memory(limits, tmp_path / "here"), hashed_memory(limits, tmp_path / "there")
    acts = hashed_acts(600, seed=7)
    carry_out(acts, here)
    here.keep()

    def work() -> None:
        libraries().faiss.omp_set_num_threads(2)
        carry_out(acts, there)
        there.keep()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
