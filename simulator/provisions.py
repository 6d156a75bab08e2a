"""What a run needs besides its scenario, copied into its folder to be decided by again. Must not run it."""

from typing import NamedTuple

from simulator.embedding import head_content
from simulator.importing import memory_content
from simulator.scenario import Scenario
from simulator.weights import weights_content
from store.run_folder import RunFolder
from store.whole_file import write_whole


class Provisions(NamedTuple):
    """Contents of files; None for what the scenario does not have."""

    memory: str | None
    weights: str | None
    head: str | None


def provisions_of(scenario: Scenario) -> Provisions:
    """Read what a resolved scenario names, before there is a folder.

    Raises:
        InputError: a file is gone, or is not what it was when the scenario was resolved.
        DamageError: it was damaged since.
        EnvironmentProblem: the system refuses to read it.
    """
    return Provisions(memory_content(scenario), weights_content(scenario), head_content(scenario))


def lay_in(provisions: Provisions, scenario: Scenario, folder: RunFolder) -> None:
    """Write everything into the folder of a new run; the scenario last, since it says that all is there."""
    places = (folder.memory, folder.weights, folder.head)
    for content, path in zip(provisions, places, strict=True):
        if content is not None:
            write_whole(path, content)
    write_whole(folder.scenario, scenario.to_toml())
