"""Puts events that were changed by hand back into the order of a log."""

from collections.abc import Iterator, Sequence

import msgspec

from bus.events import Event


def renumbered(events: Sequence[Event]) -> list[Event]:
    """The same events with a dense seq; what pointed at a dropped event points at nothing, or at itself."""
    new_seq = {event.seq: seq for seq, event in enumerate(events, 1)}
    last_of_commit = {event.commit_seq: seq for seq, event in enumerate(events, 1)}
    return [
        msgspec.structs.replace(
            event,
            seq=seq,
            causation_seq=new_seq.get(event.causation_seq) if event.causation_seq else None,
            correlation_seq=new_seq.get(event.correlation_seq, seq),
            commit_seq=last_of_commit[event.commit_seq],
        )
        for seq, event in enumerate(events, 1)
    ]


def commits(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Each atomic commit by itself."""
    commit: list[Event] = []
    for event in events:
        commit.append(event)
        if event.commit_seq == event.seq:
            yield commit
            commit = []
