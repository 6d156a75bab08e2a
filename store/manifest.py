"""``manifest.json`` of a log: which segments there are and what must be in them. Must not read segments.

The file is the durable watermark: what it lists was written and sealed, so anything less is damage and no
torn tail. See docs/log-format.md.
"""

from pathlib import Path
from typing import Annotated, NewType

import msgspec
from msgspec import Meta, Struct

from bus.bodies import Count
from bus.codec import check_line, seal_line
from bus.errors import DamageError
from bus.events import Seq
from store.disk import REAL_DISK, Disk, write_all
from store.errors import LogDamage, UnknownFormat

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
MANIFEST_BYTES_MAX = 16 << 20

Crc = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
SegmentName = Annotated[str, Meta(pattern=r"^[0-9]{20}\.jsonl$")]
Digest = NewType("Digest", str)
"""SHA-256, in hexadecimal, over the bytes of all segments of a log in order: the identity of a run."""


class Segment(Struct, frozen=True):
    """A sealed segment: nothing will ever be appended to it."""

    name: SegmentName
    first_seq: Seq
    last_seq: Count
    """``first_seq - 1`` if the segment is empty, which only the last one of a closed log can be."""
    size_bytes: Count
    sha256: Sha256
    previous_crc: Crc
    """What its first line is chained on."""
    last_crc: Crc


class Manifest(Struct, frozen=True):
    format_version: Count
    closed: bool
    digest: Sha256 | None
    """Set exactly if the log is closed."""
    active: SegmentName | None
    """The segment that is being appended to; null exactly if the log is closed."""
    segments: tuple[Segment, ...]
    """The sealed segments, in order."""

    @property
    def last_seq(self) -> int:
        """Of the sealed segments; 0 if there are none."""
        return self.segments[-1].last_seq if self.segments else 0

    @property
    def last_crc(self) -> int:
        """What the active segment is chained on."""
        return self.segments[-1].last_crc if self.segments else 0


def open_manifest(segments: tuple[Segment, ...]) -> Manifest:
    """The manifest of a log that is being written, after these sealed segments."""
    last_seq = segments[-1].last_seq if segments else 0
    return Manifest(FORMAT_VERSION, False, None, segment_name(last_seq + 1), segments)


def closed_manifest(segments: tuple[Segment, ...], digest: Digest) -> Manifest:
    """The manifest of a log that is complete."""
    return Manifest(FORMAT_VERSION, True, digest, None, segments)


class _Version(Struct):
    format_version: Count


def segment_name(first_seq: int) -> str:
    """``00000000000000000001.jsonl`` for 1."""
    return f"{first_seq:020d}.jsonl"


def is_closed(folder: Path) -> bool:
    """Whether a log is complete; raises like :func:`read_manifest`."""
    manifest = read_manifest(folder)
    return manifest is not None and manifest.closed


def write_manifest(folder: Path, manifest: Manifest, disk: Disk = REAL_DISK) -> None:
    """Replace the manifest in one step: temporary file, fsync, rename, fsync of the folder.

    Raises:
        OSError: the disk refused.
    """
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    temporary = folder / (MANIFEST_NAME + ".tmp")
    fd = disk.create_or_empty(temporary)
    try:
        write_all(disk, fd, seal_line(text, 0).line)
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.rename(temporary, folder / MANIFEST_NAME)
    disk.sync_folder(folder)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest, checked in itself, or None if there is none.

    Raises:
        LogDamage: it is not what was written.
        UnknownFormat: it is of another version of the format.
    """
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            text = file.read(MANIFEST_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogDamage(path, None, None, f"cannot be read: {error.strerror}") from None
    try:
        check_line(text, 0)
        version = msgspec.json.decode(text, type=_Version).format_version
        if version != FORMAT_VERSION:
            raise UnknownFormat(path, version, FORMAT_VERSION)
        manifest = msgspec.json.decode(text, type=Manifest)
    except (DamageError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LogDamage(path, None, None, str(error)) from None
    problem = _inconsistency(manifest)
    if problem:
        raise LogDamage(path, None, None, problem)
    return manifest


def _inconsistency(manifest: Manifest) -> str | None:
    if manifest.closed != (manifest.digest is not None) or manifest.closed != (manifest.active is None):
        return "closed, digest and active contradict each other"
    last_seq, last_crc = 0, 0
    for segment in manifest.segments:
        if segment.first_seq != last_seq + 1 or segment.previous_crc != last_crc:
            return f"{segment.name} does not continue the segment before it"
        if segment.name != segment_name(segment.first_seq) or segment.last_seq < segment.first_seq - 1:
            return f"{segment.name} has a name that is not its first_seq"
        last_seq, last_crc = segment.last_seq, segment.last_crc
    if manifest.active not in (None, segment_name(last_seq + 1)):
        return f"active is {manifest.active}, which does not continue seq {last_seq}"
    return None
