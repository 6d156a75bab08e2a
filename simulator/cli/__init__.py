"""The command line ``trinity``: one module a group of commands.

Must not compute anything that a person could ask for in SQL.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from bus.errors import TrinityError
from simulator.cli import answer, experiment, inspect, memory, resume, run, what_if, witness
from simulator.cli.outlet import OutputLost, outlets
from simulator.cli.output import fail, is_interruption, say
from simulator.exit_codes import ExitCode, exit_code_of

DISTRIBUTION = "trinity-bus"

app = typer.Typer(
    name="trinity",
    epilog="Start with:  trinity run          24 hours of three agents, in seconds",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
run.add_to(app)
answer.add_to(app)
inspect.add_to(app)
resume.add_to(app)
memory.add_to(app)
what_if.add_to(app)
experiment.add_to(app)
witness.add_to(app)


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        say(f"{DISTRIBUTION} {version(DISTRIBUTION)}")
    except PackageNotFoundError:
        say(f"{DISTRIBUTION}, version unknown: this is its source, and it is not installed")
    raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Simulate, record, replay and question a system of LLM agents on an event-sourced bus."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Whatever is wrong with the input is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    with outlets() as stdout:
        try:
            code = _run(arguments)
            stdout.flush()
        except OutputLost:
            code = ExitCode.OK if stdout.is_unread else ExitCode.ENVIRONMENT
        if stdout.problem is not None and not stdout.is_unread:
            return fail(f"cannot write the output: {stdout.problem.strerror}; send it elsewhere", code)
        return code


def _run(arguments: list[str]) -> ExitCode:
    try:
        result = app(args=arguments, prog_name="trinity", standalone_mode=False)
    except TrinityError as error:
        return fail(str(error), exit_code_of(error))
    except typer.TyperException as error:
        # A group of commands that was called without one has shown its help, and has no message.
        message = error.format_message().rstrip(".") or "give a command"
        return fail(f"{message}; see --help", ExitCode.BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return fail("interrupted", ExitCode.INTERRUPTED)
    except RuntimeError as error:
        if not is_interruption(error):
            raise
        return fail("interrupted", ExitCode.INTERRUPTED)
    if result == ExitCode.INTERRUPTED and not isinstance(result, ExitCode):
        # The number is typer's word for Ctrl-C; a command of ours has said what it had to say.
        return fail("interrupted", ExitCode.INTERRUPTED)
    return ExitCode(result) if isinstance(result, int) else ExitCode.OK
