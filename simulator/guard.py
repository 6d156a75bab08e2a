"""The guard against foreign packages of our names. Must not import one to find out.

Our five package names are common words, and pip installs one project's files over another's without a word:
``openai-agents`` brings a folder ``agents/``, ``store`` a folder ``store/``. Their code would be imported
instead of ours and fail far from the cause.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("agents", "analysis", "bus", "simulator", "store")

_REMEDY = "install Trinity alone in a virtual environment of its own (python3 -m venv)"


def refusal(home: Path) -> str | None:
    """Why Trinity cannot start from the folder ``home``, in one line that names a file; None if it can."""
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            return f"package {package!r} of Trinity is missing from {home}; {_REMEDY}"
        found = Path(spec.origin)
        foreign = _foreign_file(found, package, home)
        if foreign is not None:
            return f"package {package!r} is not Trinity's: found {foreign}; {_REMEDY}"
    return None


def _foreign_file(found: Path, package: str, home: Path) -> Path | None:
    """The file that shows that ``found`` belongs to another project; None if it is ours alone."""
    if found.parent.resolve() != (home / package).resolve():
        return found
    if not found.read_bytes().startswith(b'"""Trinity\'s %b:' % package.encode()):
        return found
    return _hidden_module(found.parent)


def _hidden_module(folder: Path) -> Path | None:
    """A package that hides a module of its name, as ``memory/`` hides ``memory.py``; we have no such pair."""
    for entry in folder.iterdir():
        if entry.suffix == ".py" and (hiding := entry.with_suffix("") / "__init__.py").exists():
            return hiding
    return None
