"""The whole command ``trinity run soak``, start-up included, against the day that it simulates."""

from pathlib import Path

from bench.finding import Finding, at_least, plain
from bench.rounds import interleave
from bench.trinity import phases_s, run

TARGET = 17_000
"""Times faster than the 24 hours simulated."""
ROUNDS = 5
SIMULATED_S = 24 * 3600.0


def measure(round_count: int, folder: Path) -> list[Finding]:
    paths = iter(range(round_count))
    simulate_s: list[float] = []

    def soak() -> None:
        out = folder / f"soak-{next(paths)}"
        run(["soak", "--transport", "processes"], out)
        simulate_s.append(phases_s(out)["simulate"])

    rounds = interleave({"soak": soak}, round_count)
    print(rounds.load_line())
    wall_s = rounds.seconds["soak"]
    return [
        at_least("simulated time / wall time", [SIMULATED_S / s for s in wall_s], TARGET),
        plain("wall time of the command", wall_s, "s"),
        plain("of this, the phase 'simulate'", simulate_s, "s"),
    ]
