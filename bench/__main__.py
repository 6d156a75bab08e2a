"""``python -m bench [NAME...]``: prints each number beside its target. Must not fail on a miss."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import msgspec

from bench import append, busy, lookups, memory, queries, recovery, soak
from bench.finding import Finding, line


class Bench(NamedTuple):
    name: str
    title: str
    round_count: int
    measure: Callable[[int, Path], list[Finding]]


def _bench(module: ModuleType) -> Bench:
    name = module.__name__.rpartition(".")[2]
    return Bench(name, (module.__doc__ or "").split("\n", 1)[0], module.ROUNDS, module.measure)


BENCHES = [_bench(module) for module in (soak, busy, append, recovery, queries, memory, lookups)]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones; all of them by default")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--rounds", type=int, help="rounds of each; every bench has a default")
    parser.add_argument(
        "--json", action="store_true", help="print all findings as one JSON object at the end"
    )
    options = parser.parse_args(arguments)
    if options.list:
        for bench in BENCHES:
            print(f"{bench.name:<10} {bench.title}")
        return 0
    known = [bench.name for bench in BENCHES]
    for name in options.names:
        if name not in known:
            parser.error(f"no benchmark {name!r}; there are {', '.join(known)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: give 1 or more")
    chosen = [bench for bench in BENCHES if not options.names or bench.name in options.names]
    found = {bench.name: _run(bench, options.rounds) for bench in chosen}
    verdicts = [finding.verdict for findings in found.values() for finding in findings if finding.verdict]
    print(f"{verdicts.count('MISSED')} of {len(verdicts)} targets missed")
    if options.json:
        print(
            msgspec.json.encode(
                {name: [_plain(f) for f in findings] for name, findings in found.items()}
            ).decode()
        )
    return 0


def _run(bench: Bench, round_count: int | None) -> list[Finding]:
    print(f"{bench.name}: {bench.title}", flush=True)
    with tempfile.TemporaryDirectory(prefix="trinity-bench-") as folder:
        findings = bench.measure(round_count or bench.round_count, Path(folder))
    for finding in findings:
        print(line(finding), flush=True)
    return findings


def _plain(finding: Finding) -> dict[str, object]:
    return {**msgspec.structs.asdict(finding), "verdict": finding.verdict}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
