"""Files of graphs that took long to build. Must not be a source: what is in doubt is not used.

A graph is a function of its vectors in their order (``store/memory_graph.py``). A file says of which vectors
it is, by their digest. So it is right or it is not used, and all of them may be deleted at any time. The
digests find accidents, no forger: whoever proves something about a run reads none of its files.

Layout: a line of magic; a header, one line of JSON; the graph as FAISS writes it; SHA-256 of all before in
hexadecimal digits.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import msgspec
from msgspec import Struct

from bus.errors import DamageError, TrinityError
from store.errors import folder_error
from store.memory_graph import GraphKey, Keys
from store.memory_index import FaissIndex, libraries

MAGIC = b"trinity pattern graph 1\n"
HEADER_BYTES_MAX = 1 << 16
READ_BYTES = 1 << 20
_SHA256_DIGITS = 64

LAST_NAME = "patterns.index"
"""The largest graph that WITNESS of a run had."""
BEGIN_NAME = "patterns-begin.index"
"""The graph of what a run began with."""


class Growth(NamedTuple):
    """How much a graph must have grown to be saved again. Smaller values are for tests."""

    vectors_min: int = 8_192
    """Linking so many takes a few seconds."""
    vectors_max: int = 32_768
    """Linking so many takes some twenty seconds; an agent that is silent for a minute is taken for dead."""
    share: int = 4
    """One part in so many; in between."""


class GraphRefused(DamageError):
    """A file that cannot stand for a graph."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{path}: {reason}; it is not used, and may be deleted")


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    settings: list[str]
    faiss_version: str
    """Another one might build another graph."""
    vector_count: int
    rows_sha256: str

    @property
    def key(self) -> GraphKey:
        return GraphKey(tuple(self.settings), self.vector_count, self.rows_sha256)


class Candidate(NamedTuple):
    path: Path
    key: GraphKey


def _unheard(reason: str) -> None:
    """For whoever does not care why a file is not used."""


class IndexCache:
    """The files that a memory may take a graph from, and the one that it may write.

    Whatever is wrong with a file is told to ``report`` in words for people, and makes no other difference.
    Without ``growth`` a graph is saved only when a memory is told to keep it.
    """

    def __init__(
        self,
        read: Sequence[Path],
        written: Path | None = None,
        report: Callable[[str], None] = _unheard,
        growth: Growth | None = None,
    ) -> None:
        self._read = read
        self._written = written
        self._report = report
        self._growth = growth
        self.loaded_count = 0
        """Graphs that were taken from a file."""
        self.saved_count = 0

    @classmethod
    def of_run(cls, folder: Path, *, is_written: bool, report: Callable[[str], None] = _unheard) -> Self:
        """That of the WITNESS of a run; ``folder`` is the run's ``cache/``."""
        last = folder / LAST_NAME
        return cls((last, folder / BEGIN_NAME), last if is_written else None, report, Growth())

    def load(self, keys: Keys) -> FaissIndex | None:
        for path, key in sorted(self._candidates(keys), key=lambda c: -c.key.vector_count):
            try:
                graph = read_graph(path, key)
            except GraphRefused as refused:
                self._report(str(refused))
            else:
                self.loaded_count += 1
                return graph
        return None

    def is_due(self, unsaved_count: int, vector_count: int, *, is_going_on: bool) -> bool:
        if self._written is None or self._growth is None:
            return False
        least, most, share = self._growth
        return unsaved_count >= (most if is_going_on else max(least, min(most, vector_count // share)))

    def save(self, key: GraphKey, graph: FaissIndex) -> None:
        """A file that cannot be written is told of once, and no other is written."""
        if self._written is None:
            return
        try:
            write_graph(self._written, key, graph)
        except TrinityError as error:
            self._report(f"{error}; the run goes on without it")
            self._written = None
        else:
            self.saved_count += 1

    def _candidates(self, keys: Keys) -> list[Candidate]:
        found = []
        for path in self._read:
            try:
                key = read_key(path)
            except GraphRefused as refused:
                self._report(str(refused))
                continue
            if key and key.settings == keys.settings:
                wanted_sha256 = keys.rows_sha256(key.vector_count)
                if wanted_sha256 == key.rows_sha256:
                    found.append(Candidate(path, key))
        return found


def write_graph(path: Path, key: GraphKey, graph: FaissIndex) -> None:
    """Replace the file in one step: temporary file, rename(2).

    Nothing is synced: what a loss of power leaves of it has another digest than it says.

    Raises:
        FolderUnusable, FolderRefused: the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        # The folder of a cache may be deleted at any time, but never the run around it.
        path.parent.mkdir(exist_ok=True)
        with partial.open("wb") as file:
            _write(file, key, graph)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise folder_error(path, "cannot write the graph of the patterns", error) from None


def _write(file: BinaryIO, key: GraphKey, graph: FaissIndex) -> None:
    faiss = libraries().faiss
    digest = hashlib.sha256()
    failures: list[OSError] = []

    def write(data: bytes) -> None:
        # FAISS makes something else of an error that passes through it.
        if failures:
            return
        try:
            digest.update(data)
            file.write(data)
        except OSError as error:
            failures.append(error)

    header = Header(list(key.settings), faiss.__version__, key.vector_count, key.rows_sha256)
    write(MAGIC)
    write(msgspec.json.encode(header) + b"\n")
    faiss.write_index(graph, faiss.PyCallbackIOWriter(write))
    write(digest.hexdigest().encode())
    if failures:
        raise failures[0]


def read_key(path: Path) -> GraphKey | None:
    """Of which graph a file is; None if there is no such file, or another FAISS wrote it.

    Raises:
        GraphRefused: the file is damaged or cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = _header(path, file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise GraphRefused(path, f"cannot be read: {error.strerror}") from None
    return header.key if header.faiss_version == libraries().faiss.__version__ else None


def read_graph(path: Path, key: GraphKey) -> FaissIndex:
    """Read a graph back.

    Raises:
        GraphRefused: the file is damaged, is gone, or is another one by now.
    """
    try:
        with path.open("rb") as file:
            _check_sha256(path, file)
            file.seek(0)
            if _header(path, file).key != key:
                raise GraphRefused(path, "it was replaced while it was read")
            return _graph(path, file, key)
    except OSError as error:
        raise GraphRefused(path, f"cannot be read: {error.strerror}") from None


def _header(path: Path, file: BinaryIO) -> Header:
    if file.read(len(MAGIC)) != MAGIC:
        raise GraphRefused(path, "this is no graph of patterns, or one of another version")
    try:
        return msgspec.json.decode(file.readline(HEADER_BYTES_MAX), type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GraphRefused(path, f"the header is damaged: {error}") from None


def _check_sha256(path: Path, file: BinaryIO) -> None:
    """Read the whole file once, before anything in it is believed."""
    unread_bytes = file.seek(0, os.SEEK_END) - _SHA256_DIGITS
    file.seek(0)
    digest = hashlib.sha256()
    while unread_bytes > 0 and (data := file.read(min(READ_BYTES, unread_bytes))):
        digest.update(data)
        unread_bytes -= len(data)
    if unread_bytes or file.read() != digest.hexdigest().encode():
        raise GraphRefused(path, "its SHA-256 is not the one at its end: it was cut or changed")


def _graph(path: Path, file: BinaryIO, key: GraphKey) -> FaissIndex:
    faiss = libraries().faiss
    try:
        graph = faiss.read_index(faiss.PyCallbackIOReader(file.read))
    except RuntimeError as error:
        raise GraphRefused(path, f"its graph cannot be read: {error}") from None
    if not isinstance(graph, faiss.IndexHNSWSQ) or graph.ntotal != key.vector_count:
        raise GraphRefused(path, f"it does not hold a graph of {key.vector_count} vectors")
    return graph
