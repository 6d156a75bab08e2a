"""``trinity resume`` and ``recover``: what a crash leaves is taken up, what is damaged is refused."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from simulator.exit_codes import ExitCode
from store.disk import REAL_DISK
from store.manifest import open_manifest, write_manifest
from store.run_folder import RunFolder
from tests.cli.conftest import Trinity, tree, trinity_process
from tests.cli.test_ends import Busy, wait_for

RUN = ("run", "soak", "--transport", "inproc", "--duration", "2h", "--json")
INPROC = ("--transport", "inproc")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run, ``runs/soak-seed1``, that no test may change."""
    folder = tmp_path_factory.mktemp("whole")
    assert trinity_process(folder, *RUN).code in (0, 1)
    return folder / "runs" / "soak-seed1"


def digest(whole: Path) -> str:
    manifest = json.loads((whole / "events" / "manifest.json").read_bytes())
    found = manifest["digest"]
    assert isinstance(found, str)
    return found


def crashed(whole: Path, home: Path, event_count: int, torn: bytes = b"") -> Path:
    """The run as a crash leaves it, as ``runs/cut`` in the folder that the test is in."""
    run = RunFolder.create(home / "runs" / "cut")
    shutil.copyfile(whole / "scenario.toml", run.scenario)
    if event_count:
        run.events.mkdir()
        lines = segment_of(whole).read_bytes().splitlines(keepends=True)
        (run.events / segment_of(whole).name).write_bytes(b"".join(lines[:event_count]) + torn)
        write_manifest(run.events, open_manifest(()), REAL_DISK)
    return run.path


def segment_of(run: Path) -> Path:
    (segment,) = (run / "events").glob("*.jsonl")
    return segment


@pytest.mark.parametrize("event_count", [0, 1, 300])
@pytest.mark.parametrize("command", [("resume",), ("run", "--resume")])
def test_a_run_that_was_killed_goes_on_to_the_digest_of_the_undisturbed_one(
    command: tuple[str, ...], event_count: int, whole: Path, home: Path, trinity: Trinity
) -> None:
    crashed(whole, home, event_count, b'{"seq":30' if event_count else b"")
    said = trinity(*command, "cut", *INPROC, "--json")
    assert said.code in (0, 1), said
    assert json.loads(said.out)["digest"] == digest(whole)
    proof = trinity("verify", "cut", "--persistence", "--json")
    assert proof.code == 0, proof
    kept = json.loads(proof.out)["persistence"]
    assert {one["what"] for one in kept} >= {"state of witness", "patterns of witness"}
    assert all(one["equal"] for one in kept)


@pytest.mark.parametrize(("transport", "number"), [("processes", signal.SIGKILL), ("inproc", signal.SIGINT)])
def test_a_run_that_was_killed_for_real_or_interrupted_goes_on(
    transport: str, number: signal.Signals, tmp_path: Path
) -> None:
    busy = Busy(tmp_path, transport)
    busy.process.send_signal(number)
    busy.end()
    before = json.loads(trinity_process(tmp_path, "info", "run", "--json").out)["events"]
    size_bytes = segment_of(tmp_path / "run").stat().st_size
    again = Busy(tmp_path, transport, "resume", "run", "--json", "--transport")
    wait_for(lambda: segment_of(tmp_path / "run").stat().st_size > size_bytes + 1_000_000)
    again.process.send_signal(signal.SIGINT)
    assert again.end().code == ExitCode.INTERRUPTED
    verified = trinity_process(tmp_path, "verify", "run", "--persistence")
    assert verified.code == 0, verified
    assert "same" in verified.out
    assert json.loads(trinity_process(tmp_path, "info", "run", "--json").out)["events"] > before


def test_a_run_that_came_to_its_end_is_not_resumed(whole: Path, home: Path, trinity: Trinity) -> None:
    shutil.copytree(whole, home / "runs" / "done")
    before = tree(home)
    trinity("resume", "done").refused("done")
    assert tree(home) == before


@pytest.mark.parametrize(
    "args",
    [
        ("resume", "nothing"),
        ("recover", "nothing"),
        ("resume",),
        ("resume", "cut", "--transport", "pigeon"),
        ("resume", "cut", "--sync", "sometimes"),
        ("resume", "cut", "--transport", "inproc", "--listen", "tcp://127.0.0.1:*"),
        ("run", "soak", "--resume", "cut", "--seed", "3"),
        ("run", "soak", "--resume", "cut", "--out", "other"),
    ],
    ids=" ".join,
)
def test_a_resume_that_makes_no_sense_is_refused(
    args: tuple[str, ...], whole: Path, home: Path, trinity: Trinity
) -> None:
    crashed(whole, home, 50)
    before = tree(home)
    trinity(*args).refused()
    assert tree(home) == before


def test_a_damaged_log_is_not_resumed_but_cut_when_a_person_says_so(
    whole: Path, home: Path, trinity: Trinity
) -> None:
    run = crashed(whole, home, 300)
    content = bytearray(segment_of(run).read_bytes())
    content[len(content) // 2] ^= 1
    segment_of(run).write_bytes(content)
    before = tree(home)
    trinity("resume", "cut", *INPROC).refused("seq", code=ExitCode.DAMAGED)
    trinity("recover", "cut").refused("seq", code=ExitCode.DAMAGED)
    assert {path: kept for path, kept in tree(home).items() if "lock" not in path} == {
        path: kept for path, kept in before.items() if "lock" not in path
    }
    recovered = json.loads(trinity("recover", "cut", "--cut-damage", "--json").out)["events"]
    assert recovered["cut_bytes"] > 0
    assert Path(recovered["kept_in"]).stat().st_size == recovered["cut_bytes"]
    assert recovered["last_seq"] < 300
    said = trinity("resume", "cut", *INPROC, "--json")
    assert json.loads(said.out)["digest"] == digest(whole)


def test_recover_tells_what_it_cut_and_finds_nothing_the_second_time(
    whole: Path, home: Path, trinity: Trinity
) -> None:
    crashed(whole, home, 300, b'{"seq":30')
    assert "9 bytes cut" in trinity("recover", "cut").out
    assert "nothing to cut" in trinity("recover", "cut").out


def test_another_scenario_than_that_of_the_log_is_named(whole: Path, home: Path, trinity: Trinity) -> None:
    run = crashed(whole, home, 300)
    scenario = run / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("noise_per_hour = ", "noise_per_hour = 1"))
    content = segment_of(run).read_bytes()
    trinity("resume", "cut", *INPROC).refused("not the one that the log was begun", code=ExitCode.DAMAGED)
    assert segment_of(run).read_bytes() == content


def test_a_run_that_is_going_on_is_not_resumed_and_its_pid_is_told(tmp_path: Path) -> None:
    busy = Busy(tmp_path, "inproc")
    try:
        said = trinity_process(tmp_path, "resume", "run")
        said.refused(str(busy.process.pid), code=ExitCode.ENVIRONMENT)
    finally:
        busy.process.kill()
        busy.end()


@pytest.mark.parametrize("sync", ["always", "interval", "off"])
def test_the_log_is_the_same_under_every_policy_of_sync(
    sync: str, whole: Path, home: Path, trinity: Trinity
) -> None:
    assert json.loads(trinity(*RUN, "--sync", sync).out)["digest"] == digest(whole)


def test_the_log_is_the_same_over_tcp_with_keys(whole: Path, home: Path, trinity: Trinity) -> None:
    said = trinity("run", "soak", "--duration", "2h", "--json", "--listen", "tcp://127.0.0.1:*")
    assert json.loads(said.out)["digest"] == digest(whole)


@pytest.mark.parametrize(
    ("listen", "code"),
    [
        ("udp://127.0.0.1:7000", ExitCode.BAD_INPUT),
        ("127.0.0.1:7000", ExitCode.BAD_INPUT),
        ("tcp://127.0.0.1:99999", ExitCode.BAD_INPUT),
        ("tcp://127.0.0.1:0", ExitCode.BAD_INPUT),
        ("tcp://127.0.0.1", ExitCode.BAD_INPUT),
        ("tcp://", ExitCode.BAD_INPUT),
        ("tcp://nowhere.invalid:7000", ExitCode.ENVIRONMENT),
        ("tcp://192.0.2.1:7000", ExitCode.ENVIRONMENT),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_one_line_and_leaves_no_run(
    listen: str, code: ExitCode, home: Path, trinity: Trinity
) -> None:
    said = trinity("run", "soak", "--duration", "30m", "--json", "--listen", listen)
    said.refused(code=code)
    assert [path for path in tree(home) if path != "runs"] == []
