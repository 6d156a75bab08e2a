"""Closed logs whose check values are all right, whatever their lines say. Must not use the writer."""

import hashlib
from pathlib import Path

import msgspec

from bus.codec import seal_line
from store.manifest import MANIFEST_NAME
from tests.store.builders import small_commits

Members = dict[str, object]
"""The members of one line or of the manifest."""


def members_of(commit_count: int = 6) -> list[Members]:
    """The lines of a sound log, without their crc."""
    return [
        msgspec.json.decode(msgspec.json.encode(event))
        for commit in small_commits(commit_count)
        for event in commit
    ]


def write_sealed(folder: Path, lines: list[Members], rest: bytes = b"") -> None:
    """A closed log of one segment whose CRCs, SHA-256 and manifest are right, whatever its lines say."""
    folder.mkdir()
    crc, data = 0, b""
    for members in lines:
        line, crc = seal_line(msgspec.json.encode(members), crc)
        data += line
    data += rest
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{1:020d}.jsonl"
    (folder / name).write_bytes(data)
    segment = {
        "name": name,
        "first_seq": 1,
        "last_seq": lines[-1]["seq"],
        "size_bytes": len(data),
        "sha256": sha256,
        "previous_crc": 0,
        "last_crc": crc,
    }
    write_manifest(
        folder,
        {"format_version": 1, "closed": True, "digest": sha256, "active": None, "segments": [segment]},
    )


def write_manifest(folder: Path, manifest: Members) -> None:
    (folder / MANIFEST_NAME).write_bytes(seal_line(msgspec.json.encode(manifest), 0).line)


def read_manifest(folder: Path) -> Members:
    manifest = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes())
    del manifest["crc"]
    return manifest
