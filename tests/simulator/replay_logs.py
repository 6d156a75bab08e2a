"""Copies of kept runs, whole, cut or changed, for tests of replays. Must not hold tests."""

import json
import shutil
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from simulator.replay_compare import Divergence, ReplayDiverged
from simulator.replay_verify import Verified, verify_run
from store.log_reader import read_lines
from store.log_writer import LogWriter
from store.run_folder import RunFolder

CORPUS = Path(__file__).parents[1] / "golden" / "corpus"
SOAK, FULL_QUEUE, DEAD_LETTERS = "v1-soak", "v1-full-queue", "v1-dead-letters"
Line = dict[str, object]
Lines = list[Line]


def kept(name: str) -> RunFolder:
    return RunFolder(CORPUS / name)


def copy_of(name: str, folder: Path, scenario: dict[str, str] | None = None) -> RunFolder:
    """A copy of a kept run; ``scenario`` says what to write for what in its scenario."""
    run = RunFolder(folder / name)
    shutil.copytree(CORPUS / name, run.path)
    text = run.scenario.read_text()
    for old, new in (scenario or {}).items():
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    run.scenario.write_text(text)
    return run


def lines_of(run: RunFolder) -> Lines:
    """The events of a log as they are written, without their CRC."""
    lines = [json.loads(line) for line in read_lines(run.events)]
    return [{name: value for name, value in line.items() if name != "crc"} for line in lines]


def changed(name: str, folder: Path, change: Callable[[Lines], Lines], *, closes: bool = True) -> RunFolder:
    """A copy of a kept run whose log was changed by somebody who can compute CRCs."""
    run = copy_of(name, folder)
    return written(run, change(lines_of(run)), closes=closes)


def written(run: RunFolder, lines: Lines, *, closes: bool = True) -> RunFolder:
    """The run with another log in place of its own."""
    shutil.rmtree(run.events)
    writer = LogWriter.create(run.events)
    for _, commit in groupby(lines, key=lambda line: line["commit_seq"]):
        events = list(commit)
        encoded = [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in events]
        writer.append(number(events[0], "seq"), encoded)
    if closes:
        writer.close()
    else:
        writer.leave()
    return run


def changed_at(run: RunFolder, nth: int) -> int:
    """Change the n-th event of a log a little; its ``seq``."""
    lines = lines_of(run)
    lines[nth]["source"] = f"{lines[nth]['source']}x"
    written(run, lines)
    return number(lines[nth], "seq")


def cut_behind(name: str, folder: Path, seq: int) -> RunFolder:
    """A copy of a kept run that was killed when so many events were on its log."""
    return changed(
        name, folder, lambda lines: [x for x in lines if number(x, "commit_seq") <= seq], closes=False
    )


def number(line: Line, member: str) -> int:
    value = line[member]
    assert isinstance(value, int)
    return value


def body(line: Line) -> dict[str, object]:
    value = line["data"]
    assert isinstance(value, dict)
    return value


def seq_of(run: RunFolder, type_name: str, source: str, nth: int = 0) -> int:
    """``seq`` of the n-th event of a type by a source, from 0."""
    seqs = [number(x, "seq") for x in lines_of(run) if (x["type"], x["source"]) == (type_name, source)]
    return seqs[nth]


def verified(run: RunFolder) -> Verified:
    return verify_run(run, lambda count: None)


def divergence(run: RunFolder) -> Divergence:
    with pytest.raises(ReplayDiverged) as caught:
        verified(run)
    return caught.value.divergence
