"""Trinity as others get it: a virtual environment that holds the wheel and nothing of the repository."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
LIBRARIES = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
COMMAND_SECONDS_MAX = 120


def run(*command: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside the repository, without the variables that steer Python or Trinity."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TRINITY_", "VIRTUAL_ENV"))
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=inherited | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


def pip(*arguments: str | Path, folder: Path) -> None:
    """Run pip without any index: what the tests install is built here or present already."""
    done = run(sys.executable, "-m", "pip", "--isolated", *arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


class Installation(NamedTuple):
    """A virtual environment."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def trinity(self) -> Path:
        return self.root / "bin" / "trinity"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.root / "lib" / version / "site-packages"

    def install(self, wheel: Path) -> None:
        pip("--python", self.python, "install", "--quiet", "--no-deps", "--no-index", wheel, folder=self.root)


def build_wheel(target: Path) -> Path:
    """Trinity's wheel, built with the hatchling that is installed here."""
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir")
    pip("wheel", *options, target, ROOT, folder=target)
    (wheel,) = target.glob("trinity_bus-*.whl")
    return wheel


def install_trinity(root: Path, wheel: Path) -> Installation:
    """A new virtual environment with the wheel.

    The libraries come from the environment that runs the tests. Python does not read the ``.pth`` files of a
    folder that was itself added by one, so an editable Trinity there stays out of sight.
    """
    venv.create(root, with_pip=False, symlinks=True)
    installation = Installation(root)
    (installation.packages / "libraries.pth").write_text("\n".join(sorted(LIBRARIES)) + "\n")
    installation.install(wheel)
    return installation
