"""Reads a log from any seq on and checks all that it passes. Must not lock, write or repair it.

A log that nobody closed is read up to its last whole commit. Anything else that is not exactly what a writer
leaves is a :class:`store.errors.LogDamage`: damage is never taken for a shorter log.
"""

from collections.abc import Generator, Iterator, Mapping
from hashlib import file_digest
from pathlib import Path

from bus.codec import Envelope, decode_body
from bus.errors import ProtocolError
from bus.events import Event
from bus.upcasters import SCHEMA_VERSION, BodyUpcast, schema_version, upcasts_from
from store.chain import Batch, Chain
from store.errors import EventUnknown, LogDamage, UnknownSchema, folder_error
from store.layout import read_layout
from store.manifest import Segment, segment_name

BLOCK_BYTES = 1 << 16
"""Lines of about so many bytes are held at a time, or the longest commit."""


def read_lines(folder: Path, from_seq: int = 1) -> Iterator[bytes]:
    """The lines of a log with their newlines, from an event on.

    Raises:
        LogDamage: the log is not what was written.
    """
    for batch in read_batches(folder, from_seq):
        yield from batch.lines


def read_envelopes(folder: Path, from_seq: int = 1) -> Iterator[Envelope]:
    """The events with their bodies still text; raises like :func:`read_lines`."""
    for batch in read_batches(folder, from_seq):
        yield from batch.envelopes


def read_events(folder: Path, from_seq: int = 1) -> Iterator[Event]:
    """The events of a log, from an event on; bodies of an older schema as they would be written today.

    Raises:
        LogDamage: the log is not what was written.
        EventUnknown: a type or body that this program does not know.
        UnknownFormat: the bodies are of a newer schema than this program's.
    """
    upcasts: Mapping[str, BodyUpcast] | None = None
    for batch in read_batches(folder, from_seq):
        if upcasts is None and batch.envelopes:
            first = batch.envelopes[0]
            upcasts = upcasts_of(folder, first if first.seq == 1 else next(read_envelopes(folder)))
        for envelope in batch.envelopes:
            yield open_envelope(envelope, upcasts)


def schema_version_of(folder: Path) -> int:
    """The version of the bodies of a log, today's for one without events; raises like :func:`read_events`."""
    first = next(read_envelopes(folder), None)
    return SCHEMA_VERSION if first is None else _schema_version(folder, first)


def upcasts_of(folder: Path, first: Envelope) -> Mapping[str, BodyUpcast]:
    """What lifts the bodies of a log to today's, by its first event; raises UnknownFormat."""
    return upcasts_from(_schema_version(folder, first))


def _schema_version(folder: Path, first: Envelope) -> int:
    try:
        version = schema_version(first.type, first.data)
    except ProtocolError as error:
        raise EventUnknown(first.seq, str(error)) from None
    if version > SCHEMA_VERSION:
        raise UnknownSchema(folder / segment_name(1), version, SCHEMA_VERSION)
    return version


def open_envelope(envelope: Envelope, upcasts: Mapping[str, BodyUpcast] | None = None) -> Event:
    """The event with its body decoded, lifted by :func:`upcasts_of` its log; raises EventUnknown."""
    data = envelope.data
    try:
        if upcasts and (lift := upcasts.get(envelope.type)) is not None:
            data = lift(data)
        body = decode_body(envelope.type, data)
    except ProtocolError as error:
        raise EventUnknown(envelope.seq, str(error)) from None
    return Event(
        envelope.seq,
        envelope.time_ns,
        envelope.type,
        envelope.source,
        envelope.queue,
        envelope.causation_seq,
        envelope.correlation_seq,
        envelope.commit_seq,
        body,
    )


def read_batches(folder: Path, from_seq: int = 1) -> Iterator[Batch]:
    """What the other functions are made of: whole commits, many at a time, in constant memory."""
    manifest, active, _ = read_layout(folder)
    for segment in manifest.segments:
        if segment.last_seq >= from_seq:
            for batch in read_sealed(folder, segment):
                yield _from(batch, from_seq)
    if active is not None:
        for batch in read_active(Chain(active, manifest.last_seq, manifest.last_crc)):
            yield _from(batch, from_seq)


def read_sealed(folder: Path, segment: Segment) -> Iterator[Batch]:
    """The commits of a sealed segment.

    Raises:
        LogDamage: it is not what the manifest says.
    """
    chain = Chain(folder / segment.name, segment.first_seq - 1, segment.previous_crc)
    size_bytes = 0
    for batch in read_segment(chain):
        size_bytes += sum(map(len, batch.lines))
        yield batch
    check_sealed_end(chain, segment, size_bytes)


def check_sealed_end(chain: Chain, segment: Segment, size_bytes: int) -> None:
    """Check that so many bytes of whole commits are what a sealed segment should hold, or raise LogDamage."""
    if size_bytes != segment.size_bytes:
        problem = f"{size_bytes} bytes of whole commits should be {segment.size_bytes} by the manifest"
        raise chain.damage(chain.whole_seq + 1, problem)
    if (chain.whole_seq, chain.whole_crc) != (segment.last_seq, segment.last_crc):
        problem = f"the last crc {chain.whole_crc} should be {segment.last_crc} at seq {segment.last_seq}"
        raise chain.damage(chain.whole_seq, problem)


def read_active(chain: Chain) -> Iterator[Batch]:
    """The whole commits of the segment that is not sealed; what a crash left behind them is passed over.

    Raises:
        LogDamage: what is behind them is not what a crash leaves.
    """
    rest = yield from read_segment(chain)
    chain.check_torn(rest)


def read_segment(chain: Chain, offset_bytes: int = 0) -> Generator[Batch, None, bytes]:
    """Yields whole commits, from an offset in the file on; returns the bytes behind the last newline.

    Raises:
        LogDamage: a line is not the one that must stand there.
    """
    try:
        with chain.path.open("rb", buffering=BLOCK_BYTES) as file:
            file.seek(offset_bytes)
            while lines := file.readlines(BLOCK_BYTES):
                rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
                yield chain.check(lines)
                # What another process appends from now on is left alone: it continues the rest.
                if rest:
                    return rest
    except OSError as error:
        raise LogDamage(chain.path, None, chain.seq + 1, f"cannot be read: {error.strerror}") from None
    return b""


def _from(batch: Batch, from_seq: int) -> Batch:
    """The part of a batch that begins with an event."""
    skipped = from_seq - batch.envelopes[0].seq if batch.envelopes else 0
    return batch if skipped <= 0 else Batch(batch.lines[skipped:], batch.envelopes[skipped:])


def check_sealed(folder: Path) -> None:
    """Compare the sealed segments with the SHA-256 in the manifest: much faster than reading their events.

    Raises:
        LogDamage: a segment is not what was sealed.
    """
    manifest, _, _ = read_layout(folder)
    for segment in manifest.segments:
        path = folder / segment.name
        with path.open("rb") as file:
            if file_digest(file, "sha256").hexdigest() != segment.sha256:
                raise LogDamage(path, None, None, "its SHA-256 is not the one in the manifest")


def readable_segments(folder: Path, scratch: Path) -> list[Path]:
    """Files that together hold the whole commits of a log and nothing else: for readers of plain JSON.

    They are the sealed segments, and for a log that is not closed a copy of the whole commits of the active
    segment. Of sealed segments only the lengths are checked; :func:`store.verify.verify` checks all.

    Args:
        folder: of the log.
        scratch: an existing folder for the copy; nothing else is written.

    Raises:
        LogDamage: the log is not what was written.
        FolderUnusable, FolderRefused: the copy cannot be written.
    """
    manifest, active, _ = read_layout(folder)
    paths = [folder / segment.name for segment in manifest.segments if segment.size_bytes]
    if active is None:
        return paths
    copy = scratch / active.name
    try:
        with copy.open("wb") as file:
            for batch in read_active(Chain(active, manifest.last_seq, manifest.last_crc)):
                file.writelines(batch.lines)
            size_bytes = file.tell()
    except OSError as error:
        raise folder_error(copy, "cannot write a copy of the active segment", error) from None
    return [*paths, copy] if size_bytes else paths
