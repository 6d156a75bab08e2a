"""Bugs that a careless hand could make, planted one at a time: each must be caught by a case of this folder.

Must not count a bug as caught because something else is broken: without it the same case has to pass.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

from msgspec.structs import replace

from agents.agent import Context
from agents.models.model import ModelSpec
from agents.settled import Settled
from agents.witness import Witness
from bus import sequencer
from bus.bodies import TaskCompleted
from bus.codec import encode_event
from bus.errors import TrinityError
from bus.events import Draft, Event, Message, Recalled
from bus.peers import Peers
from bus.permissions import Permissions
from bus.redaction import Redactor
from simulator.decided import Undone
from simulator.faults.links import FaultyLinks
from simulator.inbox import Inbox, Parcel
from simulator.judging import judge
from simulator.links import Passage
from simulator.recollection import Recollection
from simulator.streams import Streams
from store import chain
from store.chain import Batch, Chain
from store.errors import WriteFailed
from store.log_reader import read_events
from store.log_writer import LogWriter
from tests.torture import bit_flips, kills_everywhere, power_fail, sockets, torn_tails, write_errors
from tests.torture.outcome import SHORT, Effort, Outcome
from tests.torture.planted_in_learning import BUGS as BUGS_OF_LEARNING
from tests.torture.planted_in_learning import LEARNING, LINKED, Planted
from tests.torture.runs import chaos, lines_of, record
from tests.torture.scenario_fuzz import Tally, findings

Plant = Callable[[ExitStack], object]
SEED = 8
SHORT_BUGS = 19
"""Those of learning take seconds each; the short form has three of them."""


class Bug(NamedTuple):
    name: str
    plant: Plant
    is_caught: Callable[[], bool]
    """Whether the case that should notice fails; without the bug it must not."""


def run(effort: Effort) -> list[Outcome]:
    bugs = BUGS[: effort.count(len(BUGS), SHORT_BUGS)]
    uncaught, blind = [], []
    sound = {detector: not detector() for detector in dict.fromkeys(bug.is_caught for bug in bugs)}
    for bug in bugs:
        with ExitStack() as stack:
            bug.plant(stack)
            try:
                caught = bug.is_caught()
            except Exception:  # noqa: BLE001 - a run that breaks down has noticed, whatever it raises
                caught = True
        uncaught += [] if caught else [bug.name]
        blind += [] if sound[bug.is_caught] else [bug.name]
    figures: dict[str, int | float] = {
        "planted": len(bugs),
        "caught": len(bugs) - len(uncaught),
        "uncaught": len(uncaught),
        "cases_that_always_fail": len(blind),
    }
    title = ", ".join(("planted bugs", *(f"not caught: {name}" for name in (*uncaught, *blind))))
    return [Outcome(title, len(bugs), figures, ("uncaught", "cases_that_always_fail"))]


# -- the cases that should notice


def _power_fails_badly() -> bool:
    with TemporaryDirectory() as scratch:
        return not power_fail.power_fails(Path(scratch), "always", 60).passed


def _writes_go_on_after_an_error() -> bool:
    with TemporaryDirectory() as scratch:
        return not write_errors.writing_fails(Path(scratch), 9).passed


def _flips_are_silent() -> bool:
    with TemporaryDirectory() as scratch:
        return not bit_flips.flips(Path(scratch, "flips"), 997).passed


def _tails_are_wrong() -> bool:
    with TemporaryDirectory() as scratch:
        return not torn_tails.torn(Path(scratch), 40).passed


def _chaos_breaks() -> bool:
    """A run with every kind of fault ends in an error, or breaks an invariant or a mandatory check."""
    with TemporaryDirectory() as scratch:
        try:
            done = record(chaos(SEED, "7h"), Path(scratch, "run"))
            verdict = judge(done.folder)
        except (TrinityError, AssertionError):
            return True
    return any(not c.passed for c in (*verdict.checks, *verdict.invariants) if c.level == "mandatory")


def _logs_differ() -> bool:
    """The same run twice, once handed out one delivery at a time, has two logs."""
    with TemporaryDirectory() as scratch:
        whole = record(chaos(SEED, "4h"), Path(scratch, "whole"))
        with patch("simulator.inbox.BATCH_DELIVERIES_MAX", 1):
            single = record(chaos(SEED, "4h"), Path(scratch, "single"))
    return whole.digest != single.digest


def _resumed_logs_differ() -> bool:
    return not kills_everywhere.run(SHORT)[0].passed


def _impostors_get_in() -> bool:
    return not sockets.impostors(1).passed


def _old_incarnations_get_in() -> bool:
    return not sockets.old_incarnations(1).passed


def _forgeries_get_in() -> bool:
    """WITNESS claims that a task was completed: on the log in its name, or not."""
    handle = Witness.handle

    def forging(self: Witness, message: Message, context: Context) -> Sequence[Draft]:
        forged = TaskCompleted("duplication", "witness", "done, believe me")
        return [*handle(self, message, context), Draft(forged)]

    with TemporaryDirectory() as scratch, patch.object(Witness, "handle", forging):
        events = read_events(record(chaos(SEED, "1h"), Path(scratch, "run")).folder.events)
        return any(e.source == "witness" and isinstance(e.data, TaskCompleted) for e in events)


def _secrets_get_out() -> bool:
    """A known secret and one that looks like one, in telemetry and in an error of an agent."""
    secrets = ("ghp_" + "Ab1" * 12, "hunter2hunter2")

    def failing(self: Witness, message: Message, context: Context) -> Sequence[Draft]:
        raise ValueError(f"cannot log in with {secrets[1]} and {secrets[0]}")

    with (
        TemporaryDirectory() as scratch,
        patch.object(Witness, "handle", failing),
        patch.dict(os.environ, {"SOME_API_KEY": secrets[1]}),
    ):
        log = b"".join(lines_of(record(chaos(SEED, "1h"), Path(scratch, "run")).folder))
    return any(secret.encode() in log for secret in secrets)


def _learning_breaks() -> bool:
    return bool(findings(LEARNING, Tally()))


def _links_break() -> bool:
    return bool(findings(LINKED, Tally()))


# -- the bugs


def _replaced(target: object, name: str, value: object) -> Plant:
    return lambda stack: stack.enter_context(patch.object(target, name, value))


def _without_key(self: Streams, subsystem: str, entity: str = "") -> object:
    """One shared stream a subsystem, as a global generator would be."""
    if subsystem not in _SHARED:
        _SHARED[subsystem] = _STREAM(self, subsystem)
    return _SHARED[subsystem]


_SHARED: dict[str, object] = {}
_STREAM = Streams.stream
_BACK = Inbox.back
_RECALLED = Recollection.recalled
_COST = ModelSpec.cost_nanousd
_ENCODE = encode_event
_FLUSH = LogWriter.flush
_RELEASE = Chain._release


def _drop_without_redelivery(
    self: FaultyLinks, key: str, source: str, queue: str, sent_ns: int, arrived_ns: int
) -> Passage:
    return Passage(()) if key.endswith("7.0") else Passage((arrived_ns,))


def _back_twice(self: Inbox) -> list[Parcel]:
    """What an agent lost is delivered again, and again."""
    back = _BACK(self)
    for parcel in back:
        self.put(replace(parcel, key=(*parcel.key[:5], parcel.key[5] + 1_000)))
    return back


class _AnyCrc(int):
    """Equal to every other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def _take_all(self: Chain, new: Batch, whole_count: int) -> Batch:
    return _RELEASE(self, new, len(new.envelopes))


def _flush_and_hope(self: LogWriter) -> None:
    try:
        _FLUSH(self)
    except WriteFailed:
        return


def _forgetful(
    self: Recollection, agent: str, undone: Callable[[int], Sequence[Undone]] = lambda count: ()
) -> Recalled:
    return replace(_RECALLED(self, agent, undone), bodies=())


def _half_price(self: ModelSpec, input_tokens: int, output_tokens: int) -> int:
    return _COST(self, input_tokens, output_tokens) // 2


def _by_itself(event: Event) -> bytes:
    """Each event a commit of its own: a receipt can be on the log without its effects."""
    return _ENCODE(replace(event, commit_seq=event.seq))


def _of_learning(planted: Planted) -> Bug:
    return Bug(
        planted.name,
        lambda stack: stack.enter_context(planted.plant()),
        _learning_breaks if planted.seed == LEARNING else _links_break,
    )


BUGS = (
    Bug("acknowledge before sync", _replaced(LogWriter, "_sync", lambda self: None), _power_fails_badly),
    Bug(
        "deaf to errors",
        _replaced(LogWriter, "flush", _flush_and_hope),
        _writes_go_on_after_an_error,
    ),
    Bug("skip the CRC", _replaced(chain, "crc32", lambda data, crc=0: _AnyCrc(0)), _flips_are_silent),
    Bug("read a torn tail as whole", _replaced(Chain, "_release", _take_all), _tails_are_wrong),
    Bug("no de-duplication", _replaced(Settled, "__contains__", lambda self, key: False), _chaos_breaks),
    Bug("redeliver twice", _replaced(Inbox, "back", _back_twice), _chaos_breaks),
    Bug(
        "lost for good",
        _replaced(FaultyLinks, "deliver", _drop_without_redelivery),
        _chaos_breaks,
    ),
    Bug("commit for the dead", _replaced(Inbox, "is_lost", lambda self, answered_ns: False), _chaos_breaks),
    Bug("restart without memory", _replaced(Recollection, "recalled", _forgetful), _chaos_breaks),
    Bug("calls at half the price", _replaced(ModelSpec, "cost_nanousd", _half_price), _chaos_breaks),
    Bug("one random stream for all", _replaced(Streams, "stream", _without_key), _logs_differ),
    Bug("half a commit", _replaced(sequencer, "encode_event", _by_itself), _resumed_logs_differ),
    Bug("no look at who speaks", _replaced(Peers, "refusal", lambda self, n, c: None), _impostors_get_in),
    Bug("no fencing", _replaced(Peers, "refusal", lambda self, n, c: None), _old_incarnations_get_in),
    Bug("no permissions", _replaced(Permissions, "check", lambda self, s, t, q: None), _forgeries_get_in),
    Bug("no redaction", _replaced(Redactor, "text", lambda self, text: text), _secrets_get_out),
    *map(_of_learning, BUGS_OF_LEARNING),
)
