"""The rules of the tree that no linter holds. Each message says what to do instead."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from simulator.guard import PACKAGES

ROOT = Path(__file__).parent.parent
CODE_FOLDERS = (*PACKAGES, "tests", "bench")
FILE_LINES_MAX = 350
FUNCTION_LINES_MAX = 70
LINE_CHARACTERS_MAX = 110

TEXT_SUFFIXES = {".cfg", ".html", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yaml", ".yml", ""}
# Written in halves, so that this file does not hold the words that it looks for.
REGISTRY_ADDRESSES = ("pypi" + ".org", "python" + "hosted.org", "file:///" + "opt")
UNFINISHED = ("TO" + "DO", "FIX" + "ME")
QUOTES_TOOLS = {Path("simulator/detection/templates.toml")}
"""What stands in quotes there is what linters and people say of other trees, such marks among it."""

DISTRIBUTION_OF_IMPORT = {"faiss": "faiss-cpu", "zmq": "pyzmq"}
BANNED_CALLS = {
    "hash": "its value for text differs in every process; use zlib.crc32 or hashlib",
    "recv_pyobj": "it unpickles what a peer sent; receive bytes and decode them with bus/wire.py",
    "send_pyobj": "it pickles; encode with bus/wire.py and send bytes",
}


def files(*folders: str, suffix: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob(f"*{suffix}"))]


def place(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(syntax(path))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text_files() -> Iterator[Path]:
    """What people wrote: the files of the root and of its folders, without what tools left behind."""
    folders = [*CODE_FOLDERS, "docs", ".ci"]
    candidates = [*ROOT.iterdir(), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    for path in sorted(candidates):
        if path.is_file() and path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts:
            yield path


def assert_none(found: list[str], what_to_do: str) -> None:
    assert not found, f"{what_to_do}:\n  " + "\n  ".join(found)


def test_a_file_holds_one_noun_and_stays_short():
    found = [
        f"{place(path)} has {count} lines"
        for path in files(*CODE_FOLDERS, suffix=".py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    ]
    assert_none(found, f"At most {FILE_LINES_MAX} lines a file: give its second noun a file of its own")


def test_a_function_fits_on_a_screen():
    found = [
        f"{place(path, node.lineno)} {node.name} has {count} lines"
        for path in files(*CODE_FOLDERS, suffix=".py")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert_none(found, f"At most {FUNCTION_LINES_MAX} lines a function: name its steps and call them")


def test_a_line_of_sql_fits_beside_another_file():
    """Ruff holds the same limit in Python."""
    found = [
        f"{place(path, number)} has {len(line)} characters"
        for path in files(*PACKAGES, suffix=".sql")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LINE_CHARACTERS_MAX
    ]
    assert_none(found, f"At most {LINE_CHARACTERS_MAX} characters a line: break it")


def test_every_module_begins_with_what_it_is():
    found = [
        place(path)
        for path in files(*PACKAGES, "bench", suffix=".py")
        if not (ast.get_docstring(syntax(path)) or "").strip()
    ]
    assert_none(found, "Begin with a docstring: one sentence on what the module is and what it must not do")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_carries_the_mark_that_the_guard_looks_for(package):
    mark = f'"""Trinity\'s {package}: '
    text = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    assert text.startswith(mark), (
        f"Begin {package}/__init__.py with {mark} or simulator/guard.py will not let it start"
    )


def test_no_folder_hides_a_module_of_its_name():
    found = [place(path) for path in files(*PACKAGES, suffix=".py") if path.with_suffix("").is_dir()]
    assert_none(found, "Python imports the folder and never this file: rename one of the two")


def test_every_sql_file_begins_with_a_comment():
    found = [
        place(path)
        for path in files(*PACKAGES, suffix=".sql")
        if not path.read_text(encoding="utf-8").lstrip().startswith("--")
    ]
    assert_none(found, "Begin with a -- comment: what it answers, the grain, columns and units")


def test_every_folder_of_tests_is_a_package():
    folders = {path.parent for path in files("tests", suffix=".py")}
    found = [place(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    assert_none(found, "Add an empty __init__.py: two test files of one name would collide without it")


def test_no_file_names_a_package_registry():
    found = [
        f"{place(path)} {address}"
        for path in text_files()
        for address in REGISTRY_ADDRESSES
        if address in path.read_text(encoding="utf-8")
    ]
    assert_none(
        found, "Leave the registry to the pip configuration of whoever installs: name the package only"
    )


def test_nothing_is_marked_as_unfinished():
    found = [
        f"{place(path)} {match.group()}"
        for path in text_files()
        if (match := re.search(rf"\b({'|'.join(UNFINISHED)})\b", own_words(path)))
    ]
    assert_none(found, "Do it, or write down the limit in the documentation")


def own_words(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r'"(\\.|[^"\\\n])*"', "", text) if path.relative_to(ROOT) in QUOTES_TOOLS else text


@pytest.mark.parametrize("name", BANNED_CALLS)
def test_a_banned_function_is_not_called(name):
    found = [
        place(path, node.lineno)
        for path in files(*PACKAGES, suffix=".py")
        for node in nodes(path)
        if isinstance(node, ast.Call) and called_name(node) == name
    ]
    assert_none(found, f"Do not call {name}(): {BANNED_CALLS[name]}")


def called_name(call: ast.Call) -> str:
    """``hash`` of ``hash(x)``, ``send_pyobj`` of ``socket.send_pyobj(x)``."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def test_every_imported_library_is_declared():
    metadata = project()["project"]
    declared = metadata["dependencies"] + metadata["optional-dependencies"]["semantic"]
    distributions = {re.split(r"[^A-Za-z0-9_-]", requirement)[0] for requirement in declared}
    found = [
        f"{place(path, node.lineno)} {library}"
        for path in files(*PACKAGES, suffix=".py")
        for node in nodes(path)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for library in imported_libraries(node)
        if DISTRIBUTION_OF_IMPORT.get(library, library.replace("_", "-")) not in distributions
    ]
    assert_none(found, "Declare the library under dependencies in pyproject.toml, or do without it")


def imported_libraries(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Top-level names that an import statement takes from outside Python and outside the project."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    tops = [name.partition(".")[0] for name in names]
    return [top for top in tops if top not in sys.stdlib_module_names and top not in PACKAGES]


def test_wheel_imports_contract_and_guard_name_the_same_five_packages():
    tools = project()["tool"]
    importable = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert importable == set(PACKAGES), "The top level is fixed: put new code into one of the five packages"
    assert set(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(PACKAGES)
    assert set(tools["importlinter"]["root_packages"]) == set(PACKAGES)
    assert set(PACKAGES) < set(tools["mypy"]["files"])
