"""The wheel holds all of the product and nothing else, and runs where the repository is not."""

import json
import zipfile
from email.parser import Parser
from pathlib import Path

from simulator.guard import PACKAGES
from tests.packaging.installation import ROOT, Installation, run


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def product_files() -> set[str]:
    """Every file of the five packages, as the wheel should name it."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_five_packages(wheel: Path):
    missing = product_files() - names_in(wheel)
    assert not missing, f"left out of the wheel, perhaps because .gitignore names them: {sorted(missing)}"


def test_the_wheel_holds_nothing_but_the_five_packages_and_its_metadata(wheel: Path):
    extra = {name for name in names_in(wheel) - product_files() if ".dist-info/" not in name}
    assert not extra


def test_queries_and_settings_travel_in_the_wheel(wheel: Path):
    suffixes = {Path(name).suffix for name in names_in(wheel)}
    assert {".py", ".sql", ".toml"} <= suffixes


def test_the_metadata_names_licence_python_and_command(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert metadata["Name"] == "trinity-bus"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "trinity = simulator.launch:main" in entry_points


def test_the_dependencies_never_include_a_project_that_installs_over_ours(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    required = [line.lower() for line in metadata.get_all("Requires-Dist", [])]
    assert required
    assert not [line for line in required if line.startswith(("openai-agents", "openai_agents", "store"))]


def test_the_installed_command_explains_itself(installation: Installation, tmp_path: Path):
    done = run(installation.trinity, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    assert "replay" in done.stdout


def test_the_installed_command_runs_the_soak_outside_the_repository(
    installation: Installation, tmp_path: Path
):
    done = run(
        installation.trinity,
        "run",
        "soak",
        "--seed",
        "1",
        "--json",
        "--out",
        tmp_path / "runs",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout)
    assert summary["scenario"] == "soak"
    assert summary["seed"] == 1
    assert summary["status"] == "completed"
    assert summary["events"] > 48
    assert len(summary["digest"]) == 64


def test_the_installed_code_is_not_that_of_the_repository(installation: Installation, tmp_path: Path):
    code = "import agents, analysis, bus, simulator, store; print(bus.__file__, simulator.__file__)"
    done = run(installation.python, "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(installation.packages) in done.stdout
    assert str(ROOT) not in done.stdout
