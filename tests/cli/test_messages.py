"""What a newcomer is told: the right exit code, the path of the run, and the next step."""

import errno
import json
import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from analysis.catalog import named_queries
from simulator.exit_codes import ExitCode
from store.disk import REAL_DISK
from store.manifest import open_manifest, write_manifest
from store.run_folder import RunFolder
from tests.cli.conftest import Trinity, tree, trinity_process

RUN = ("run", "soak", "--transport", "inproc", "--duration", "30m", "--json")
DAMAGED, REFUSED_BY_SYSTEM = ExitCode.DAMAGED, ExitCode.ENVIRONMENT
LABELS = "critical_error, constitution_violation, feature_request, duplication, flaky_test, none"
GOOD_LINE = b'{"event": {"message": "m"}}\n'


def copy_of(soaked: Path, home: Path, name: str = "mine") -> Path:
    return Path(shutil.copytree(soaked / "runs" / "soak-seed1", home / "runs" / name))


def segment_of(run: Path) -> Path:
    (segment,) = (run / "events").glob("*.jsonl")
    return segment


def edited(run: Path) -> None:
    scenario = run / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("noise_per_hour = ", "noise_per_hour = 1"))


# -- paths --


def test_a_path_that_is_no_text_is_refused_before_anything_is_made(home: Path, trinity: Trinity) -> None:
    bad = os.fsdecode(b"d\xff/y")
    trinity(*RUN, "--out", bad).refused("not UTF-8", "d\\udcff/y")
    assert tree(home) == {}


def test_a_run_under_a_path_that_is_no_text_is_not_opened(
    soaked: Path, home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = home / os.fsdecode(b"d\xff")
    run = copy_of(soaked, below)
    for asked in (str(run), os.fsdecode(b"d\xff/runs/mine")):
        trinity("sql", asked, "select 1").refused("not UTF-8")
    monkeypatch.chdir(below)
    for asked in ("latest", "mine"):
        trinity("info", asked).refused("not UTF-8")


def test_an_export_to_a_path_that_is_no_text_is_refused(in_soaked: Path, trinity: Trinity) -> None:
    trinity("export", "latest", "--out", os.fsdecode(b"\xff.parquet")).refused("not UTF-8")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_an_error_of_the_system_is_told_apart_from_bad_input(
    number: int, soaked: Path, home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_of(soaked, home)

    def refuse(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    for command in ((*RUN, "--out", "new"), ("export", "mine"), ("sql", "mine", "select 1")):
        trinity(*command).refused(os.strerror(number), code=REFUSED_BY_SYSTEM)


def test_a_lock_that_the_system_refuses_is_not_bad_input(
    soaked: Path, home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_of(soaked, home)
    real = os.open

    def refuse(path: str | Path, flags: int, *more: int, dir_fd: int | None = None) -> int:
        if str(path).endswith("writer.lock"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *more, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    for command in ("resume", "recover"):
        trinity(command, "mine").refused("writer.lock", "Read-only", code=REFUSED_BY_SYSTEM)


# -- questions --


@pytest.mark.parametrize("seq", ["0", "-1", "999999", "9" * 30])
def test_a_chain_of_an_event_that_there_is_not_is_refused(
    seq: str, in_soaked: Path, trinity: Trinity
) -> None:
    last_seq = json.loads(trinity("info", "latest", "--json").out)["events"]
    trinity("sql", "latest", "@chain", "--chain", seq).refused(f"seq {seq};", f"ends at {last_seq}")


def test_a_chain_that_nobody_chose_says_which_one_it_is(in_soaked: Path, trinity: Trinity) -> None:
    first = json.loads(trinity("sql", "latest", "@chain", "--json").out)[0]["seq"]
    assert f"the chain of event {first}, " in trinity("sql", "latest", "@chain").out
    assert "the chain of event" not in trinity("sql", "latest", "@chain", "--chain", str(first)).out


def test_a_query_that_is_not_about_one_event_refuses_a_chain(in_soaked: Path, trinity: Trinity) -> None:
    trinity("sql", "latest", "@confusion", "--chain", "3").refused("@confusion", "--chain 3")
    assert [q.name for q in named_queries() if "correlation_seq" in q.variables] == ["chain"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_moments_with_a_time_zone_are_answered_in_utc(zone: str, soaked: Path) -> None:
    question = "select to_timestamp(time_ns / 1e9) as at, now() as now, current_timestamp from events limit 1"
    said = trinity_process(soaked, "sql", "latest", question, "--json", TZ=zone)
    assert said.code == 0, said
    row = json.loads(said.out)[0]
    assert row["at"] == "2025-10-01T00:00:00Z"
    assert datetime.fromisoformat(row["now"]).tzname() == "UTC"
    assert "2025-10-01 00:00:00+00:00" in trinity_process(soaked, "sql", "latest", question, TZ=zone).out


def test_an_unknown_table_leads_to_the_list_of_tables(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("sql", "latest", "select * from nosuch")
    said.refused("nosuch", "`show tables`")
    assert "pg_" not in said.err
    trinity("sql", "latest", "select * from event").refused('"events"')


def test_what_is_not_for_people_is_not_among_the_tables(in_soaked: Path, trinity: Trinity) -> None:
    names = [row["name"] for row in json.loads(trinity("sql", "latest", "show tables", "--json").out)]
    assert {"events", "detections"} <= set(names)
    assert "cache_key" not in names


def test_a_plan_keeps_its_lines(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("sql", "latest", "explain select type from events")
    assert said.out.count("\n") > 3
    assert "Seq Scan" in said.out
    assert "explain_value" not in said.out


def test_the_limit_of_memory_is_told_once(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("sql", "latest", "select list(a.data || b.data) from events a, events b")
    said.refused("more memory than 512 MB, the limit; ask for fewer")


# -- runs that are not as they were --


def test_a_run_that_was_killed_before_its_first_event_is_told_so(
    soaked: Path, home: Path, trinity: Trinity
) -> None:
    for name in ("no-log", "empty-log"):
        run = RunFolder.create(home / "runs" / name)
        shutil.copyfile(soaked / "runs" / "soak-seed1" / "scenario.toml", run.scenario)
        if name == "empty-log":
            run.events.mkdir()
            (run.events / "00000000000000000001.jsonl").touch()
            write_manifest(run.events, open_manifest(()), REAL_DISK)
        trinity("info", name).refused(f"nothing is recorded yet; `trinity resume runs/{name}` begins it")


def test_the_folder_of_a_scenario_is_no_run(home: Path, trinity: Trinity) -> None:
    (home / "own").mkdir()
    (home / "own" / "scenario.toml").write_text('extends = "soak"\n')
    trinity("info", "own").refused("own is not a run")
    trinity("resume", "own").refused("own is not a run")


def test_an_edited_scenario_is_named_and_not_blamed_on_the_program(
    soaked: Path, home: Path, trinity: Trinity
) -> None:
    edited(copy_of(soaked, home))
    for command in (("info",), ("resume",), ("replay", "--verify"), ("replay", "--simulate"), ("verify",)):
        said = trinity(command[0], "mine", *command[1:])
        said.refused("not the one that the log was begun with", code=DAMAGED)
    assert "scenario.toml" in trinity("verify", "mine").out
    found = json.loads(trinity("verify", "mine", "--json").out)
    assert (found["sound"], found["events"]["problem_count"]) == (False, 0)
    assert "not the one" in found["scenario"]["problem"]


def test_a_missing_scenario_is_damage_and_the_log_is_verified_without_it(
    soaked: Path, home: Path, trinity: Trinity
) -> None:
    (copy_of(soaked, home) / "scenario.toml").unlink()
    for command in ("info", "check", "replay", "resume"):
        trinity(command, "mine").refused("scenario.toml", "missing", "trinity verify", code=DAMAGED)
    said = trinity("verify", "mine")
    assert said.code == 0, said
    assert "scenario.toml: missing" in said.out


def test_a_broken_scenario_of_a_run_is_damage(soaked: Path, home: Path, trinity: Trinity) -> None:
    (copy_of(soaked, home) / "scenario.toml").write_text("seed = \n")
    for command in ("info", "resume", "verify"):
        trinity(command, "mine").refused("scenario.toml", code=DAMAGED)


def test_a_log_without_its_manifest_is_damage(soaked: Path, home: Path, trinity: Trinity) -> None:
    (copy_of(soaked, home) / "events" / "manifest.json").unlink()
    for command in ("info", "verify", "resume", "recover"):
        trinity(command, "mine").refused("events/manifest.json", "missing", "from a copy", code=DAMAGED)


def test_damage_is_told_with_the_path_of_the_run_and_what_can_be_cut(
    soaked: Path, home: Path, trinity: Trinity
) -> None:
    run = copy_of(soaked, home)
    segment = segment_of(run)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    trinity("replay", "mine").refused("`trinity verify runs/mine`", code=DAMAGED)
    trinity("recover", "mine").refused("sealed segment is never cut", code=DAMAGED)
    write_manifest(run / "events", open_manifest(()), REAL_DISK)
    trinity("recover", "mine").refused("`trinity recover runs/mine --cut-damage`", code=DAMAGED)


def test_verify_counts_in_words_and_tells_of_a_torn_tail_only_when_there_is_one(
    soaked: Path, home: Path, trinity: Trinity
) -> None:
    run = copy_of(soaked, home)
    write_manifest(run / "events", open_manifest(()), REAL_DISK)
    assert "torn" not in trinity("verify", "mine").out
    with segment_of(run).open("ab") as file:
        file.write(b'{"seq":')
    assert "sound, not closed, 7 bytes of a torn tail passed over" in trinity("verify", "mine").out
    (run / "events" / "manifest.json").write_bytes(b"{")
    assert " problems" in trinity("verify", "mine").out
    assert "1 problems" not in trinity("verify", "mine").out


# -- records, scenarios, exports --


@pytest.mark.parametrize(
    ("content", "mentioned"),
    [
        (b'{"event": {"message": "m"}, "label": "weather"}\n', (":1: ", LABELS)),
        (GOOD_LINE + b'{"event": {"message": "\xff"}}\n', (":2: ", "byte 24 ", "0xff", "UTF-8")),
        (GOOD_LINE + b'{"event": {"message": "m"}, "ts": "2026-01-01"}\n', (":2: ", "all or to none")),
    ],
    ids=["label", "byte", "ts"],
)
def test_a_bad_record_is_told_with_what_would_be_good(
    content: bytes, mentioned: tuple[str, ...], home: Path, trinity: Trinity
) -> None:
    (home / "e.jsonl").write_bytes(content)
    trinity(*RUN, "--events", "e.jsonl").refused(*mentioned)


def test_an_events_file_that_is_not_there_has_no_line(home: Path, trinity: Trinity) -> None:
    trinity(*RUN, "--events", "e.jsonl").refused("trinity: e.jsonl: cannot read it")


def test_a_folder_or_a_file_that_is_no_scenario_is_told_apart(home: Path, trinity: Trinity) -> None:
    (home / "own").mkdir()
    (home / "own" / "notes.toml").touch()
    trinity("run", "own").refused("there is no scenario.toml in own")
    trinity("run", "own/notes.toml").refused("own/notes.toml is a file; give the folder")
    trinity("run", "x" * 300).refused("File name too long")


def test_scenarios_are_shown_with_folders_to_copy(home: Path, trinity: Trinity) -> None:
    listed = json.loads(trinity("scenarios", "--json").out)
    assert all((Path(one["folder"]) / "scenario.toml").is_file() for one in listed)
    assert all(one["folder"] in trinity("scenarios").out for one in listed)


def test_an_export_is_what_its_name_says(in_soaked: Path, tmp_path: Path, trinity: Trinity) -> None:
    for name, begin in (
        ("x.parquet", b"PAR1"),
        ("x.jsonl", b'{"seq":1,'),
        ("x.csv", b"seq,"),
        ("x", b"seq,"),
    ):
        assert trinity("export", "latest", "--out", str(tmp_path / name)).code == 0
        assert (tmp_path / name).read_bytes().startswith(begin)
    wrong = ("--out", str(tmp_path / "y.parquet"), "--format", "csv")
    trinity("export", "latest", *wrong).refused("y.parquet", "--format csv")
    assert not (tmp_path / "y.parquet").exists()
