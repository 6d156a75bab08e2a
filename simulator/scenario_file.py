"""Finds and reads scenarios. Must not fill in what a scenario does not say.

A scenario is a folder with ``scenario.toml`` and, if it judges runs itself, ``checks/*.sql``. Unknown keys
are refused with the path of the key.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import get_args

import msgspec

from agents.agent import Tier
from bus.errors import InputError
from simulator.duration import Duration
from simulator.errors import ScenarioError
from simulator.faults.offset import Offset
from simulator.faults.rules import Direction, FaultKind
from simulator.scenario import Scenario
from simulator.scenario_rules import check_scenario

KEYED_TABLES = (
    ("queues",),
    ("models",),
    ("witness", "thresholds"),
    ("budget", "shares"),
    ("faults", "rules"),
)
"""Tables whose keys are names; msgspec's errors do not say at which of them something is wrong."""
EXTENDS_MAX = 3
"""Scenarios that lie below one another; who reads one has to look in so many places."""
CHOICES = {
    "kind": get_args(FaultKind),
    "direction": get_args(Direction),
    "tier": get_args(Tier),
}
"""What a key may be, for its error; msgspec's errors say only what it may not."""


def scenario_names() -> list[str]:
    """The scenarios that come with Trinity."""
    folder = files("simulator").joinpath("scenarios")
    return sorted(entry.name for entry in folder.iterdir() if entry.joinpath("scenario.toml").is_file())


def scenario_folder(name_or_path: str) -> Path:
    """The folder of a scenario: one that comes with Trinity, or a path.

    Raises:
        ScenarioError: there is none.
    """
    given = Path(name_or_path)
    try:
        for folder in (Path(str(files("simulator").joinpath("scenarios"))) / given, given):
            if (folder / "scenario.toml").is_file():
                return folder
        is_folder, is_file = given.is_dir(), given.is_file()
    except OSError as error:
        raise ScenarioError(f"{name_or_path[:80]!r}: {error.strerror}; give the name of a scenario") from None
    known = f"there are {', '.join(scenario_names())}, or give the path of a folder with"
    if name_or_path and is_folder:
        raise ScenarioError(f"there is no scenario.toml in {name_or_path}; {known} one")
    if is_file:
        raise ScenarioError(f"{name_or_path} is a file; give the folder that has the scenario.toml in it")
    raise ScenarioError(f"no scenario is called {name_or_path!r}; {known} a scenario.toml")


def load_scenario(name_or_path: str) -> Scenario:
    """Raises ScenarioError: unknown scenario, bad TOML, unknown or mistyped key, or a value out of range."""
    path = scenario_folder(name_or_path) / "scenario.toml"
    return _beside(parse_scenario(path.read_bytes(), str(path)), path.parent)


def _beside(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with the files that it names taken from beside it, wherever one stands."""
    witness = scenario.witness
    named = {name: getattr(witness, name) for name in ("model", "head", "memory")}
    whole = {name: str(folder.resolve() / given) for name, given in named.items() if given}
    return msgspec.structs.replace(scenario, witness=msgspec.structs.replace(witness, **whole))


def parse_scenario(content: bytes, place: str) -> Scenario:
    """Read TOML; ``place`` names it in errors.

    With ``extends = "soak"`` it says only what differs from that scenario, which may extend another one.

    Raises:
        ScenarioError: bad TOML, unknown or mistyped key, or a value out of range.
    """
    try:
        scenario = _converted(_extended(tomllib.loads(content.decode())))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, InputError) as error:
        raise ScenarioError(
            f"{place}: {error}; see the scenario soak for every key, and chaos for those of faults"
        ) from None
    check_scenario(scenario, place)
    return scenario


def _converted(table: dict[str, object]) -> Scenario:
    try:
        return msgspec.convert(table, Scenario, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(_with_choices(_located(str(error), table))) from None


def _with_choices(message: str) -> str:
    key = message.rstrip("`").rpartition(".")[2]
    if not message.startswith("Invalid enum value") or key not in CHOICES:
        return message
    return f"{message}; it is one of {', '.join(CHOICES[key])}"


def _located(message: str, table: dict[str, object]) -> str:
    """The message with the key in place of ``[...]``: the one that is wrong when it is there alone."""
    for path in KEYED_TABLES:
        keyed = table
        for key in path:
            below = keyed.get(key)
            keyed = below if isinstance(below, dict) else {}
        for key, value in keyed.items():
            if f"`$.{'.'.join(path)}[...]" in message and _fails(_with(table, path, {key: value})):
                return message.replace("[...]", f".{key}", 1)
    return message


def _fails(table: dict[str, object]) -> bool:
    try:
        msgspec.convert(table, Scenario, dec_hook=_decode)
    except msgspec.ValidationError:
        return True
    return False


def _with(table: dict[str, object], path: tuple[str, ...], value: object) -> dict[str, object]:
    below = table[path[0]]
    deeper = _with(below, path[1:], value) if len(path) > 1 and isinstance(below, dict) else value
    return {**table, path[0]: deeper}


def _extended(table: dict[str, object]) -> dict[str, object]:
    """The table laid over the one that it extends, and that over the one below it."""
    for _ in range(EXTENDS_MAX):
        base = table.pop("extends", None)
        if base is None:
            return table
        path = scenario_folder(str(base)) / "scenario.toml"
        table = _laid_over(tomllib.loads(path.read_text(encoding="utf-8")), table)
    raise InputError(f"more than {EXTENDS_MAX} scenarios extend one another; let one say more itself")


def _laid_over(base: dict[str, object], top: dict[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = (
            _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged


def _decode(wanted: type, value: object) -> object:
    """For msgspec, which adds the path of the key to a ValueError."""
    if wanted not in (Duration, Offset):
        raise NotImplementedError(wanted)
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is not a duration; write it in quotes, like "30m"')
    try:
        return Offset.parse(value) if wanted is Offset else Duration.parse(value)
    except InputError as error:
        raise ValueError(str(error)) from None
