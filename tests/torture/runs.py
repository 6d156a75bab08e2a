"""Runs of scenarios for the torture cases: recorded, cut, resumed. Must not judge them."""

from pathlib import Path
from typing import NamedTuple

from simulator.compose import Transport
from simulator.incarnation import Watcher
from simulator.options import Options, resolve
from simulator.provisions import Provisions, lay_in, provisions_of
from simulator.recording import Means, Recorded, Recording
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from store.manifest import open_manifest, read_manifest, segment_name, write_manifest
from store.run_folder import RunFolder

UNWATCHED = Watcher(lambda now_ns, count: None, lambda: False)


class Done(NamedTuple):
    folder: RunFolder
    recorded: Recorded
    digest: str


def chaos(seed: int, duration: str | None = None) -> Scenario:
    """The scenario under a seed; a shorter one heals earlier."""
    return resolve(load_scenario("chaos"), Options(seed=str(seed), duration=duration))


def begin(scenario: Scenario, path: Path, provisions: Provisions | None = None) -> RunFolder:
    """``provisions`` were read before the files that the scenario names were gone."""
    folder = RunFolder.create(path)
    lay_in(provisions or provisions_of(scenario), scenario, folder)
    return folder


def record(
    scenario: Scenario, path: Path, transport: Transport = "inproc", provisions: Provisions | None = None
) -> Done:
    folder = begin(scenario, path, provisions)
    recorded = Recording(scenario, folder, Means(transport), UNWATCHED).record()
    return Done(folder, recorded, digest_of(folder))


def resume(scenario: Scenario, folder: RunFolder, transport: Transport = "inproc") -> Done:
    recorded = Recording(scenario, folder, Means(transport), UNWATCHED).resume()
    return Done(folder, recorded, digest_of(folder))


def digest_of(folder: RunFolder) -> str:
    manifest = read_manifest(folder.events)
    return "" if manifest is None or manifest.digest is None else manifest.digest


def lines_of(folder: RunFolder) -> list[bytes]:
    """The lines of a log of one segment."""
    return (folder.events / segment_name(1)).read_bytes().splitlines(keepends=True)


def cut_run(scenario: Scenario, path: Path, log: bytes) -> RunFolder:
    """A run folder as it is found after everything was killed when just these bytes were on the log."""
    folder = begin(scenario, path)
    folder.events.mkdir()
    (folder.events / segment_name(1)).write_bytes(log)
    write_manifest(folder.events, open_manifest(()))
    return folder
