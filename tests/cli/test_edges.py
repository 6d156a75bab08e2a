"""What a newcomer runs into: streams that go away, Ctrl-C in a hurry, options that change a scenario."""

import contextlib
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from bus.bodies import RunFinished
from simulator.cli.output import ROWS_SHOWN_MAX
from simulator.interrupt import IMPATIENCE_NS, Interrupt
from store.log_reader import read_events
from store.verify import verify
from tests.cli.conftest import COMMAND, Trinity, environment, trinity_process
from tests.cli.test_ends import Busy

SHORT = ("run", "soak", "--transport", "inproc", "--duration", "2h")
TRINITY = shlex.join(COMMAND)
FIVE_HUNDRED_AND_ONE = f"select range as n from range({ROWS_SHOWN_MAX + 1})"


def in_shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """``$T`` is the command; the last line of stdout is what the script prints of exit codes."""
    return subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env={**environment(), "T": TRINITY},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def in_terminal(folder: Path, columns: int, *args: str) -> tuple[int, str]:
    """Exit code and output of a command at a terminal of so many columns, without what sets colours."""
    leader, follower = pty.openpty()
    subprocess.run(["stty", "cols", str(columns), "rows", "24"], stdin=follower, check=True)
    settings = {name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*COMMAND, *args], cwd=folder, env=settings, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # so ends a terminal that nobody holds any more
        while chunk := os.read(leader, 65_536):
            shown += chunk
    os.close(leader)
    return process.wait(30), re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


# -- streams -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["| head -1", "> /dev/full", ">&-", ">&- 2>&-"])
def test_a_run_goes_on_to_its_end_whoever_reads(end: str, tmp_path: Path) -> None:
    # Without a label there is no accuracy to judge, and a criterion with nothing to judge is not met.
    (tmp_path / "mine.jsonl").write_text('{"event": {"message": "the deploy failed"}}\n')
    done = in_shell(
        tmp_path, f"$T {shlex.join(SHORT)} --events mine.jsonl --out run {end}; echo ${{PIPESTATUS[0]}}"
    )
    assert done.stdout.splitlines()[-1] == "1", done  # what a run says that misses a criterion
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (end == "> /dev/full")
    *_, last = read_events(tmp_path / "run" / "events")
    assert last.data == RunFinished("completed")
    assert verify(tmp_path / "run" / "events").problems == ()
    assert (tmp_path / "run" / "report.md").is_file()


@pytest.mark.parametrize("command", ["scenarios", "info latest --json", "--help"])
@pytest.mark.parametrize(("end", "code"), [("| true", 0), (">&-", 0), ("> /dev/full", 4)])
def test_other_commands_end_quietly_or_name_the_full_device(
    end: str, code: int, command: str, soaked: Path
) -> None:
    done = in_shell(soaked, f"$T {command} {end}; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == str(code), done
    assert done.stderr == (
        "" if code == 0 else "trinity: cannot write the output: No space left on device; send it elsewhere\n"
    )


def test_an_encoding_without_our_marks_gets_others(soaked: Path) -> None:
    said = trinity_process(soaked, "check", "latest", PYTHONIOENCODING="ascii")
    assert (said.code, said.err) == (0, "")
    assert said.out.count("+ ") == 12
    question = "select 'żółw' as name"
    asked = trinity_process(soaked, "sql", "latest", question, "--json", PYTHONIOENCODING="ascii")
    assert asked.out.isascii()
    assert json.loads(asked.out) == [{"name": "żółw"}]


# -- Ctrl-C --------------------------------------------------------------------------------------------------


def interrupted(folder: Path, after_s: float, *args: str) -> tuple[int, str]:
    process = subprocess.Popen(
        [*COMMAND, *args],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    return process.returncode, err


@pytest.mark.parametrize("after_s", [0.1, 0.25])
def test_ctrl_c_while_it_starts_is_one_line(after_s: float, soaked: Path) -> None:
    # A question without an end, so that a fast machine is not done before Ctrl-C.
    endless = "select count(*) from events a, events b, events c"
    assert interrupted(soaked, after_s, "sql", "latest", endless) == (130, "trinity: interrupted\n")


def test_ctrl_c_in_a_question_is_one_line(soaked: Path) -> None:
    endless = "select count(*) from events a, events b, events c"
    assert interrupted(soaked, 2.0, "sql", "latest", endless) == (130, "trinity: interrupted\n")


def test_several_ctrl_c_in_a_hurry_keep_the_hint(tmp_path: Path) -> None:
    busy = Busy(tmp_path, "inproc")
    for _ in range(5):
        if busy.process.poll() is None:
            busy.process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    said = busy.end()
    assert said.code == 130
    assert "`trinity resume run`" in said.err
    assert "Traceback" not in said.err
    busy.check_log()


def test_ctrl_c_while_a_run_is_judged_says_how_to_judge_it(
    home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(folder: object) -> None:
        raise RuntimeError("Query interrupted")  # what DuckDB makes of Ctrl-C

    with monkeypatch.context() as patch:
        patch.setattr("simulator.cli.run.judge_and_report", judge)
        said = trinity(*SHORT, "--out", "my runs/one")
    said.refused("`trinity report 'my runs/one'`", code=130)
    assert trinity("report", "my runs/one").code == 0


def test_only_a_late_second_ctrl_c_means_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = iter([0, IMPATIENCE_NS, IMPATIENCE_NS + 1])
    monkeypatch.setattr("simulator.interrupt.elapsed_ns", lambda: next(now_ns))
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_terminal_that_is_closed_ends_a_run_in_order(tmp_path: Path) -> None:
    busy = Busy(tmp_path, "processes")
    busy.process.send_signal(signal.SIGHUP)
    assert busy.end().code == 130
    busy.check_log()
    assert busy.events()[-1].data == RunFinished("interrupted", "stopped from outside")


# -- tables --------------------------------------------------------------------------------------------------


def test_people_see_the_first_rows_and_programs_all(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("sql", "latest", FIVE_HUNDRED_AND_ONE)
    assert said.out.splitlines()[-1] == "the first 500 of 501 rows; add a limit, or use --json"
    assert said.out.count("\n") < 510
    assert len(json.loads(trinity("sql", "latest", FIVE_HUNDRED_AND_ONE, "--json").out)) == 501


def test_a_table_is_as_wide_as_the_terminal_at_most(soaked: Path) -> None:
    code, shown = in_terminal(soaked, 60, "scenarios")
    assert code == 0
    assert "incident" in shown
    assert {len(line) for line in shown.splitlines() if line.startswith(tuple("┏┃┡│└"))} == {60}


# -- help and version ----------------------------------------------------------------------------------------


def test_without_a_command_there_is_help_and_nothing_else(trinity: Trinity) -> None:
    said = trinity()
    assert said == trinity("--help")
    assert (said.code, said.err) == (0, "")
    assert "scenarios" in said.out


def test_the_version_is_that_of_the_installed_package(tmp_path: Path) -> None:
    info = tmp_path / "trinity_bus-9.8.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trinity-bus\nVersion: 9.8.7\n")
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    assert trinity_process(tmp_path, "--version", PYTHONPATH=path) == (0, "trinity-bus 9.8.7\n", "")


# -- runs and their options ----------------------------------------------------------------------------------


def test_a_changed_run_does_not_claim_the_title_and_its_hints_can_be_pasted(
    home: Path, trinity: Trinity
) -> None:
    said = trinity("run", "chaos", "--transport", "inproc", "--duration", "7201s", "--out", "my runs/one")
    assert said.out.splitlines()[0] == "chaos"
    assert "2h 1s from" in said.out
    assert "trinity sql 'my runs/one' @detection_accuracy" in said.out
    assert "trinity sql 'my runs/one' @fault_counts" in said.out
    again = trinity("run", "my runs/one", "--transport", "inproc", "--out", "again")
    assert again.out.splitlines()[0] == "chaos"


def test_a_run_as_the_scenario_says_has_its_title(home: Path, trinity: Trinity) -> None:
    said = trinity("run", "soak", "--transport", "inproc", "--budget", "9", "--out", "day")
    assert said.out.startswith("soak: 24 hours of operation, one incident every 30 minutes\n")
    assert "@fault_counts" not in said.out


def test_records_that_are_left_out_are_counted(home: Path, trinity: Trinity) -> None:
    records = [{"ts": f"2026-01-01T0{hour}:00:00Z", "event": {"message": "m"}} for hour in range(3)]
    (home / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    options = ("--transport", "inproc", "--events", "x.jsonl", "--json")
    said = trinity("run", "soak", *options, "--duration", "1h", "--event-interval", "5")
    assert said.err.splitlines() == [
        "trinity: note: --event-interval has no effect: the records of x.jsonl have ts",
        "trinity: note: 2 of 3 records of x.jsonl lie behind the 1h of the run and are left out",
    ]
    assert json.loads(said.out)["status"] == "completed"
    assert trinity("run", "soak", *options).err == ""


def test_a_bad_setting_of_the_environment_is_called_by_its_name(
    home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRINITY_TEST_DURATION", "abc")
    said = trinity("run")
    said.refused("TRINITY_TEST_DURATION", "'abc'")
    assert "--duration" not in said.err
    trinity("run", "--duration", "abc").refused("--duration")
    trinity("run", "--resume", "nothing").refused("no run 'nothing'")  # a setting is no option that was given


def test_runs_that_begin_at_the_same_moment_get_different_numbers(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    command = [*COMMAND, *SHORT, "--json"]
    started = [
        subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE) for _ in range(2)
    ]
    said = [json.loads(process.communicate(timeout=30)[0]) for process in started]
    assert {one["run"] for one in said} == {"runs/soak-seed1", "runs/soak-seed1.2"}
    assert len({one["digest"] for one in said}) == 1


def test_a_number_that_was_taken_meanwhile_is_not_insisted_on(
    home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "runs" / "soak-seed1" / "of-another").mkdir(parents=True)
    free = iter([Path("runs/soak-seed1"), Path("runs/soak-seed1"), Path("runs/soak-seed1.2")])
    monkeypatch.setattr("simulator.cli.run.next_free", lambda *_: next(free))
    assert json.loads(trinity(*SHORT, "--json").out)["run"] == "runs/soak-seed1.2"


def test_nobody_is_told_to_remove_a_run_that_may_go_on(soaked: Path, home: Path, trinity: Trinity) -> None:
    busy = Busy(home, "inproc")
    alive = trinity(*SHORT, "--out", "run")
    busy.process.send_signal(signal.SIGINT)
    busy.end()
    shutil.copytree(soaked / "runs" / "soak-seed1", home / "done")
    for said in (alive, trinity(*SHORT, "--out", "run")):
        said.refused("run exists already", "`trinity resume run`")
        assert "remove" not in said.err
    done = trinity(*SHORT, "--out", "done")
    done.refused("done exists already and holds a run; choose another name")


def test_an_address_that_cannot_be_listened_on_is_named_with_its_option(home: Path, trinity: Trinity) -> None:
    trinity("run", "--listen", "localhost:7000").refused("--listen 'localhost:7000'", "tcp://ADDRESS:PORT")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        said = trinity("run", "--listen", address)
    said.refused("--listen", address, code=4)
    assert "TMPDIR" not in said.err
