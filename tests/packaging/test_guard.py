"""Trinity refuses to start when another project owns or hides one of its five package names."""

import os
import shutil
import sys
import zipfile
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from simulator.guard import PACKAGES, refusal
from simulator.launch import EXIT_ENVIRONMENT
from tests.packaging.installation import ROOT, install_trinity, run

START = "import sys; from simulator.launch import main; sys.exit(main())"


@pytest.fixture
def unpacked(wheel: Path, tmp_path: Path) -> Path:
    """The wheel's files in a folder, as pip would put them into site-packages."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def write_foreign(folder: Path, package: str) -> Path:
    """A package that leaves a trace when it is imported; returns the trace."""
    trace = folder / f"{package}-was-imported"
    (folder / package).mkdir(parents=True, exist_ok=True)
    (folder / package / "__init__.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    return trace


def write_foreign_wheel(folder: Path, package: str) -> Path:
    """A wheel of another project with a package of our name."""
    path = folder / "foreign-1.0-py3-none-any.whl"
    info = "foreign-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{package}/__init__.py", '"""Another project."""\n')
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"{package}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return path


def start(folder: Path, *path: Path) -> CompletedProcess[str]:
    """Start Trinity as its console script does; modules come from these folders and the standard library."""
    joined = os.pathsep.join(str(entry) for entry in path)
    return run(sys.executable, "-P", "-S", "-c", START, folder=folder, PYTHONPATH=joined)


def assert_refused(done: CompletedProcess[str], package: str, found: Path) -> None:
    assert done.returncode == EXIT_ENVIRONMENT, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert repr(package) in line
    assert str(found) in line
    assert "python3 -m venv" in line


def test_nothing_is_refused_in_the_repository():
    assert refusal(ROOT) is None


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "simulator"])
def test_a_foreign_package_earlier_on_the_path_is_refused_and_not_imported(unpacked, tmp_path, package):
    foreign = tmp_path / "foreign"
    trace = write_foreign(foreign, package)
    assert_refused(start(tmp_path, foreign, unpacked), package, foreign / package / "__init__.py")
    assert not trace.exists()


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "simulator"])
def test_a_foreign_package_written_over_ours_is_refused_and_not_imported(unpacked, tmp_path, package):
    trace = write_foreign(unpacked, package)
    assert_refused(start(tmp_path, unpacked), package, unpacked / package / "__init__.py")
    assert not trace.exists()


def test_a_foreign_simulator_written_over_ours_is_refused(unpacked, tmp_path):
    """The launcher lives in that package, so the foreign ``__init__`` has run; the rest of it will not."""
    write_foreign(unpacked, "simulator")
    assert_refused(start(tmp_path, unpacked), "simulator", unpacked / "simulator" / "__init__.py")


def test_part_of_another_trinity_earlier_on_the_path_is_refused(unpacked, tmp_path):
    """It carries our mark, but its version may be any."""
    other = tmp_path / "other"
    shutil.copytree(unpacked / "bus", other / "bus")
    assert_refused(start(tmp_path, other, unpacked), "bus", other / "bus" / "__init__.py")


def test_a_foreign_module_of_one_file_is_refused(unpacked, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "store.py").write_text("raise SystemExit('imported')\n")
    assert_refused(start(tmp_path, foreign, unpacked), "store", foreign / "store.py")


def test_foreign_files_left_under_ours_that_hide_a_module_are_refused(unpacked, tmp_path):
    """As when Trinity goes over ``openai-agents``: ours is whole, but a folder of theirs wins."""
    hiding = unpacked / "agents" / "agent" / "__init__.py"
    hiding.parent.mkdir()
    hiding.write_text("")
    assert_refused(start(tmp_path, unpacked), "agents", hiding)


def test_a_package_that_another_project_took_away_is_refused(unpacked, tmp_path):
    """Removing a project that had installed over ours removes the files that both had."""
    (unpacked / "agents" / "__init__.py").unlink()
    assert_refused(start(tmp_path, unpacked), "agents", unpacked)


def test_a_foreign_project_installed_by_pip_over_trinity_is_refused(wheel, tmp_path):
    installation = install_trinity(tmp_path / "venv", wheel)
    installation.install(write_foreign_wheel(tmp_path, "agents"))
    done = run(installation.trinity, "--help", folder=tmp_path)
    assert_refused(done, "agents", installation.packages / "agents" / "__init__.py")
