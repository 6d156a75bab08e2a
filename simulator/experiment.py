"""An experiment: one scenario in several arms, each with several seeds, as data. Must not run anything.

``experiment.toml`` stands beside ``scenario.toml``. Each table of ``[arms]`` is laid over the scenario, key
by key. An arm with a table ``teacher`` begins with the memory that another run leaves: the scenario with that
table laid over it. In an arm with ``chance_like``, which names another arm, answers know nothing and say
"confirmed" as often as they do in that arm's run with the same seed. Unknown keys are refused with the path
of the key.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import tomli_w
from msgspec import Struct

from bus.errors import InputError
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, parse_scenario, scenario_folder, scenario_names

EXPERIMENT_NAME = "experiment.toml"
ARMS_MAX = 12
SEEDS_MAX = 100
RUNS_MAX = 400
"""Arms times seeds; each of the runs takes seconds and megabytes."""
TEACHER = "teacher"
CHANCE_LIKE = "chance_like"
ARM_NAME_CHARACTERS_MAX = 24
"""So that tables of arms fit a line."""
_ARM_NAME = re.compile(r"[a-z][a-z0-9_]*")

Table = dict[str, object]


class Experiment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``experiment.toml`` as written."""

    title: str
    claim: str = "it learns"
    """What the report says if the treatment is better than the baseline beyond doubt."""
    baseline: str
    treatment: str
    seeds: int
    """How many: the scenario's own seed and those that follow it."""
    arms: dict[str, Table]
    seeds_before: list[int] = []
    """Other numbers of seeds that runs were recorded with in the same folder; nobody types them."""

    def to_toml(self) -> str:
        return tomli_w.dumps(msgspec.to_builtins(self))


class Arm(NamedTuple):
    name: str
    scenario: Scenario
    teacher: Scenario | None
    """Whose memory the runs of the arm begin with."""
    chance_like: str | None
    """The arm whose share of "confirmed" its answers have, which know nothing."""


def load_experiment(scenario: str, seeds: int | None = None) -> Experiment:
    """The experiment of a scenario.

    Args:
        scenario: by name, or the path of a folder.
        seeds: how many, in place of what the file says.

    Raises:
        ScenarioError: there is no such scenario.
        InputError: it has no experiment, or one that cannot be used.
    """
    path = scenario_folder(scenario) / EXPERIMENT_NAME
    if not path.is_file():
        having = [name for name in scenario_names() if (scenario_folder(name) / EXPERIMENT_NAME).is_file()]
        known = f"scenarios that come with one: {', '.join(having)}"
        raise InputError(f"{path.parent} has no {EXPERIMENT_NAME}; write one, or take one of the {known}")
    experiment = read_experiment(path)
    if seeds is not None:
        experiment = msgspec.structs.replace(experiment, seeds=seeds)
    _check(experiment, path, "--seeds" if seeds is not None else "seeds")
    return experiment


def arms_of(experiment: Experiment, scenario: str) -> list[Arm]:
    """Every arm with its scenario, checked; the treatment first, then the baseline.

    Raises:
        ScenarioError: an arm says what a scenario cannot say; the message has the arm and the key.
    """
    base = tomllib.loads(load_scenario(scenario).to_toml())
    path = scenario_folder(scenario) / EXPERIMENT_NAME
    arms: list[Arm] = []
    for name in _in_order(experiment):
        arms.append(_arm(name, base, experiment.arms[name], path, [arm.name for arm in arms]))
    return arms


def laid_over(base: Mapping[str, object], top: Mapping[str, object]) -> Table:
    """The tables of ``top`` laid over those of ``base``, key by key."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = laid_over(below, value)
        else:
            merged[key] = value
    return merged


def read_experiment(path: Path) -> Experiment:
    """The file as written; raises InputError if it is none."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(table, Experiment)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        problem = f"{path}: {error}; it has title, baseline, treatment, seeds and [arms.NAME]"
        raise InputError(problem) from None


def _check(experiment: Experiment, path: Path, seeds_key: str) -> None:
    names = list(experiment.arms)
    for name in names:
        if not _ARM_NAME.fullmatch(name) or len(name) > ARM_NAME_CHARACTERS_MAX:
            form = f"small letters, digits and underscores, at most {ARM_NAME_CHARACTERS_MAX}"
            raise InputError(f"{path}: arms.{name[:64]}: a name is {form}")
    if not 2 <= len(names) <= ARMS_MAX:
        raise InputError(f"{path}: arms: {len(names)} of them; an experiment has 2 to {ARMS_MAX}")
    for key in ("baseline", "treatment"):
        name = getattr(experiment, key)
        if name not in experiment.arms:
            raise InputError(f"{path}: {key} = {name!r} is not an arm; there are {', '.join(names)}")
    if experiment.baseline == experiment.treatment:
        raise InputError(f"{path}: baseline and treatment are both {experiment.baseline!r}; name two arms")
    if not 2 <= experiment.seeds <= SEEDS_MAX:
        limits = f"is from 2, which an interval needs, to {SEEDS_MAX}"
        raise InputError(f"{seeds_key} {limits}, not {experiment.seeds}")
    if len(names) * experiment.seeds > RUNS_MAX:
        product = f"{len(names)} arms with {experiment.seeds} seeds are more than {RUNS_MAX} runs"
        raise InputError(f"{path}: {product}; take at most {RUNS_MAX // len(names)} seeds with {seeds_key}")
    if experiment.seeds_before:
        raise InputError(f"{path}: seeds_before is filled in where runs are recorded; leave it out")


def _in_order(experiment: Experiment) -> Iterator[str]:
    first = (experiment.treatment, experiment.baseline)
    yield from first
    yield from (name for name in experiment.arms if name not in first)


def _arm(name: str, base: Table, table: Table, path: Path, earlier: list[str]) -> Arm:
    own = {key: value for key, value in table.items() if key not in (TEACHER, CHANCE_LIKE)}
    place = f"{path}, arms.{name}"
    taught_by = table.get(TEACHER)
    if taught_by is not None and not isinstance(taught_by, dict):
        raise InputError(f"{place}.{TEACHER} is a table of keys to lay over the scenario")
    teacher = None if taught_by is None else _scenario(base, taught_by, f"{place}.{TEACHER}")
    scenario = _scenario(base, own, place)
    like = table.get(CHANCE_LIKE)
    if like is None:
        return Arm(name, scenario, teacher, None)
    if not isinstance(like, str) or like not in earlier:
        known = ", ".join(earlier) or "none"
        raise InputError(f"{place}.{CHANCE_LIKE} = {like!r} is no arm that is run before it: {known}")
    if scenario.feedback is None:
        raise InputError(f"{place}.{CHANCE_LIKE}: its scenario has no answers; give it a table [feedback]")
    return Arm(name, scenario, teacher, like)


def _scenario(base: Table, top: Table, place: str) -> Scenario:
    return parse_scenario(tomli_w.dumps(laid_over(base, top)).encode(), place)
