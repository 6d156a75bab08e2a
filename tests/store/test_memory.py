"""One contract for every pattern memory, and what is special about the one in FAISS."""

import subprocess
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.embedder import HashingEmbedder, Vector
from agents.memory import ListMemory, PatternMemory
from bus.errors import ProtocolError
from store.memory import FaissMemory

DIMENSION_COUNT = 8


@pytest.fixture(params=[ListMemory, FaissMemory], ids=["list", "faiss"])
def memory(request) -> PatternMemory:
    return request.param("tiny-v1", DIMENSION_COUNT)


def vector(*values: float) -> array:
    return array("f", [*values, *([0] * (DIMENSION_COUNT - len(values)))])


def found(memory: PatternMemory, asked: Vector, inner_product_min: int) -> list[tuple[str, int]]:
    return [(match.pattern_id, match.inner_product) for match in memory.matches(asked, inner_product_min)]


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


whole_numbers = st.lists(st.integers(-127, 127), min_size=DIMENSION_COUNT, max_size=DIMENSION_COUNT)
acts = st.lists(st.tuples(st.sampled_from("abcdef"), whole_numbers), max_size=30)


@given(acts=acts, asked=whole_numbers, inner_product_min=st.integers(-5000, 5000))
def test_faiss_answers_exactly_as_plain_python_does(acts, asked, inner_product_min):
    plain, faiss = ListMemory("tiny-v1", DIMENSION_COUNT), FaissMemory("tiny-v1", DIMENSION_COUNT)
    held: set[str] = set()
    for name, values in acts:
        for memory in (plain, faiss):
            if name in held:
                memory.remove(name)
            else:
                memory.put(name, vector(*values))
        held ^= {name}
    assert len(plain) == len(faiss) == len(held)
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
