"""Which files make up a log: the manifest set against the folder. Must not look inside segments."""

import os
from pathlib import Path
from typing import NamedTuple

from store.errors import LogDamage, folder_error
from store.manifest import MANIFEST_NAME, Manifest, Segment, open_manifest, read_manifest, segment_name

SEGMENT_PATTERN = "*.jsonl"


class Layout(NamedTuple):
    manifest: Manifest
    active: Path | None
    """The segment that is not sealed, or None if the log is closed."""
    stray: Path | None
    """The next segment, still empty, which a crash kept from becoming the active one."""


class _Listed(NamedTuple):
    name: str
    size_bytes: int


def read_layout(folder: Path) -> Layout:
    """The files of a log.

    The folder is listed before the manifest is read, and segments are never deleted; so a writer that goes on
    meanwhile cannot make a good log look bad.

    Raises:
        LogDamage: a segment is missing, too many, or not as long as the manifest says.
        UnknownFormat: the log is of another version of the format.
        FolderUnusable, FolderRefused: the folder cannot be listed.
    """
    listed = _list_segments(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        return _layout_of_unbegun(folder, listed)
    for segment in manifest.segments:
        _check_size(folder, segment)
    known = {segment.name for segment in manifest.segments} | {manifest.active}
    active = None if manifest.active is None else folder / manifest.active
    unknown = [segment for segment in listed if segment.name not in known]
    # A crash while a segment is begun leaves an empty file that the manifest does not know yet.
    if unknown and (manifest.closed or len(unknown) > 1 or unknown[0].size_bytes):
        raise LogDamage(folder / unknown[0].name, None, None, f"{MANIFEST_NAME} does not list this segment")
    return Layout(manifest, active, folder / unknown[0].name if unknown else None)


def _list_segments(folder: Path) -> list[_Listed]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                _Listed(entry.name, entry.stat().st_size)
                for entry in entries
                if entry.name.endswith(".jsonl")
            )
    except OSError as error:
        raise folder_error(folder, "cannot read the log", error) from None


def _layout_of_unbegun(folder: Path, listed: list[_Listed]) -> Layout:
    """A crash while a log is begun leaves one empty segment and no manifest: a log of no events."""
    if listed != [_Listed(segment_name(1), 0)]:
        raise LogDamage(folder / MANIFEST_NAME, None, None, "the file is missing")
    return Layout(open_manifest(()), folder / segment_name(1), None)


def _check_size(folder: Path, segment: Segment) -> None:
    path = folder / segment.name
    try:
        size_bytes = path.stat().st_size
    except OSError:
        raise LogDamage(path, None, segment.first_seq, "the segment is missing") from None
    if size_bytes != segment.size_bytes:
        raise LogDamage(
            path,
            None,
            segment.first_seq,
            f"{size_bytes} bytes should be {segment.size_bytes} by {MANIFEST_NAME}",
        )


def has_log(folder: Path) -> bool:
    """Whether a log was begun there, however far it came."""
    return any(folder.glob(SEGMENT_PATTERN)) or (folder / MANIFEST_NAME).exists()
