"""Cuts the log of a finished run as kill -9 leaves it. Must not go on with it."""

from pathlib import Path
from shutil import copyfile, copytree

from simulator.provisions import Provisions
from simulator.scenario import Scenario
from store.manifest import open_manifest, read_manifest, segment_name, write_manifest
from store.run_folder import RunFolder
from tests.torture.runs import begin


def cut(
    scenario: Scenario, provisions: Provisions, of: RunFolder, path: Path, seq: int, torn_share: float
) -> RunFolder:
    """A run in a folder of its own: its first events, and perhaps a part of the next one."""
    folder = begin(scenario, path, provisions)
    folder.events.mkdir()
    manifest = read_manifest(of.events)
    assert manifest is not None
    sealed = tuple(segment for segment in manifest.segments if segment.last_seq < seq)
    for segment in sealed:
        copyfile(of.events / segment.name, folder.events / segment.name)
    opened = open_manifest(sealed)
    lines = (of.events / segment_name(opened.last_seq + 1)).read_bytes().splitlines(keepends=True)
    whole_count = seq - opened.last_seq
    torn = b"".join(lines[whole_count : whole_count + 1])
    torn = torn[: int(len(torn) * torn_share)]
    active = folder.events / segment_name(opened.last_seq + 1)
    active.write_bytes(b"".join(lines[:whole_count]) + torn)
    write_manifest(folder.events, opened)
    return folder


def copy_derived(of: RunFolder, to: RunFolder) -> None:
    """The derived files of a run, which may be ahead of a log that was cut."""
    copytree(of.cache, to.cache, dirs_exist_ok=True)
