"""Files of graphs: with them or without them, wherever they were saved, a memory answers the same."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.memory import FaissMemory, IndexLimits
from store.memory_cache import BEGIN_NAME, LAST_NAME, Growth, IndexCache, read_key
from store.memory_graph import ApproximateIndex
from tests.store.memories import (
    ALWAYS_APPROXIMATE,
    MIDDLING,
    SWINGING,
    Act,
    acts,
    carry_out,
    faiss_memory,
    found,
    hashed_acts,
    hashed_texts,
    vector,
    whole_numbers,
)

OFTEN = Growth(1, 1, 1)
"""Saved whenever there is anything new."""
ASKED = [vector(*range(-4, 4)), vector(127, -127), vector(0, 1, 2)]
GROWING = [Act(f"p{number:03}", vector(number, number % 7, 3)) for number in range(40)]


@pytest.fixture
def reasons() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / LAST_NAME


def cache(file: Path, reasons: list[str]) -> IndexCache:
    return IndexCache([file], file, reasons.append, OFTEN)


@pytest.fixture
def saved(file: Path, reasons: list[str]) -> Path:
    memory = faiss_memory(ALWAYS_APPROXIMATE, cache(file, reasons))
    carry_out(GROWING[:30], memory)
    memory.keep()
    assert reasons == []
    return file


def answers(memory: FaissMemory, asked: Sequence[Sequence[float]] = ASKED) -> list[list[tuple[str, int]]]:
    return [found(memory, vector(*values), -20_000) for values in asked]


def folded(cache: IndexCache | None, of: Sequence[Act] = GROWING) -> FaissMemory:
    memory = faiss_memory(ALWAYS_APPROXIMATE, cache)
    carry_out(of, memory)
    return memory


PLAIN = answers(folded(None))


lives = st.lists(st.tuples(acts, st.booleans(), st.booleans()), min_size=1, max_size=5)
"""What is done, whether somebody asks then, and whether the memory is folded anew after that."""


@pytest.mark.parametrize("limits", [ALWAYS_APPROXIMATE, SWINGING])
@settings(deadline=None, max_examples=150)
@given(
    lives=lives,
    asked=st.lists(whole_numbers, min_size=1, max_size=3),
    lost_count=st.integers(0, 40),
    growth=st.sampled_from([OFTEN, Growth(3, 9, 2), Growth(6, 6, 4)]),
)
def test_a_memory_with_a_cache_answers_as_one_without(
    tmp_path_factory: pytest.TempPathFactory,
    limits: IndexLimits,
    lives: list[tuple[list[Act], bool, bool]],
    asked: list[list[int]],
    lost_count: int,
    growth: Growth,
) -> None:
    """A fold may also end before what was saved: then the log had lost the end."""
    folder = tmp_path_factory.mktemp("cache")
    reasons: list[str] = []

    def fresh() -> FaissMemory:
        files = folder / LAST_NAME, folder / BEGIN_NAME
        return faiss_memory(limits, IndexCache(files, files[0], reasons.append, growth))

    done: list[Act] = []
    cached = fresh()
    for some, is_asked, is_folded_anew in lives:
        carry_out(some, cached)
        done += some
        if is_asked:
            plain = faiss_memory(limits)
            carry_out(done, plain)
            assert answers(cached, asked) == answers(plain, asked)
            assert (len(cached), cached.index_kind) == (len(plain), plain.index_kind)
        if is_folded_anew:
            done = done[: max(0, len(done) - lost_count)]
            cached = fresh()
            carry_out(done, cached)
    plain = faiss_memory(limits)
    carry_out(done, plain)
    assert answers(cached, asked) == answers(plain, asked)
    assert reasons == []


def test_a_large_graph_that_was_taken_from_files_on_the_way_ends_as_the_same_bytes(
    tmp_path: Path, reasons: list[str]
) -> None:
    """Through three kinds of rebuilding: too many patterns, too many forgotten, few again."""
    acts = hashed_acts(700, seed=11)
    acts += [Act(act.pattern_id, act.values) for act in acts[:250]]
    straight_file, file = tmp_path / "straight", tmp_path / "resumed"
    straight = FaissMemory("hashing-v1", 512, MIDDLING, IndexCache((), straight_file, reasons.append))
    kinds, loaded_count = set(), 0
    for end in range(100, len(acts), 100):
        carry_out(acts[end - 100 : end], straight)
        straight.keep()
        own = cache(file, reasons)
        resumed = FaissMemory("hashing-v1", 512, MIDDLING, own)
        carry_out(acts[:end], resumed)
        resumed.keep()
        kinds.add(straight.index_kind)
        if straight.index_kind == "approximate":
            assert file.read_bytes() == straight_file.read_bytes()
        loaded_count += own.loaded_count
        texts = hashed_texts(20, seed=end)
        assert [found(resumed, asked, 1) for asked in texts] == [found(straight, a, 1) for a in texts]
    assert kinds == {"exact", "approximate"}
    assert loaded_count >= 3
    assert reasons == []


def test_a_fold_links_only_what_no_file_holds(
    saved: Path, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    linked: list[int] = []
    link = ApproximateIndex._link

    def counting(index, batch) -> None:
        linked.append(len(batch))
        link(index, batch)

    monkeypatch.setattr(ApproximateIndex, "_link", counting)
    assert answers(folded(cache(saved, reasons))) == PLAIN
    assert sum(linked) == 39 - 30
    linked.clear()
    assert answers(folded(None)) == PLAIN
    assert sum(linked) == 39


def test_nothing_is_linked_before_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that a log is enough asks nothing, whatever the memory holds."""

    def link(index, batch) -> None:
        raise AssertionError("linked")

    monkeypatch.setattr(ApproximateIndex, "_link", link)
    memory = folded(None)
    memory.remove("p003")
    assert (len(memory), memory.index_kind, memory.reindexing(1)) == (39, "approximate", None)
    with pytest.raises(AssertionError, match="linked"):
        memory.matches(ASKED[0], 0)


def test_the_largest_graph_that_fits_is_taken(saved: Path, reasons: list[str]) -> None:
    begin = saved.with_name(BEGIN_NAME)
    memory = folded(IndexCache((), begin), GROWING[:12])
    memory.keep()
    assert vector_count(begin) == 12
    assert vector_count(saved) == 30
    for pattern_count, expected in ((40, 1), (29, 1), (11, 0)):
        own = IndexCache([saved, begin], None, reasons.append)
        few = GROWING[:pattern_count]
        assert answers(folded(own, few)) == answers(folded(None, few))
        assert own.loaded_count == expected


def vector_count(file: Path) -> int:
    key = read_key(file)
    assert key is not None
    return key.vector_count


def test_graphs_of_other_vectors_limits_or_dimensions_are_not_taken(saved: Path, reasons: list[str]) -> None:
    other = [Act("q", vector(1, 1, 1)), *GROWING]
    for limits, of in ((ALWAYS_APPROXIMATE, other), (SWINGING, GROWING), (None, GROWING)):
        own = IndexCache([saved], None, reasons.append)
        with_file, without = faiss_memory(limits, own), faiss_memory(limits)
        for memory in (with_file, without):
            carry_out(of, memory)
        assert answers(with_file) == answers(without)
        assert own.loaded_count == 0
    own = IndexCache([saved], None, reasons.append)
    memory = FaissMemory("wide-v1", 9, ALWAYS_APPROXIMATE, own)
    for act in GROWING:
        memory.put(act.pattern_id, [*act.values, 0.0])
    memory.settle()
    assert (own.loaded_count, reasons) == (0, [])


def test_a_graph_of_another_faiss_is_not_taken_and_replaced(
    saved: Path, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr("faiss.__version__", "9.9.9")
    own = cache(saved, reasons)
    assert answers(folded(own)) == PLAIN
    assert (own.loaded_count, reasons) == (0, [])
    assert saved.read_bytes() != before


def test_a_name_of_a_pattern_is_none_of_the_graphs_business(saved: Path, reasons: list[str]) -> None:
    own = cache(saved, reasons)
    renamed = [Act(f"other-{act.pattern_id}", act.values) for act in GROWING]
    assert answers(folded(own, renamed)) == [
        [(f"other-{name}", product) for name, product in found] for found in PLAIN
    ]
    assert own.loaded_count == 1


def test_every_changed_byte_is_noticed_and_makes_no_difference(saved: Path) -> None:
    sound = saved.read_bytes()
    assert len(sound) > 5_000
    for position in range(0, len(sound), 97):
        damaged = bytearray(sound)
        damaged[position] ^= 0x80 if position % 2 else 0x04
        saved.write_bytes(damaged)
        own = IndexCache([saved])
        assert answers(folded(own)) == PLAIN
        assert own.loaded_count == 0


def test_a_file_that_was_cut_or_lengthened_makes_no_difference(saved: Path) -> None:
    sound = saved.read_bytes()
    for content in (*(sound[:length] for length in range(0, len(sound), 131)), sound + b"0"):
        saved.write_bytes(content)
        own = IndexCache([saved])
        assert answers(folded(own)) == PLAIN
        assert own.loaded_count == 0


def test_what_is_wrong_with_a_file_is_told(saved: Path, reasons: list[str], tmp_path: Path) -> None:
    sound = saved.read_bytes()
    saved.write_bytes(sound[:-70] + b"?" + sound[-69:])
    folded(IndexCache([saved, tmp_path, tmp_path / "none"], None, reasons.append)).settle()
    assert [reason.partition(": ")[2] for reason in reasons] == [
        "cannot be read: Is a directory; it is not used, and may be deleted",
        "its SHA-256 is not the one at its end: it was cut or changed; it is not used, and may be deleted",
    ]


def test_a_file_that_cannot_be_written_is_told_once_and_makes_no_difference(
    tmp_path: Path, reasons: list[str]
) -> None:
    (tmp_path / "cache").write_text("in the way")
    own = cache(tmp_path / "cache" / LAST_NAME, reasons)
    memory = folded(own, GROWING[:20])
    assert answers(memory) == answers(folded(None, GROWING[:20]))
    carry_out(GROWING[20:], memory)
    assert answers(memory) == PLAIN
    written = [reason for reason in reasons if "cannot write the graph of the patterns" in reason]
    assert len(written) == 1
    assert written[0].endswith("the run goes on without it")


def test_a_disk_that_is_full_leaves_the_old_file_and_no_other(
    saved: Path, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = saved.read_bytes()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FullFile:
        def __enter__(self) -> "FullFile":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def write(self, data: bytes) -> int:
            raise full

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r": FullFile() if mode == "wb" else opened(path, mode)
    )
    assert answers(folded(cache(saved, reasons))) == PLAIN
    assert "No space left on device" in reasons[0]
    assert saved.read_bytes() == sound
    assert [path.name for path in saved.parent.iterdir()] == [LAST_NAME]


def test_a_folder_that_was_deleted_meanwhile_is_made_again(saved: Path, reasons: list[str]) -> None:
    own = cache(saved, reasons)
    memory = folded(own, GROWING[:35])
    memory.settle()
    saved.unlink(missing_ok=True)
    saved.parent.rmdir()
    carry_out(GROWING[35:], memory)
    memory.keep()
    assert (vector_count(saved), reasons) == (39, [])


def test_who_may_only_read_writes_nothing(saved: Path, reasons: list[str]) -> None:
    before = saved.read_bytes()
    own = IndexCache.of_run(saved.parent, is_written=False, report=reasons.append)
    memory = folded(own)
    memory.keep()
    assert (own.loaded_count, own.saved_count, reasons) == (1, 0, [])
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [LAST_NAME]


def test_a_graph_is_saved_when_it_has_grown_by_a_share_and_not_by_every_batch(tmp_path: Path) -> None:
    own = IndexCache.of_run(tmp_path, is_written=True)
    assert not own.is_due(8_191, 8_191, is_going_on=False)
    assert own.is_due(8_192, 8_192, is_going_on=False)
    assert not own.is_due(24_999, 100_000, is_going_on=False)
    assert own.is_due(25_000, 100_000, is_going_on=False)
    assert own.is_due(32_768, 1_000_000, is_going_on=False)
    assert not own.is_due(32_767, 40_000, is_going_on=True)


def test_a_long_linking_is_saved_on_the_way(tmp_path: Path) -> None:
    """So that one that is killed in the middle need not begin from nothing."""
    own = IndexCache((), tmp_path / LAST_NAME, growth=Growth(9, 9, 1))
    folded(own).settle()
    assert own.saved_count == 4
    assert vector_count(tmp_path / LAST_NAME) == 36
