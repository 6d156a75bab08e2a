"""The last segment cut at every byte: exactly the whole commits are left, and the log goes on."""

from collections.abc import Callable
from pathlib import Path

from bus.errors import TrinityError
from store.log_reader import read_lines
from store.log_writer import LogWriter
from store.recovery import Recovered, recover
from store.verify import verify
from tests.store.builders import copy_log, segments_of, small_commits
from tests.torture.outcome import Effort, Outcome
from tests.torture.store_shims import SEGMENT_BYTES, scratch, whole_log, whole_seq, write_on

COMMITS = small_commits(14)
TAILS = (b"", b"\0" * 700)
"""What a file system may leave behind the cut."""


def run(effort: Effort) -> list[Outcome]:
    with scratch() as folder:
        return [torn(folder, effort.count(1, 3))]


def torn(folder: Path, step_bytes: int, recovery: Callable[[Path], Recovered] = recover) -> Outcome:
    """Cut at every byte, or every third; the recovery can be another, to see whether a bad one is noticed."""
    lines = whole_log(folder / "open", COMMITS, close=False)
    whole_log(folder / "whole", COMMITS, close=True)
    digest = verify(folder / "whole").digest
    active = segments_of(folder / "open")[-1]
    data = active.read_bytes()
    figures: dict[str, int | float] = dict.fromkeys(("wrong_prefix", "bytes_not_kept", "cannot_go_on"), 0)
    figures["segments"] = len(segments_of(folder / "open"))
    figures["refused"] = 0
    cuts = [(size, tail) for tail in TAILS for size in range(0, len(data) + 1, step_bytes)]
    for size_bytes, tail in cuts:
        spoilt = copy_log(folder / "open", folder / "cut")
        (spoilt / active.name).write_bytes(data[:size_bytes] + tail)
        expected = lines[: whole_seq(COMMITS, int(active.stem) - 1 + data[:size_bytes].count(b"\n"))]
        try:
            before = list(read_lines(spoilt))
            recovered = recovery(spoilt)
            after = list(read_lines(spoilt))
        except TrinityError:
            # A whole line with zero bytes where its newline should be: the format calls that damage.
            is_damage = bool(tail) and data[size_bytes : size_bytes + 1] == b"\n"
            figures["refused" if is_damage else "wrong_prefix"] += 1
            continue
        right = before == after == expected and recovered.last_seq == len(expected)
        figures["wrong_prefix"] += not right
        kept = recovered.torn.read_bytes() if recovered.torn is not None else b""
        figures["bytes_not_kept"] += (spoilt / active.name).read_bytes() + kept != data[:size_bytes] + tail
        figures["cannot_go_on"] += not _goes_on(spoilt, digest)
    return Outcome("torn tails", len(cuts), figures, ("wrong_prefix", "bytes_not_kept", "cannot_go_on"))


def _goes_on(folder: Path, digest: str) -> bool:
    """Whether a resumed log ends as the one that was never torn."""
    try:
        with LogWriter.resume(folder, segment_bytes_max=SEGMENT_BYTES) as writer:
            write_on(writer, COMMITS)
    except TrinityError:
        return False
    verification = verify(folder)
    return verification.sound and verification.digest == digest
