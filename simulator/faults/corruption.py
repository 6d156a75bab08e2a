"""A delivery as bytes on a wire, and a bit of it that flips. Must not decide when.

What travels is sealed like a line of the log; so the receiver's check is the one of the log.
"""

import msgspec

from agents.agent import Stream
from bus.codec import check_line, seal_line
from bus.errors import DamageError

_FIRST_CRC = 0


def sealed_delivery(key: str, queue: str, sent_ns: int, arrived_ns: int) -> bytes:
    envelope = {"key": key, "queue": queue, "sent_ns": sent_ns, "arrived_ns": arrived_ns}
    return seal_line(msgspec.json.encode(envelope), _FIRST_CRC).line


def with_flipped_bit(line: bytes, stream: Stream) -> bytes:
    """The line with one bit the other way round, drawn from all of its bits."""
    bit = stream.randint(0, len(line) * 8 - 1)
    flipped = bytearray(line)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def is_accepted(line: bytes) -> bool:
    """Whether a receiver takes the bytes for a delivery."""
    try:
        check_line(line, _FIRST_CRC)
    except DamageError:
        return False
    return True
