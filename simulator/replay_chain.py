"""Finds what led to an event of a log. Must not replay anything."""

from collections import deque
from pathlib import Path

from msgspec.structs import replace

from simulator.replay_compare import Divergence, Link
from store.log_reader import read_envelopes

CHAIN_LINKS_MAX = 24
"""Events of a chain that are shown; of a longer one the first half and the last half."""


def with_chain(divergence: Divergence, events: Path) -> Divergence:
    """The divergence with its chain: from the event back, cause by cause, to one that has none.

    The log is read once more from the first event of the correlation up to the event. An event that the log
    does not have is not part of the chain.
    """
    correlation_seq = divergence.correlation_seq
    if correlation_seq is None:
        return divergence
    links: dict[int, tuple[Link, int | None]] = {}
    for envelope in read_envelopes(events, correlation_seq):
        if envelope.seq > divergence.seq:
            break
        if envelope.correlation_seq == correlation_seq:
            link = Link(envelope.seq, envelope.type, envelope.source, envelope.queue)
            links[envelope.seq] = (link, envelope.causation_seq)
    seq: int | None = divergence.seq if divergence.seq in links else divergence.causation_seq
    chain: deque[Link] = deque()
    while seq is not None and seq in links:
        link, cause = links[seq]
        chain.appendleft(link)
        seq = cause if cause is None or cause < seq else None
    return _bounded(divergence, tuple(chain))


def _bounded(divergence: Divergence, chain: tuple[Link, ...]) -> Divergence:
    half = CHAIN_LINKS_MAX // 2
    omitted_count = max(0, len(chain) - CHAIN_LINKS_MAX)
    shown = chain if not omitted_count else (*chain[:half], *chain[-half:])
    return replace(divergence, chain=shown, chain_omitted_count=omitted_count)
