"""Bugs that a careless hand could make where WITNESS learns; the drawn scenarios must notice each of them.

Must not judge: who plants one asks :func:`tests.torture.scenario_fuzz.findings`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, get_args
from unittest.mock import patch

from msgspec.structs import replace

from bus.bodies import FeedbackGiven, Label, PatternImported, PatternKind, TelemetryReceived, TruthLabelled
from bus.events import Draft, Event
from bus.keys import WORKLOAD
from bus.routing import Routes, distances_ns
from simulator import compose
from simulator.decided import Decided
from simulator.engine import Engine
from simulator.inbox import Parcel
from simulator.post import Post, Sent
from simulator.recollection import Recollection
from simulator.resuming import ComparedLog
from simulator.reviewer import Answer, TruthfulReviewer
from simulator.roles import ROLES
from simulator.timetable import CommitKey
from store.memory_cache import IndexCache, read_graph, read_key
from store.memory_graph import Keys
from store.memory_index import FaissIndex

LEARNING, LINKED = 301, 142
"""Seeds of scenarios: WITNESS asks, is told and forgets much in one, and has a graph in the other."""
_VERDICT = TruthfulReviewer._verdict
_ANSWER = TruthfulReviewer.answer
_COMMIT = Engine._commit
_SEND = Post.send
_APPLY = Recollection._apply
_LABELS: tuple[Label, ...] = get_args(Label)
_KINDS: Mapping[str, PatternKind] = {kind: kind for kind in get_args(PatternKind)}


def _by_what_is_decided(self: TruthfulReviewer, key: str, kind: Label) -> bool | None:
    """How many items of the workload are decided depends on the window."""
    verdict = _VERDICT(self, key, kind)
    return verdict if len(self._labels) % 2 else not verdict


def _without_answer_behind_the_log(self: Engine, decided: Decided, time_ns: int) -> None:
    """The log ends between a commit and what the reviewer said to it: that is not said any more."""
    log = self._sequencer._log
    last_seq = self._sequencer.last_seq + len(decided.facts) + len(decided.drafts)
    if isinstance(log, ComparedLog) and last_seq == log._last_seq:
        decided = replace(decided, answer=None)
    _COMMIT(self, decided, time_ns)


def _with_truth_in_telemetry(
    self: Post, source: str, drafts: Sequence[Draft], key: CommitKey, path: str, behind: int = 0
) -> list[Sent]:
    """What WITNESS is handed is not what the log says."""
    truth = next((draft.data.label for draft in drafts if isinstance(draft.data, TruthLabelled)), None)
    if source == WORKLOAD and truth is not None:
        drafts = [
            replace(d, data=replace(d.data, message=f"{truth} {d.data.message}"))
            if isinstance(d.data, TelemetryReceived)
            else d
            for d in drafts
        ]
    return _SEND(self, source, drafts, key, path, behind)


def _with_truth_in_answer(self: TruthfulReviewer, parcel: Parcel, drafts: Sequence[Draft]) -> Answer | None:
    """It is asked about one kind, and tells which one it was."""
    answer = _ANSWER(self, parcel, drafts)
    if answer is None or not isinstance(answer.draft.data, FeedbackGiven):
        return answer
    number = int(parcel.delivery.key.removeprefix(f"{WORKLOAD}-").partition(".")[0])
    kind = _KINDS.get(_LABELS[self._labels[number - 1]], answer.draft.data.kind)
    return answer._replace(draft=replace(answer.draft, data=replace(answer.draft.data, kind=kind)))


def _telling_imports_again(self: Recollection, event: Event) -> None:
    """What is on the log is told, and what the run began with on top."""
    _APPLY(self, event)
    self._imported_count -= isinstance(event.data, PatternImported)


def _without_way_back(
    routes: Routes, publishes: Mapping[str, Sequence[str]], service_ns_min: Mapping[str, int]
) -> Mapping[tuple[str, str], int]:
    """WITNESS can get an answer to what it asks, and nobody counts with that."""
    own = {agent: role.publishes for agent, role in ROLES.items()}
    return distances_ns(routes, own, service_ns_min)


def _any_graph(self: IndexCache, keys: Keys) -> FaissIndex | None:
    """Whatever there is, of whatever vectors."""
    for path in self._read:
        key = read_key(path) if path.is_file() else None
        if key is not None:
            return read_graph(path, key)
    return None


class Planted(NamedTuple):
    name: str
    seed: int
    """Of a drawn scenario in which it does harm."""
    plant: Callable[[], AbstractContextManager[object]]
    """While the block lasts."""


BUGS = (
    Planted(
        "an answer depends on the window",
        LEARNING,
        lambda: patch.object(TruthfulReviewer, "_verdict", _by_what_is_decided),
    ),
    Planted(
        "an answer is lost when a run is resumed",
        LEARNING,
        lambda: patch.object(Engine, "_commit", _without_answer_behind_the_log),
    ),
    Planted(
        "the truth is in the telemetry",
        LEARNING,
        lambda: patch.object(Post, "send", _with_truth_in_telemetry),
    ),
    Planted(
        "the truth is in the answer",
        LEARNING,
        lambda: patch.object(TruthfulReviewer, "answer", _with_truth_in_answer),
    ),
    Planted(
        "imports are told twice",
        LEARNING,
        lambda: patch.object(Recollection, "_apply", _telling_imports_again),
    ),
    Planted(
        "an answer is not counted with",
        LEARNING,
        lambda: patch.object(compose, "distances_ns", _without_way_back),
    ),
    Planted(
        "a graph of other vectors",
        LINKED,
        lambda: patch.object(IndexCache, "load", _any_graph),
    ),
)
