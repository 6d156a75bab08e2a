"""Every bit of a log flipped, and segments spoilt as a whole: refused with the place, or read right."""

import os
import shutil
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

from bus.errors import TrinityError
from store.errors import LogDamage
from store.log_reader import read_lines
from store.manifest import MANIFEST_NAME
from store.recovery import recover
from store.verify import verify
from tests.store.builders import segments_of, small_commits
from tests.torture.outcome import Effort, Outcome
from tests.torture.store_shims import scratch, whole_log, whole_seq

COMMITS = small_commits(6)
"""Enough for three segments."""
MORE_COMMITS = small_commits(12)
FLIP_STEP_SHORT = 61
"""The short form flips one bit in so many: a prime, so that all bits of a byte have their turn."""

Read = Callable[[Path], Iterable[bytes]]
Spoil = Callable[[list[Path], int], None]
"""Changes the segments, that of the index above all."""


class _Seen(NamedTuple):
    """What reader, recovery and verify say of a spoilt log."""

    refusals: list[TrinityError | None]
    is_right: bool
    """Whoever did not refuse gave the lines that were written, or the first of them."""
    is_noted: bool
    """Verify found a problem."""


def run(effort: Effort) -> list[Outcome]:
    step = effort.count(1, FLIP_STEP_SHORT)
    with scratch() as folder:
        return [flips(folder / "flips", step), spoils(folder / "spoils")]


def flips(folder: Path, step: int, read: Read = read_lines) -> Outcome:
    """Flip bits of a log that is open, closed, or torn; another reader shows whether a bad one is found."""
    figures = _figures() | {"wrongly_cut": 0}
    tried = 0
    folder.mkdir()
    for kind in ("open", "closed", "torn"):
        log = folder / kind
        lines = whole_log(log, COMMITS, close=kind == "closed")
        segments = segments_of(log)
        figures["segments"] = len(segments)
        if kind == "torn":
            size_bytes = segments[-1].stat().st_size - 7
            os.truncate(segments[-1], size_bytes)
            lines = lines[: whole_seq(COMMITS, len(lines) - 1)]
        for path in [*segments, log / MANIFEST_NAME]:
            # The sealed segments of the three are the same; of the later ones a sample is enough.
            coarser = 1 if kind == "open" or path == segments[-1] else 7
            data = path.read_bytes()
            # Of a line that is not whole nobody can say what it should have been.
            checked_bytes = data.rfind(b"\n") + 1
            for bit in range(0, 8 * len(data), step * coarser):
                spoilt = bytearray(data)
                spoilt[bit // 8] ^= 1 << bit % 8
                path.write_bytes(spoilt)
                _count(figures, look(log, lines, read), must_refuse=bit // 8 < checked_bytes)
                if kind == "open" and path == segments[-1]:
                    figures["wrongly_cut"] += not _is_cut_right(log, lines, data[: bit // 8])
                tried += 1
                path.write_bytes(data)
                for torn in log.glob("*.torn"):
                    torn.unlink()
    return Outcome(
        "bits flipped", tried, figures, ("silent", "without_place", "disagreements", "wrongly_cut")
    )


def _is_cut_right(log: Path, lines: list[bytes], in_front: bytes) -> bool:
    """Whether a log is cut at the last whole commit in front of a flipped bit of its active segment."""
    first_seq = int(segments_of(log)[-1].stem)
    expected = lines[: whole_seq(COMMITS, first_seq - 1 + in_front.count(b"\n"))]
    recovered = recover(log, cut_damage=True)
    return list(read_lines(log)) == expected and recovered.damage is not None and verify(log).sound


def spoils(folder: Path, read: Read = read_lines) -> Outcome:
    """Zeroed, doubled, swapped, missing segments, zero bytes and stale lines behind the end."""
    figures = _figures() | {"taken_for_a_crash": 0}
    folder.mkdir()
    tried = 0
    for close, spoil, index in product((False, True), SPOILS, (0, 3, -1)):
        log = folder / "spoilt"
        shutil.rmtree(log, ignore_errors=True)
        lines = whole_log(log, MORE_COMMITS, close=close)
        segments = segments_of(log)
        spoil(segments, index)
        is_crash = spoil in LOOKS_LIKE_A_CRASH and index == -1 and not close
        if is_crash and spoil is _zeroed:
            lines = lines[: int(segments[-1].stem) - 1]
        figures["taken_for_a_crash"] += is_crash
        _count(figures, look(log, lines, read), must_refuse=not is_crash)
        tried += 1
    zeros = ("silent", "without_place", "disagreements", "refused_wrongly")
    return Outcome("segments spoilt", tried, figures, zeros)


def look(log: Path, lines: list[bytes], read: Read) -> _Seen:
    """Ask all three; recovery last, because it may cut."""
    refusals: list[TrinityError | None] = []
    is_right = True
    problems = verify(log).problems
    before = {path: path.read_bytes() for path in segments_of(log)}
    try:
        is_right = list(read(log)) == lines
        refusals.append(None)
    except TrinityError as error:
        refusals.append(error)
    try:
        recovered = recover(log)
        refusals.append(None)
        is_right = is_right and recovered.last_seq == len(lines)
    except TrinityError as error:
        refusals.append(error)
        is_right = is_right and {path: path.read_bytes() for path in segments_of(log)} == before
    return _Seen(refusals, is_right, bool(problems))


def _figures() -> dict[str, int | float]:
    names = ("silent", "without_place", "disagreements", "refused_wrongly", "refused")
    return dict.fromkeys(names, 0)


def _count(figures: dict[str, int | float], seen: _Seen, *, must_refuse: bool) -> None:
    refused = [error is not None for error in seen.refusals]
    figures["refused"] += all(refused) and seen.is_noted
    # Who does not refuse must give the right data; a bit that is flipped is never right data.
    figures["silent"] += not seen.is_right or (must_refuse and not all(refused))
    figures["refused_wrongly"] += not must_refuse and any(refused)
    figures["disagreements"] += len({*refused, seen.is_noted}) > 1
    damages = [error for error in seen.refusals if isinstance(error, LogDamage)]
    figures["without_place"] += any(not error.segment.name or "\n" in str(error) for error in damages)


def _zeroed(paths: list[Path], index: int) -> None:
    paths[index].write_bytes(bytes(paths[index].stat().st_size))


def _zeroed_within(paths: list[Path], index: int) -> None:
    data = paths[index].read_bytes()
    paths[index].write_bytes(data[:100] + bytes(50) + data[150:])


def _missing(paths: list[Path], index: int) -> None:
    paths[index].unlink()


def _doubled(paths: list[Path], index: int) -> None:
    paths[index].with_name(f"{99:020d}.jsonl").write_bytes(paths[index].read_bytes())


def _overwritten(paths: list[Path], index: int) -> None:
    paths[index].write_bytes(paths[index - 1].read_bytes())


def _swapped(paths: list[Path], index: int) -> None:
    here, before = paths[index].read_bytes(), paths[index - 1].read_bytes()
    paths[index].write_bytes(before)
    paths[index - 1].write_bytes(here)


def _stale_behind(paths: list[Path], index: int) -> None:
    """What stood there before the log was cut: a line with a right CRC, but not of this place."""
    paths[index].write_bytes(paths[index].read_bytes() + paths[0].read_bytes().splitlines(keepends=True)[0])


def _stale_behind_zeros(paths: list[Path], index: int) -> None:
    paths[index].write_bytes(paths[index].read_bytes() + bytes(512))
    _stale_behind(paths, index)


def _zeros_behind(paths: list[Path], index: int) -> None:
    paths[index].write_bytes(paths[index].read_bytes() + bytes(4_096))


SPOILS: tuple[Spoil, ...] = (
    _zeroed,
    _zeroed_within,
    _missing,
    _doubled,
    _overwritten,
    _swapped,
    _stale_behind,
    _stale_behind_zeros,
    _zeros_behind,
)
LOOKS_LIKE_A_CRASH = (_zeroed, _zeros_behind)
"""In the active segment these are what a crash leaves: the format has no way to tell them apart."""
