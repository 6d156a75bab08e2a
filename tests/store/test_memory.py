"""One contract for every pattern memory, whatever its index."""

import subprocess
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.embedder import HashingEmbedder
from agents.memory import ListMemory, PatternMemory
from bus.errors import ProtocolError
from store.memory import FaissMemory, IndexLimits
from tests.store.memories import (
    ALWAYS_APPROXIMATE,
    DIMENSION_COUNT,
    SWINGING,
    acts,
    carry_out,
    faiss_memory,
    found,
    tiny_list_memory,
    vector,
    whole_numbers,
)


def always_approximate() -> PatternMemory:
    return faiss_memory(ALWAYS_APPROXIMATE)


@pytest.fixture(params=[tiny_list_memory, faiss_memory, always_approximate])
def memory(request) -> PatternMemory:
    return request.param()


def test_a_new_memory_is_empty_and_finds_nothing(memory):
    assert len(memory) == 0
    assert found(memory, vector(1), -1000) == []


def test_matches_come_largest_first(memory):
    memory.put("a", vector(1))
    memory.put("b", vector(3))
    memory.put("c", vector(2))
    assert found(memory, vector(5), 0) == [("b", 15), ("c", 10), ("a", 5)]


def test_equal_matches_come_in_the_order_of_their_names(memory):
    for name in ("q", "b", "z", "a"):
        memory.put(name, vector(2, 1))
    assert [name for name, _ in found(memory, vector(1, 1), 0)] == ["a", "b", "q", "z"]


def test_the_smallest_inner_product_asked_for_is_included(memory):
    memory.put("a", vector(3))
    assert found(memory, vector(4), 12) == [("a", 12)]
    assert found(memory, vector(4), 13) == []


def test_a_removed_pattern_is_not_found_and_the_others_are(memory):
    for position, name in enumerate(("a", "b", "c", "d"), start=1):
        memory.put(name, vector(position))
    memory.remove("b")
    memory.put("b", vector(9))
    memory.remove("a")
    assert len(memory) == 3
    assert found(memory, vector(1), 0) == [("b", 9), ("d", 4), ("c", 3)]


def test_removing_an_unknown_pattern_is_refused_by_name(memory):
    with pytest.raises(ProtocolError, match="'ghost'"):
        memory.remove("ghost")


def test_putting_a_pattern_twice_is_refused_by_name(memory):
    memory.put("a", vector(1))
    with pytest.raises(ProtocolError, match="'a' is already"):
        memory.put("a", vector(2))


@pytest.mark.parametrize("length", [0, DIMENSION_COUNT - 1, DIMENSION_COUNT + 1])
def test_a_vector_of_another_embedder_is_refused_by_name(memory, length):
    other = array("f", [1.0] * length)
    with pytest.raises(ProtocolError, match=f"{length} dimensions is not one of 'tiny-v1', which has 8"):
        memory.put("a", other)
    with pytest.raises(ProtocolError, match="'tiny-v1'"):
        memory.matches(other, 0)
    assert len(memory) == 0


@pytest.mark.parametrize("value", [0.5, 128, -128, float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_small_whole_number_is_refused(memory, value):
    with pytest.raises(
        ProtocolError, match="'tiny-v1' has values that are no whole numbers from -127 to 127"
    ):
        memory.put("a", vector(value))
    with pytest.raises(ProtocolError, match="mend the embedder"):
        memory.matches(vector(value), 0)
    assert "a" not in memory


def test_the_largest_values_are_kept_as_they_are(memory):
    memory.put("a", vector(*[127, -127] * 4))
    assert found(memory, vector(*[127, -127] * 4), 0) == [("a", 8 * 127 * 127)]


def test_a_pattern_is_in_the_memory_from_put_to_remove(memory):
    assert "a" not in memory
    memory.put("a", vector(1))
    assert "a" in memory
    memory.remove("a")
    assert "a" not in memory


def test_patterns_of_one_vector_come_and_go_one_by_one(memory):
    for name in ("c", "a", "b"):
        memory.put(name, vector(1, 2))
    memory.remove("a")
    assert found(memory, vector(1), 0) == [("b", 1), ("c", 1)]
    memory.remove("c")
    memory.remove("b")
    assert found(memory, vector(1), 0) == []
    memory.put("a", vector(1, 2))
    assert found(memory, vector(1), 0) == [("a", 1)]


def test_a_vector_of_zeros_is_found_when_nothing_has_to_be_alike(memory):
    memory.put("a", vector())
    memory.put("b", vector(2))
    assert found(memory, vector(3), 0) == [("b", 6), ("a", 0)]
    assert found(memory, vector(3), 1) == [("b", 6)]


def test_a_memory_says_how_it_finds_patterns(memory):
    memory.put("a", vector(1))
    assert memory.index_kind in ("exact", "approximate")
    assert memory.reindexing(0) is None


@pytest.mark.parametrize("limits", [IndexLimits(), ALWAYS_APPROXIMATE, SWINGING])
@given(acts=acts, asked=whole_numbers, inner_product_min=st.integers(-5000, 5000))
def test_few_patterns_are_found_exactly_as_in_plain_python(limits, acts, asked, inner_product_min):
    """So few that all are linked with all: there an approximate index misses nothing either."""
    plain, faiss = tiny_list_memory(), faiss_memory(limits)
    for memory in (plain, faiss):
        carry_out(acts, memory)
    assert len(plain) == len(faiss)
    assert found(faiss, vector(*asked), inner_product_min) == found(plain, vector(*asked), inner_product_min)


def test_real_embeddings_are_found_again_in_both():
    embedder = HashingEmbedder()
    plain = ListMemory(embedder.name, embedder.dimension_count)
    faiss = FaissMemory(embedder.name, embedder.dimension_count)
    texts = ["disk is full", "disk is nearly full", "user wants a red button", ""]
    for memory in (plain, faiss):
        for text in texts:
            memory.put(text, embedder.embed(text))
    for text in texts:
        assert found(faiss, embedder.embed(text), 1) == found(plain, embedder.embed(text), 1)


def test_importing_the_store_and_the_agents_loads_neither_faiss_nor_numpy():
    code = (
        "import sys, store.memory, agents.witness, agents.architect, agents.executor; "
        "print([n for n in ('faiss', 'numpy', 'zmq') if n in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
