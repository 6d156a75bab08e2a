"""Reads a list of groups that may train: one a line, ``#`` for remarks. Must not judge licences."""

from pathlib import Path

from bus.errors import InputError

SOURCES_BYTES_MAX = 1 << 20


def read_sources(path: Path) -> frozenset[str]:
    """Raises InputError if the file cannot be read, or names nothing."""
    try:
        if path.stat().st_size > SOURCES_BYTES_MAX:
            raise InputError(f"{path} is larger than {SOURCES_BYTES_MAX:,} bytes; it is no list of groups")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read it: {error}; check the path given to --sources") from None
    names = frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not names:
        raise InputError(f"{path} names no group; write one a line")
    return names
