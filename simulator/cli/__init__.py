"""The command line ``trinity``: one module a group of commands.

Must not compute anything that a person could ask for in SQL.
"""

import sys
from collections.abc import Sequence

import typer

from bus.errors import TrinityError
from simulator.cli import answer, inspect, resume, run
from simulator.cli.output import fail
from simulator.exit_codes import ExitCode, exit_code_of

app = typer.Typer(
    name="trinity",
    help="Simulate, record, replay and question a system of LLM agents on an event-sourced bus.",
    epilog="Start with:  trinity run          24 hours of three agents, in seconds",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
run.add_to(app)
answer.add_to(app)
inspect.add_to(app)
resume.add_to(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Whatever is wrong with the input is one line on stderr."""
    try:
        result = app(
            args=list(sys.argv[1:] if argv is None else argv), prog_name="trinity", standalone_mode=False
        )
    except TrinityError as error:
        return fail(str(error), exit_code_of(error))
    except typer.TyperException as error:
        return fail(f"{error.format_message().rstrip('.')}; see --help", ExitCode.BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return fail("interrupted", ExitCode.INTERRUPTED)
    except RuntimeError as error:
        if str(error) != "Query interrupted":  # DuckDB's word for Ctrl-C
            raise
        return fail("interrupted while asking; `trinity report RUN` finishes a run", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away; there is nobody to tell
        return ExitCode.OK
    return result if isinstance(result, int) else ExitCode.OK
