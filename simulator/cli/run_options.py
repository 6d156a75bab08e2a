"""The options that ``trinity run`` alone takes, with their help. Must not read what is typed."""

from pathlib import Path
from typing import Annotated

import typer

Named = Annotated[str, typer.Argument(help="A scenario by name, or the path of a folder with one.")]
Seed = Annotated[str | None, typer.Option(help="Same scenario and seed: same log, to the byte.")]
Duration = Annotated[
    str | None, typer.Option(envvar="TRINITY_TEST_DURATION", help="Like 24h or 90m; a bare number is hours.")
]
Budget = Annotated[
    str | None, typer.Option(envvar="TRINITY_TEST_BUDGET", help="Dollars for models, like 10.00.")
]
EventInterval = Annotated[
    str | None,
    typer.Option(envvar="TRINITY_EVENT_INTERVAL", help="Between incidents; a bare number is minutes."),
]
SnapshotInterval = Annotated[
    str | None,
    typer.Option(
        envvar="TRINITY_SNAPSHOT_INTERVAL", help="Between cost and pattern snapshots; bare: minutes."
    ),
]
MetricsInterval = Annotated[
    str | None,
    typer.Option(envvar="TRINITY_METRICS_INTERVAL", help="Between system metrics; bare: minutes."),
]
Events = Annotated[
    Path | None, typer.Option(help='Telemetry from lines like {"ts"?, "label"?, "event": {"message", ...}}.')
]
Memory = Annotated[
    Path | None,
    typer.Option(help="Patterns of earlier runs to begin with; at the end those of this run, too."),
]
Embedder = Annotated[
    str | None,
    typer.Option(help="Compare texts by a sentence model of this machine (name or folder), or hashing."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run; otherwise a new one under runs/.")]
Resume = Annotated[
    str | None, typer.Option(help="Take up a run that was killed or interrupted, as `trinity resume`.")
]
