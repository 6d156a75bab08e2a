"""Finds and reads the .sql files that are packaged beside the Python. Must not run or change SQL."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple


class SqlFile(NamedTuple):
    name: str
    """Without folder and suffix."""
    text: str


@cache
def sql_folder(folder: str) -> tuple[SqlFile, ...]:
    """All files of one folder of this package, in the order of their names."""
    found = [entry for entry in _folder(folder).iterdir() if entry.name.endswith(".sql")]
    return tuple(
        SqlFile(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    )


def sql_text(folder: str, name: str) -> str:
    """The text of one file, which must exist."""
    return (_folder(folder) / f"{name}.sql").read_text(encoding="utf-8")


@cache
def schema_sha256() -> str:
    """Digest of all that shapes a database; a cache with another one is rebuilt."""
    digest = sha256()
    for folder in ("schema", "views"):
        for file in sql_folder(folder):
            digest.update(f"{file.name}\0{file.text}\0".encode())
    return digest.hexdigest()


def _folder(folder: str) -> Traversable:
    return files(__package__) / folder
