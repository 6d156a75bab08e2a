"""Imports: what most processes need costs them no heavy library."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("zmq", "numpy", "faiss", "duckdb", "rich", "simulator")


def heavy_after(statement: str) -> list[str]:
    """The heavy libraries that a fresh process has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout.split()


def test_the_bus_loads_nothing_heavy() -> None:
    assert heavy_after("import bus") == []
    modules = ("codec", "wire", "transport", "queues", "sequencer", "routing")
    assert heavy_after("\n".join(f"import bus.{module}" for module in modules)) == []


def test_agents_load_nothing_heavy() -> None:
    assert heavy_after("import agents") == []
    modules = ("architect", "executor", "process", "runtime", "models.mock", "witness")
    assert heavy_after("\n".join(f"import agents.{module}" for module in modules)) == []


@pytest.mark.parametrize(("module", "library"), [("bus.zeromq", "zmq"), ("simulator.compose", "simulator")])
def test_a_library_that_is_loaded_is_seen(module: str, library: str) -> None:
    assert library in heavy_after(f"import {module}")
