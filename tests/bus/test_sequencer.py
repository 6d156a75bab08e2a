"""Sequencer: a state machine against a plain model of what a log must be."""

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.bodies import TruthLabelled
from bus.codec import encode_event
from bus.errors import ProtocolError
from bus.events import Draft, Event
from bus.sequencer import Cause, ListLog, Sequencer

DRAFT = Draft(TruthLabelled("none"))
drafts = st.lists(
    st.builds(
        Draft,
        st.builds(TruthLabelled, st.sampled_from(["none", "duplication"])),
        st.sampled_from([None, "q"]),
    ),
    min_size=1,
    max_size=4,
)


class SequencerMachine(RuleBasedStateMachine):
    """Commits with and without causes, in order and against the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.log = ListLog()
        self.sequencer = Sequencer(self.log)
        self.events: list[Event] = []
        self.now_ns = 0

    @rule(drafts=drafts, later_ns=st.integers(0, 3), source=st.sampled_from(["workload", "witness"]))
    def commit_without_cause(self, drafts: list[Draft], later_ns: int, source: str) -> None:
        self.now_ns += later_ns
        events = self.sequencer.commit(self.now_ns, source, drafts)
        first = events[0]
        assert first.causation_seq is None
        assert all(event.causation_seq == first.seq for event in events[1:])
        assert all(event.correlation_seq == first.seq for event in events)
        self._check(events, drafts, source)

    @precondition(lambda self: self.events)
    @rule(drafts=drafts, later_ns=st.integers(0, 3), data=st.data())
    def commit_with_cause(self, drafts: list[Draft], later_ns: int, data: st.DataObject) -> None:
        self.now_ns += later_ns
        cause = data.draw(st.sampled_from(self.events))
        events = self.sequencer.commit(self.now_ns, "agent", drafts, Cause(cause.seq, cause.correlation_seq))
        assert all(event.causation_seq == cause.seq for event in events)
        assert all(event.correlation_seq == cause.correlation_seq for event in events)
        self._check(events, drafts, "agent")

    @rule()
    def an_empty_commit_is_refused(self) -> None:
        with pytest.raises(ProtocolError, match="commits nothing"):
            self.sequencer.commit(self.now_ns, "agent", [])

    @precondition(lambda self: self.events and self.now_ns > 0)
    @rule()
    def a_commit_in_the_past_is_refused(self) -> None:
        with pytest.raises(ProtocolError, match="before the last commit"):
            self.sequencer.commit(self.sequencer.last_time_ns - 1, "agent", [DRAFT])

    @invariant()
    def the_log_holds_exactly_what_was_committed(self) -> None:
        assert [line for commit in self.log.commits for line in commit] == [
            encode_event(e) for e in self.events
        ]

    @invariant()
    def seq_is_dense_and_time_never_goes_back(self) -> None:
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        times = [event.time_ns for event in self.events]
        assert times == sorted(times)
        assert self.sequencer.last_seq == len(self.events)

    @invariant()
    def a_commit_is_one_append_that_ends_at_its_commit_seq(self) -> None:
        for commit in self.log.commits:
            lines = [msgspec.json.decode(line) for line in commit]
            assert {line["commit_seq"] for line in lines} == {lines[-1]["seq"]}
            assert len({line["time_ns"] for line in lines}) == 1

    def _check(self, events: list[Event], drafts: list[Draft], source: str) -> None:
        self.events += events
        assert [(e.data, e.queue, e.type, e.source, e.time_ns) for e in events] == [
            (d.data, d.queue, d.data.TYPE, source, self.now_ns) for d in drafts
        ]


TestSequencer = SequencerMachine.TestCase
TestSequencer.settings = settings(max_examples=40, stateful_step_count=20)


class RefusingLog:
    def append(self, first_seq: int, events_json: object) -> None:
        raise OSError("disk full")


def test_a_commit_that_the_log_refuses_uses_no_seq() -> None:
    sequencer = Sequencer(RefusingLog(), last_seq=7, last_time_ns=3)
    with pytest.raises(OSError, match="disk full"):
        sequencer.commit(9, "agent", [DRAFT])
    assert (sequencer.last_seq, sequencer.last_time_ns) == (7, 3)


def test_a_sequencer_goes_on_where_a_log_ended() -> None:
    log = ListLog()
    events = Sequencer(log, last_seq=41, last_time_ns=100).commit(100, "agent", [DRAFT, DRAFT])
    assert [(event.seq, event.commit_seq) for event in events] == [(42, 43), (43, 43)]
