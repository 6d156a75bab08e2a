"""``trinity replay``: folds a log, or proves it by doing it again. Must not change a log."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.catalog import find_query
from analysis.database import Result, open_database
from bus.errors import InputError
from simulator.cli import present
from simulator.cli.output import fail, print_json, print_pairs, print_table, progress_bar, say
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.exit_codes import ExitCode
from simulator.replay import Replayed, replay_log
from simulator.replay_compare import Divergence, Link, ReplayDiverged
from simulator.replay_corpus import CorpusRun, runs_of, verify_corpus, worst
from simulator.replay_simulate import Simulated, simulate_again
from simulator.replay_verify import Verified, verify_run
from simulator.summary import summarise
from store.run_folder import RunFolder

REPLAY_QUERIES = ("detection_accuracy", "detection_latency", "learning_trend", "budget_status")
"""What ``trinity replay`` shows."""
REPLAY_EXAMPLES = examples(
    ("trinity replay latest", "fold the log; no agent runs"),
    ("trinity replay latest --verify", "every delivery again"),
    ("trinity replay latest --simulate", "the whole run again"),
    ("trinity replay --corpus tests/golden/corpus", "verify many runs"),
)


def replay(
    run: Annotated[
        str | None, typer.Argument(help="A run: its name under runs/, its path, or latest.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Let fresh agents handle every delivery again; compare every draft."),
    ] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Simulate the run again from its scenario; compare every byte.")
    ] = False,
    corpus: Annotated[
        Path | None, typer.Option(help="Verify each run in this folder, one line each; no RUN then.")
    ] = None,
    json: Json = False,
) -> int:
    """Fold the log from its first event to its last; show accuracy, latency, learning trend and budget.

    Every line is checked on the way. No agent runs, unless a proof is asked for:

    --verify gives each delivery on the log to a fresh agent again.

    Its models give the answers that are on the log; no model is asked.

    Receipts, drafts and last states must be the recorded ones, field by field.

    It needs the log and scenario.toml, and takes old and unfinished logs too.

    --simulate runs the whole scenario again; every commit must be the same bytes.

    The first difference is shown with both sides and what led to it.

    Exit codes: 0 the same, 2 bad input, 3 something differs, 5 the log is damaged.

    Of a corpus the worst one counts: 5 before 3 before any other.
    """
    if corpus is not None:
        if run is not None or verify or simulate:
            raise InputError("--corpus verifies the runs of a folder; give it without RUN and other options")
        return _replay_corpus(corpus, json=json)
    if run is None:
        raise InputError("no run; give its name, its path or latest, or --corpus with a folder")
    if verify and simulate:
        raise InputError("--verify and --simulate are two proofs; give one of them at a time")
    folder = RunFolder.open(run, RUNS_DIR)
    if verify or simulate:
        return _prove(folder, is_simulation=simulate, json=json)
    return _fold(folder, json=json)


def _fold(folder: RunFolder, *, json: bool) -> int:
    total = summarise(folder, None).events
    with progress_bar("Replaying", total, quiet=json) as bar:
        replayed = replay_log(folder, lambda count: bar.update(count, f"{count:,} events"))
    with open_database(folder) as database:
        answers = {name: database.named(name) for name in REPLAY_QUERIES}
    if json:
        print_json(
            {"run": str(folder.path), "folded": replayed}
            | {name: result.records() for name, result in answers.items()}
        )
        return ExitCode.OK
    _present_replay(replayed)
    for name, result in answers.items():
        _present_answer(find_query(name).title, result)
    return ExitCode.OK


def _prove(folder: RunFolder, *, is_simulation: bool, json: bool) -> int:
    try:
        proven = _proven(folder, is_simulation=is_simulation, quiet=json)
    except ReplayDiverged as error:
        if json:
            print_json({"run": str(folder.path), "diverged": True, "divergence": error.divergence})
        else:
            _present_divergence(error.divergence)
        return fail(f"{folder.path}: {error}", ExitCode.DIVERGED)
    if json:
        print_json({"run": str(folder.path), "diverged": False, "compared": proven})
    elif isinstance(proven, Verified):
        _present_verified(proven)
    else:
        _present_simulated(proven)
    return ExitCode.OK


def _proven(folder: RunFolder, *, is_simulation: bool, quiet: bool) -> Verified | Simulated:
    total = summarise(folder, None).events
    with progress_bar("Simulating again" if is_simulation else "Verifying", total, quiet=quiet) as bar:

        def progress(count: int) -> None:
            bar.update(count, f"{count:,} events")

        return simulate_again(folder, progress) if is_simulation else verify_run(folder, progress)


def _replay_corpus(folder: Path, *, json: bool) -> int:
    runs = runs_of(folder)
    results: list[CorpusRun] = []
    with progress_bar("Verifying", len(runs), quiet=json) as bar:
        for result in verify_corpus(
            runs, lambda name, count: bar.update(len(results), f"{name}: {count:,} events")
        ):
            results.append(result)
            if not json:
                say(_corpus_line(result), "" if result.verified else "red")
    code = worst(results)
    if json:
        print_json({"corpus": str(folder), "exit_code": code, "runs": results})
    bad_count = sum(result.verified is None for result in results)
    if bad_count:
        return fail(f"{bad_count} of {len(results)} runs in {folder} did not replay", code)
    return code


def _corpus_line(result: CorpusRun) -> str:
    verified = result.verified
    if verified is None:
        return f"✗ {result.run}: {result.problem}"
    return f"✓ {result.run}: {_extent(verified)}"


def _extent(verified: Verified) -> str:
    end = "" if verified.is_complete else ", a log without an end"
    return (
        f"{verified.delivery_count:,} deliveries, {verified.draft_count:,} drafts and "
        f"{verified.model_call_count:,} model calls as recorded (schema {verified.schema_version}{end})"
    )


def _present_divergence(divergence: Divergence) -> None:
    """Both sides of the first difference, and what led to it."""
    d = divergence
    say("The replay does something else than the log says", "bold red")
    delivery = {"delivery": d.key} if d.key else {}
    print_pairs(
        {
            "seq": d.seq,
            "event": f"{d.type} of {d.source}",
            **delivery,
            "field": d.field,
            "recorded": d.recorded,
            "replayed": d.replayed,
        }
    )
    if d.chain:
        say("What led to it", "bold")
        half = len(d.chain) // 2
        for number, link in enumerate(d.chain):
            if d.chain_omitted_count and number == half:
                say(f"  … {d.chain_omitted_count:,} events between")
            say(f"  {_link_line(link)}")


def _link_line(link: Link) -> str:
    queue = f" to {link.queue}" if link.queue else ""
    return f"{link.seq:>9,}  {link.type} of {link.source}{queue}"


def _present_verified(verified: Verified) -> None:
    say("Every decision came out as recorded", "bold green")
    older = "" if verified.is_current else ", read as it would be written today"
    print_pairs(
        {
            "events": f"{verified.event_count:,}, every line's CRC checked; "
            f"{'to the end of the run' if verified.is_complete else 'the log has no end'}",
            "schema": f"version {verified.schema_version}{older}",
            "deliveries": f"{verified.delivery_count:,} handled again in {verified.attempt_count:,} attempts",
            "drafts": f"{verified.draft_count:,} compared field by field",
            "model calls": f"{verified.model_call_count:,}, prompts by their digest; no model was asked",
            "states": f"{verified.state_count} agents knew the same at the end",
        }
    )


def _present_simulated(simulated: Simulated) -> None:
    say("The whole run came out as recorded, byte by byte", "bold green")
    end = "the same as that of the log" if simulated.is_complete else "the log has no end to compare"
    print_pairs(
        {
            "events": f"{simulated.event_count:,} in {simulated.commit_count:,} commits",
            "digest": f"{simulated.digest}; {end}",
        }
    )


def _present_replay(replayed: Replayed) -> None:
    say("Folded from the log", "bold")
    print_pairs(
        {
            "events": f"{replayed.event_count:,}, every line's CRC checked",
            "deliveries": f"{replayed.acknowledged_count:,} acknowledged, "
            f"{replayed.dead_letter_count} dead letters, {replayed.pending_count} pending",
            "spent": f"{present.usd(replayed.spent_nanousd)} in {replayed.model_call_count:,} model calls",
            "patterns": f"{replayed.pattern_learned_count:,} lessons learned",
        }
    )


def _present_answer(title: str, result: Result) -> None:
    print_table(title, result.columns, result.rows)
    if not result.rows:
        say("no rows")
