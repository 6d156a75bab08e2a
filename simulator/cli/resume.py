"""``trinity resume`` and ``recover``: after a crash. Must not know how a run works inside."""

from typing import Annotated

import typer

from simulator.cli.answer import Run
from simulator.cli.output import print_json, say
from simulator.cli.run import RUNS_DIR, Json, Listen, Sync, Transports, means_of, take_up
from simulator.cli.teach import examples
from simulator.clock import elapsed_ns
from store.layout import has_log
from store.recovery import Recovered
from store.recovery import recover as recover_log
from store.run_folder import RunFolder

RECOVER_EXAMPLES = examples(
    ("trinity recover latest", "cut what a crash left half written"),
    ("trinity recover latest --cut-damage", "cut at the first damaged line, whatever is behind it"),
)


def add_to(app: typer.Typer) -> None:
    app.command("resume", epilog=examples(("trinity resume latest", "")))(resume)
    app.command("recover", epilog=RECOVER_EXAMPLES)(recover)


def resume(
    run: Run,
    transport: Transports = "processes",
    sync: Sync = "off",
    listen: Listen = None,
    json: Json = False,
) -> int:
    """Go on with a run whose processes were killed, or that was interrupted, from its log to its end.

    The log will be, to the byte, that of a run that nothing disturbed. Exit codes are those of `trinity run`;
    3 when this Trinity would have written another log, 5 when the log is damaged.
    """
    return take_up(run, means_of(transport, sync, listen), elapsed_ns(), json=json)


def recover(
    run: Run,
    cut_damage: Annotated[
        bool, typer.Option("--cut-damage", help="Also cut at a damaged line: events behind it are lost.")
    ] = False,
    json: Json = False,
) -> None:
    """Cut the log of a run behind its last whole commit; what is cut is kept beside it.

    `trinity resume` does that by itself for what a crash leaves. A damaged log is refused unless you say
    --cut-damage, and damage in a sealed segment is never cut: restore that from a copy.
    """
    folder = RunFolder.open_begun(run, RUNS_DIR)
    logs = {"events": folder.events, "observations": folder.observations}
    recovered = {
        name: recover_log(path, cut_damage=cut_damage) for name, path in logs.items() if has_log(path)
    }
    if json:
        print_json({"run": str(folder.path), **{name: _facts(r) for name, r in recovered.items()}})
        return
    if not recovered:
        say("nothing was ever written, so there is nothing to cut")
    for name, found in recovered.items():
        say(f"{name}: {_told(found)}")


def _facts(recovered: Recovered) -> dict[str, object]:
    return {
        "last_seq": recovered.last_seq,
        "closed": recovered.closed,
        "cut_bytes": recovered.cut_bytes,
        "cut_events": recovered.cut_event_count,
        "kept_in": None if recovered.torn is None else str(recovered.torn),
        "damage": None if recovered.damage is None else str(recovered.damage),
    }


def _told(recovered: Recovered) -> str:
    whole = f"whole up to seq {recovered.last_seq}"
    if not recovered.cut_bytes:
        return f"{whole}, nothing to cut"
    lost = f", {recovered.cut_event_count} of them whole events" if recovered.cut_event_count else ""
    return f"{whole}; {recovered.cut_bytes} bytes cut{lost}, kept in {recovered.torn}"
