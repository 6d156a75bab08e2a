"""Writes a small file whole or not at all. Must not be used for logs."""

import os
from pathlib import Path

from store.disk import REAL_DISK


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: temporary file, fsync, rename, fsync of the folder (rename(2))."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    REAL_DISK.sync_folder(path.parent)
