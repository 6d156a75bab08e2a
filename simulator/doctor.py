"""Examines the machine for what Trinity needs. Must not change it, nor leave a file behind."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from bus.errors import InputError, TrinityError
from bus.transport import Client, Server
from simulator.clock import NS_PER_S
from simulator.guard import refusal
from simulator.observations import LIBRARIES

PYTHON_MIN = (3, 11)
FREE_BYTES_MIN = 1 << 30
ECHO_NS_MAX = 5 * NS_PER_S
SEMANTIC_LIBRARIES = ("sentence-transformers", "torch")


class Finding(NamedTuple):
    what: str
    healthy: bool
    found: str
    """What is there; for an unhealthy one also what to do."""


class _Ill(Exception):
    """What is wrong, for the examination that raised it."""


def examine(folder: Path) -> list[Finding]:
    """Every examination, in order; ``folder`` is where runs are to go."""
    examinations: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Python", _python),
        ("packages", _packages),
        ("libraries", _libraries),
        ("ZeroMQ", _zeromq),
        ("DuckDB", _duckdb),
        ("FAISS", _faiss),
        ("disk", lambda: _disk(folder)),
        ("semantic", _semantic),
    )
    return list(_findings(examinations))


def _findings(examinations: tuple[tuple[str, Callable[[], str]], ...]) -> Iterator[Finding]:
    for what, look in examinations:
        try:
            yield Finding(what, True, look())
        except (_Ill, ImportError, OSError, TrinityError) as problem:
            yield Finding(what, False, str(problem))


def _python() -> str:
    if sys.version_info < PYTHON_MIN:
        raise _Ill(f"Python {platform.python_version()} is too old; install 3.11 or newer")
    return f"{platform.python_version()} on {platform.platform()}"


def _packages() -> str:
    home = Path(__file__).resolve().parents[1]
    reason = refusal(home)
    if reason is not None:
        raise _Ill(reason)
    return f"agents, analysis, bus, simulator and store are ours, in {home}"


def _libraries() -> str:
    try:
        return ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    except PackageNotFoundError as error:
        raise _Ill(f"{error.name} is not installed; install Trinity again in its own environment") from None


def _zeromq() -> str:
    from bus.zeromq import ZmqClient, ZmqServer

    with ZmqServer() as server, ZmqClient(server.endpoint, "doctor") as client:
        _echo(server, client)
        return f"a frame went to and fro over {server.endpoint}"


def _echo(server: Server, client: Client) -> None:
    client.send(b"ask")
    asked = server.receive(ECHO_NS_MAX)
    if asked is None:
        raise _Ill("a frame did not arrive within 5 s; are sockets in the temporary folder allowed?")
    server.send(asked.peer, b"answer")
    if client.receive(ECHO_NS_MAX) != b"answer":
        raise _Ill("an answer did not arrive within 5 s; are sockets in the temporary folder allowed?")


def _duckdb() -> str:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        row = connection.execute("select version()").fetchone()
    return str(row[0]) if row else "no answer"


def _faiss() -> str:
    from agents.embedder import HashingEmbedder
    from store.memory import FaissMemory

    embedder = HashingEmbedder()
    memory = FaissMemory(embedder.name, embedder.dimension_count)
    memory.put("doctor", embedder.embed("an index of one vector"))
    return f"an index of {len(memory)} vector with {embedder.dimension_count} dimensions"


def _semantic() -> str:
    """The extra is optional: that it is not there is no illness."""
    from agents.semantic import DEFAULT_MODEL
    from agents.sentence_model import find_model

    try:
        libraries = ", ".join(f"{library} {version(library)}" for library in SEMANTIC_LIBRARIES)
    except PackageNotFoundError:
        return "not installed; only sentence models need it: pip install 'trinity-bus[semantic]'"
    try:
        model = find_model(DEFAULT_MODEL)
    except InputError:
        return f"{libraries}; the model {DEFAULT_MODEL} is not on this machine, other ones may be"
    return f"{libraries}; {DEFAULT_MODEL}, sha256 {model.sha256[:16]}, in {model.folder}"


def _disk(folder: Path) -> str:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    with tempfile.TemporaryFile(dir=existing):
        pass
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < FREE_BYTES_MIN:
        raise _Ill(f"{existing} has {free_bytes >> 20} MiB free; a busy day needs 100 MiB, keep 1 GiB")
    return f"{existing} can be written, {free_bytes >> 30} GiB free"
