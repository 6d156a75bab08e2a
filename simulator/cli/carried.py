"""What ``trinity run`` says of patterns that come from earlier runs and go to later ones. Must not judge."""

from shlex import quote

from bus.errors import TrinityError
from simulator.carrying import carry
from simulator.cli.output import fail, note
from simulator.exit_codes import ExitCode, exit_code_of
from simulator.importing import imports_of
from simulator.scenario import Scenario
from store.run_folder import RunFolder


def note_imports(scenario: Scenario, folder: RunFolder) -> None:
    if scenario.witness.memory is None:
        return
    imports = imports_of(scenario, folder, is_written=True)
    left_out = f"; {len(imports.left_out):,} more have no room" if imports.left_out else ""
    note(f"begins with {len(imports.bodies):,} patterns of {scenario.witness.memory}{left_out}")


def hand_on(run: RunFolder) -> ExitCode:
    """Write the file for later runs, if there is one. If that fails, the run is whole all the same."""
    try:
        carried = carry(run)
    except TrinityError as error:
        again = f"`trinity memory write {quote(str(run.path))} NEW_FILE` does it again"
        return fail(f"what the run learned was not handed on: {error}; {again}", exit_code_of(error))
    if carried is not None:
        aside = " (another run has changed the file that this one began with)" if carried.is_aside else ""
        dropped = f"; {carried.dropped_count:,} more are too many for a file" if carried.dropped_count else ""
        note(f"{carried.pattern_count:,} patterns are in {carried.path}{aside}{dropped}")
    return ExitCode.OK
