"""The command ``trinity`` as a process, with what it said as bytes. Must not judge."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-P", "-m", "simulator.launch")
SECONDS_MAX = 120


class Said(NamedTuple):
    code: int
    out: bytes
    err: bytes


def trinity(folder: Path, *args: str | bytes, environment: Mapping[str, str] | None = None) -> Said:
    """Run a command in a folder, with nothing of Trinity's settings but what is given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRINITY_")}
    done = subprocess.run(
        [*COMMAND, *args],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


class Captured(io.TextIOWrapper):
    """A standard stream in memory; unlike StringIO it has bytes below, as a real one."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        self.flush()
        data = self.buffer
        assert isinstance(data, io.BytesIO)
        return data.getvalue().decode()
