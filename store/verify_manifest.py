"""The part of verify that checks ``manifest.json`` against the folder. Must not use the reader's code."""

import re
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1

_END = re.compile(rb',"crc":([0-9]{1,10})\}\n\Z')
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Problem(Struct, frozen=True):
    """One thing that is wrong."""

    segment: str
    """A file of the log."""
    line: int | None
    """From 1."""
    seq: int | None
    """That should stand there."""
    problem: str


class Listed(Struct, frozen=True):
    """A sealed segment as the manifest describes it."""

    name: str
    first_seq: int
    last_seq: int
    size_bytes: int
    sha256: str
    previous_crc: int
    last_crc: int


class Listing(Struct, frozen=True):
    """The manifest."""

    format_version: int
    closed: bool
    digest: str | None
    active: str | None
    segments: tuple[Listed, ...]


class Found(NamedTuple):
    """A segment that is there."""

    name: str
    size_bytes: int


class CheckedManifest(NamedTuple):
    manifest: Listing
    problems: list[Problem]


def check_manifest(folder: Path, found: list[Found]) -> CheckedManifest:
    """Set the manifest against the folder; one that cannot be read counts as one that lists nothing."""
    problems: list[Problem] = []
    try:
        text = (folder / MANIFEST_NAME).read_bytes()
    except OSError as error:
        begun = found == [Found(_name_of(1), 0)]
        if not begun:
            problems.append(Problem(MANIFEST_NAME, None, None, f"cannot be read: {error.strerror}"))
        return CheckedManifest(
            Listing(FORMAT_VERSION, False, None, _name_of(1) if begun else None, ()), problems
        )
    end = _END.search(text)
    if end is None or zlib.crc32(text[: end.start()] + b"}") != int(end[1]):
        problems.append(Problem(MANIFEST_NAME, None, None, "the crc is wrong or missing"))
    try:
        manifest = msgspec.json.decode(text, type=Listing)
    except _ERRORS as error:
        problems.append(Problem(MANIFEST_NAME, None, None, f"not a manifest: {error}"))
        return CheckedManifest(Listing(FORMAT_VERSION, False, None, None, ()), problems)
    problems += [Problem(MANIFEST_NAME, None, None, problem) for problem in _contradictions(manifest)]
    problems += [problem for listed in manifest.segments for problem in _file_problems(folder, listed)]
    if manifest.active is not None and not (folder / manifest.active).is_file():
        problems.append(Problem(manifest.active, None, None, "the segment is missing"))
    return CheckedManifest(manifest, problems)


def list_segments(folder: Path) -> list[Found]:
    """The segments in the folder. To be called first: what a writer begins later is then no surprise."""
    return sorted(Found(path.name, path.stat().st_size) for path in folder.glob("*.jsonl"))


def unlisted(found: list[Found], manifest: Listing) -> list[str]:
    """Segments that the manifest does not know, but for the empty one that a crash leaves."""
    known = [listed.name for listed in manifest.segments] + [manifest.active]
    unknown = [segment for segment in found if segment.name not in known]
    crashed = manifest.active is not None and len(unknown) == 1 and unknown[0].name > manifest.active
    return [] if crashed and not unknown[0].size_bytes else [segment.name for segment in unknown]


def _contradictions(manifest: Listing) -> list[str]:
    problems = []
    if manifest.format_version != FORMAT_VERSION:
        problems.append(f"format_version {manifest.format_version} is not {FORMAT_VERSION}")
    if manifest.closed != (manifest.digest is not None) or manifest.closed != (manifest.active is None):
        problems.append("closed, digest and active contradict each other")
    next_seq, crc = 1, 0
    for listed in manifest.segments:
        if listed.first_seq != next_seq or listed.name != _name_of(next_seq) or listed.previous_crc != crc:
            problems.append(f"{listed.name} does not continue the segment before it")
        next_seq, crc = listed.last_seq + 1, listed.last_crc
    if manifest.active is not None and manifest.active != _name_of(next_seq):
        problems.append(f"active {manifest.active} should be {_name_of(next_seq)}")
    return problems


def _file_problems(folder: Path, listed: Listed) -> list[Problem]:
    try:
        size_bytes = (folder / listed.name).stat().st_size
    except OSError:
        return [Problem(listed.name, None, listed.first_seq, "the segment is missing")]
    if size_bytes == listed.size_bytes:
        return []
    problem = f"{size_bytes} bytes, the manifest says {listed.size_bytes}"
    return [Problem(listed.name, None, listed.first_seq, problem)]


def _name_of(first_seq: int) -> str:
    return str(first_seq).zfill(20) + ".jsonl"
