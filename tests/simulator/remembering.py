"""Runs that begin with what others learned. Must not hold tests."""

from pathlib import Path

from msgspec.structs import replace

from simulator.carrying import carry
from simulator.compose import Transport
from simulator.importing import memory_content, with_memory
from simulator.recording import Means, Recording
from simulator.scenario import Scenario
from store.pattern_file import CarriedPattern, encode_patterns, read_patterns
from store.run_folder import RunFolder
from tests.simulator.builders import UNWATCHED, begun, scenario

TAUGHT = "day-1:0123456789ab"


def short_soak(memory: Path, seed: int = 1) -> Scenario:
    return remembering(scenario("soak", duration="3h", seed=seed), memory)


def remembering(of: Scenario, memory: Path) -> Scenario:
    return with_memory(replace(of, witness=replace(of.witness, memory=str(memory), memory_sha256=None)))


def begun_with(of: Scenario, folder: Path) -> RunFolder:
    run = begun(of, folder)
    content = memory_content(of)
    if content is not None:
        run.memory.write_text(content)
    return run


def record_with(of: Scenario, folder: Path, transport: Transport = "inproc") -> RunFolder:
    run = begun_with(of, folder)
    assert Recording(of, run, Means(transport), UNWATCHED).record().status == "completed"
    return run


def recorded_and_carried(memory: Path, folder: Path, seed: int = 1) -> RunFolder:
    run = record_with(short_soak(memory, seed), folder)
    assert carry(run) is not None
    return run


def write_file(path: Path, *patterns: CarriedPattern) -> Path:
    path.write_text(encode_patterns("hashing-v1", 512, patterns))
    return path


def patterns_in(path: Path) -> list[CarriedPattern]:
    file = read_patterns(path)
    assert file is not None
    return file.patterns


def pattern(message: str, confirmed_count: int = 1, refuted_count: int = 0) -> CarriedPattern:
    counts = confirmed_count, refuted_count
    return CarriedPattern("critical_error", message, *counts, TAUGHT, 41, TAUGHT, 77)


def crashes(count: int) -> list[str]:
    """Messages of patterns that are not nearly the same."""
    return [f"{f'{number:03}'.translate(_LETTERS)} crash" for number in range(count)]


_LETTERS = str.maketrans("0123456789", "bcdghjklmn")
