"""Recovering a log of a million events against decoding its lines, and the memory that takes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.finding import Finding, at_least, at_most, plain
from bench.realistic_log import busy_run
from bench.rounds import interleave
from bench.trinity import environment
from bus.codec import Envelope
from store.recovery import recover
from store.reopening import unseal

TARGET = 0.5
"""Of the speed of decoding."""
GROWTH_PERCENT_MAX = 10.0
"""More memory for a log ten times as long."""
ROUNDS = 5
EVENT_COUNT = 1_000_000
_PEAK = """
import re, sys
from pathlib import Path
from store.recovery import recover
recover(Path(sys.argv[1]))
print(re.search("VmHWM:[^0-9]+([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""
# Not getrusage: its peak begins with that of the process which started this one.
_BYTES_PER_KIB = 1024


def measure(round_count: int, folder: Path) -> list[Finding]:
    long, short = (_unfinished(folder, count) for count in (EVENT_COUNT, EVENT_COUNT // 10))
    event_count = recover(long).last_seq
    candidates: dict[str, Callable[[], None]] = {
        "decode": lambda: _decode(long),
        "recover": lambda: _recover(long, event_count),
    }
    rounds = interleave(candidates, round_count)
    print(rounds.load_line())
    peaks = [(_peak_mb(long), _peak_mb(short)) for _ in range(round_count)]
    growth = [100 * (at_length / at_tenth - 1) for at_length, at_tenth in peaks]
    return [
        at_least("decode every line / recover", rounds.ratios("decode", "recover"), TARGET),
        plain("recover", [event_count / s for s in rounds.seconds["recover"]], "ev/s"),
        plain("decode every line", [event_count / s for s in rounds.seconds["decode"]], "ev/s"),
        plain("events in the log", [event_count], "events"),
        plain("peak RSS of recovery", [at_length for at_length, _ in peaks], "MB"),
        at_most("growth of RSS at ten times the length", growth, GROWTH_PERCENT_MAX, "%"),
    ]


def _unfinished(folder: Path, event_count: int) -> Path:
    """A log of segments of the usual length, of which the last is not sealed."""
    log = busy_run(folder, event_count).events
    unseal(log)
    return log


def _decode(log: Path) -> None:
    """What reading costs at least: the lines, decoded one by one, and nothing checked."""
    decode = msgspec.json.Decoder(Envelope).decode
    for path in sorted(log.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                decode(line)


def _recover(log: Path, event_count: int) -> None:
    """Finds nothing to cut, so that every round does the same."""
    recovered = recover(log)
    if recovered.cut_bytes or recovered.last_seq != event_count:
        raise RuntimeError(f"{log}: recovery found {recovered}")


def _peak_mb(log: Path) -> float:
    """Highest resident memory of a process that recovers a log, in megabytes (10^6 bytes)."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(log)], env=environment(), capture_output=True, text=True, check=True
    )
    return int(done.stdout) * _BYTES_PER_KIB / 1e6
