"""``trinity memory show`` and ``write``: files of patterns that go from run to run. Must not change a run."""

from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple, get_args

import typer

from bus.bodies import PatternKind
from bus.errors import InputError
from simulator.carrying import write_memory
from simulator.cli.output import print_json, print_pairs, print_table, say
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from store.pattern_file import CarriedPattern, PatternFile, check_writable, read_patterns
from store.run_folder import RunFolder

SHOWN_MAX = 10
"""Patterns at each end of the list."""
SHOW_EXAMPLES = examples(("trinity memory show team.patterns", "what later runs will begin with"))
WRITE_EXAMPLES = examples(("trinity memory write latest team.patterns", "what the latest run knew"))


class _Shown(NamedTuple):
    file: str
    embedder: str
    pattern_count: int
    kinds: dict[str, int]
    """Patterns of each kind."""
    runs: dict[str, int]
    """Patterns that each run taught first."""
    strongest: list[CarriedPattern]
    """By how much oftener feedback confirmed than refuted them."""
    weakest: list[CarriedPattern]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Look at patterns that go from run to run.")
    group.command("show", epilog=SHOW_EXAMPLES)(show)
    group.command("write", epilog=WRITE_EXAMPLES)(write)
    app.add_typer(group, name="memory")


def show(
    path: Annotated[Path, typer.Argument(help="A file that `trinity run --memory` wrote.")],
    json: Json = False,
) -> None:
    """Show what a file of patterns holds: kinds, runs, the strongest and the weakest patterns."""
    file = read_patterns(path)
    if file is None:
        raise InputError(f"there is no file {path}; `trinity run --memory {path}` makes it")
    shown = _shown(path, file)
    if json:
        print_json(shown._asdict())
        return
    say(f"{path}: {shown.pattern_count:,} patterns, compared by {shown.embedder}", "bold")
    print_pairs({**shown.kinds, **{f"taught by {run}": count for run, count in shown.runs.items()}})
    columns = ("kind", "confirmed", "refuted", "first taught by", "message")
    for title, patterns in (("Strongest", shown.strongest), ("Weakest", shown.weakest)):
        print_table(title, columns, [_row(pattern) for pattern in patterns])


def write(
    run: Annotated[str, typer.Argument(help="A run by name or path, or `latest`.")],
    path: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    json: Json = False,
) -> None:
    """Write what a finished run knew at its end to a new file, for `trinity run --memory`."""
    check_writable(path.resolve())
    carried = write_memory(RunFolder.open(run, RUNS_DIR), path)
    if json:
        counts = {"pattern_count": carried.pattern_count, "dropped_count": carried.dropped_count}
        print_json({"file": str(carried.path), **counts})
    else:
        dropped = f"; {carried.dropped_count:,} more are too many for a file" if carried.dropped_count else ""
        say(f"{carried.path}: {carried.pattern_count:,} patterns{dropped}")


def _shown(path: Path, file: PatternFile) -> _Shown:
    kinds = Counter(pattern.kind for pattern in file.patterns)
    runs = Counter(pattern.first_run for pattern in file.patterns)
    # Sorted is stable: of equally strong patterns the more useful one, which the file has first, comes first.
    by_strength = sorted(file.patterns, key=lambda p: p.refuted_count - p.confirmed_count)
    return _Shown(
        str(path),
        file.header.embedder,
        len(file.patterns),
        {kind: kinds[kind] for kind in get_args(PatternKind)},
        dict(sorted(runs.items())),
        by_strength[:SHOWN_MAX],
        by_strength[: -SHOWN_MAX - 1 : -1],
    )


def _row(pattern: CarriedPattern) -> tuple[str, int, int, str, str]:
    taught_by = f"{pattern.first_run} seq {pattern.first_seq}"
    return pattern.kind, pattern.confirmed_count, pattern.refuted_count, taught_by, pattern.message
