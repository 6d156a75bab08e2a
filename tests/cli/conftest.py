"""The command line, called in this process or as one of its own. Must not hold tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from simulator import cli
from simulator.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-P", "-m", "simulator.launch")


class Said(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def refused(self, *mentioned: str, code: int = ExitCode.BAD_INPUT) -> None:
        """Bad input: its exit code, and one line on stderr that names what is wrong."""
        assert self.code == code, self
        assert self.err.startswith("trinity: "), self
        assert self.err.count("\n") == 1, self
        assert "Traceback" not in self.out + self.err
        for text in mentioned:
            assert text in self.err, self


Trinity = Callable[..., Said]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with its content; None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def trinity_process(folder: Path, *args: str, **more: str) -> Said:
    """Run the command as a process of its own."""
    done = subprocess.run(
        [*COMMAND, *args],
        cwd=folder,
        env={**environment(), **more},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def trinity(capfd: pytest.CaptureFixture[str]) -> Trinity:
    """Run the command in this process, in the folder that the test is in."""

    def run(*args: str) -> Said:
        capfd.readouterr()
        code = cli.main(args)
        out, err = capfd.readouterr()
        return Said(int(code), out, err)

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the test is in, with no settings in the environment."""
    for name in list(os.environ):
        if name.startswith("TRINITY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, ``runs/soak-seed1``, that no test may change."""
    folder = tmp_path_factory.mktemp("soaked")
    said = trinity_process(folder, "run", "soak", "--transport", "inproc", "--json")
    assert said.code == 0, said
    return folder


@pytest.fixture
def in_soaked(soaked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(soaked)
    return soaked / "runs" / "soak-seed1"
