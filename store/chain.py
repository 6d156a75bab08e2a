"""Checks the lines of one segment: chained CRC, dense seq, whole commits. Must not open files.

Shared by the reader, the follower and recovery. ``store.verify`` does not use it: it has checks of its own.
"""

import re
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from bus.codec import DECODE_ERRORS, LINE_BYTES_MAX, Envelope, check_line
from bus.errors import DamageError
from store.errors import LogDamage

COMMIT_EVENTS_MAX = 65_536
"""No commit has more events."""

_CRC_MEMBER = b',"crc":'
_LINE_END = re.compile(rb',"crc":[0-9]{1,10}\}')
# As bus.codec.decode_envelope does it; a call for each line would cost a tenth of the reader's speed.
_decode = msgspec.json.Decoder(Envelope).decode


class Batch(NamedTuple):
    """Whole commits, in order: the lines with their newlines, and what they say."""

    lines: list[bytes]
    envelopes: list[Envelope]


class Chain:
    """What the next line is checked against. Lines of a commit that is not complete yet are held back."""

    def __init__(self, path: Path, last_seq: int, last_crc: int) -> None:
        """Start in front of the first line of a segment.

        Args:
            path: the segment, for messages.
            last_seq: of the line before the segment.
            last_crc: what the first line is chained on.
        """
        self.path = path
        self.seq = last_seq
        """Of the last line that was checked."""
        self.crc = last_crc
        self.whole_seq = last_seq
        """Of the last line of a whole commit."""
        self.whole_crc = last_crc
        self._seq_before = last_seq
        self._commit_seq = last_seq
        self._held = Batch([], [])

    def rewind(self) -> None:
        """Forget the lines that are held back: they will be read again."""
        self.seq, self.crc = self.whole_seq, self.whole_crc
        self._commit_seq = self.whole_seq
        self._held = Batch([], [])

    def damage(self, seq: int, problem: str) -> LogDamage:
        """The error for the line that holds, or should hold, an event: there is one line an event."""
        return LogDamage(self.path, seq - self._seq_before, seq, problem)

    def check(self, lines: list[bytes]) -> Batch:
        """Check complete lines and return the commits that are whole now.

        Raises:
            LogDamage: a line is not the one that must stand there.
        """
        crc, seq, commit_seq = self.crc, self.seq, self._commit_seq
        envelopes: list[Envelope] = []
        whole_count = 0
        for line in lines:
            previous_crc = crc
            seq += 1
            try:
                envelope = _decode(line)
            except DECODE_ERRORS as error:
                raise self.damage(seq, f"not an event: {error}") from None
            crc = crc32(b"}", crc32(line[: line.rfind(_CRC_MEMBER)], previous_crc))
            if envelope.crc != crc or envelope.seq != seq:
                raise self.damage(seq, _mismatch(line, envelope, previous_crc, seq))
            if envelope.commit_seq != commit_seq:
                if seq <= commit_seq or not seq <= envelope.commit_seq < seq + COMMIT_EVENTS_MAX:
                    raise self.damage(
                        seq, f"commit_seq {envelope.commit_seq} cannot follow commit_seq {commit_seq}"
                    )
                commit_seq = envelope.commit_seq
            elif seq > commit_seq:
                raise self.damage(seq, f"commit_seq {commit_seq} is before the event")
            envelopes.append(envelope)
            if seq == commit_seq:
                whole_count = len(envelopes)
        self.crc, self.seq, self._commit_seq = crc, seq, commit_seq
        return self._release(Batch(lines, envelopes), whole_count)

    def _release(self, new: Batch, whole_count: int) -> Batch:
        """What was held and the first of what is new; the rest is held from now on."""
        held = self._held
        if not whole_count:
            self._held = Batch(held.lines + new.lines, held.envelopes + new.envelopes)
            return Batch([], [])
        self.whole_seq = new.envelopes[whole_count - 1].seq
        self.whole_crc = new.envelopes[whole_count - 1].crc
        self._held = Batch(new.lines[whole_count:], new.envelopes[whole_count:])
        return Batch(held.lines + new.lines[:whole_count], held.envelopes + new.envelopes[:whole_count])

    def check_torn(self, rest: bytes) -> None:
        """Check that bytes without a newline, the last of a segment, can be what a crash left of a line.

        A crash leaves the first bytes of a line, and a file system may put zero bytes behind them. A whole
        line that is followed by anything but a newline was damaged, or lost the newline that stood between it
        and another.

        Raises:
            LogDamage: the rest is damage.
        """
        if b"\0" in rest.rstrip(b"\0"):
            raise self.damage(self.seq + 1, "there are bytes behind zero bytes")
        if len(rest.rstrip(b"\0")) >= LINE_BYTES_MAX:
            raise self.damage(self.seq + 1, f"the line is longer than {LINE_BYTES_MAX} bytes")
        for end in _LINE_END.finditer(rest):
            if end.end() == len(rest):
                return
            try:
                check_line(rest[: end.end()], self.crc)
            except DamageError:
                continue
            raise self.damage(self.seq + 1, "the line is whole, but no newline follows it")


def _mismatch(line: bytes, envelope: Envelope, previous_crc: int, seq: int) -> str:
    try:
        check_line(line, previous_crc)
    except DamageError as error:
        return str(error)
    return f"seq {envelope.seq} should be {seq}"
