"""Follows a log that is being written, commit by commit. Must not sleep or lock: the caller waits."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bus.events import Event
from bus.upcasters import BodyUpcast
from store.chain import Chain
from store.log_reader import check_sealed_end, open_envelope, read_segment, upcasts_of
from store.manifest import Manifest, Segment, read_manifest, segment_name


def follow(folder: Path, *, poll: Callable[[], bool]) -> Iterator[Event]:
    """The events of a log from the first on, whole commits only, as they appear; ends when the log is closed.

    Args:
        folder: may not exist yet.
        poll: called when there is nothing new; waits a little and returns True, or returns False to stop.

    Raises:
        LogDamage: the log is not what was written.
        EventUnknown: a type or body that this program does not know.
    """
    upcasts: Mapping[str, BodyUpcast] | None = None
    chain = Chain(folder / segment_name(1), 0, 0)
    offset_bytes = 0
    while True:
        # The manifest is read before the segment: what it calls sealed is all there.
        manifest = read_manifest(folder)
        if manifest is not None:
            chain.rewind()
            for batch in read_segment(chain, offset_bytes):
                offset_bytes += sum(map(len, batch.lines))
                for envelope in batch.envelopes:
                    if upcasts is None:
                        upcasts = upcasts_of(folder, envelope)
                    yield open_envelope(envelope, upcasts)
            sealed = _sealed(manifest, chain.path.name)
            if sealed is not None:
                check_sealed_end(chain, sealed, offset_bytes)
                if manifest.closed and sealed == manifest.segments[-1]:
                    return
                chain = Chain(folder / segment_name(chain.seq + 1), chain.seq, chain.crc)
                offset_bytes = 0
                continue
        if not poll():
            return


def _sealed(manifest: Manifest, name: str) -> Segment | None:
    return next((segment for segment in manifest.segments if segment.name == name), None)
