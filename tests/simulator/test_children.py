"""Children: processes of agents are started, frozen, killed, and never left behind."""

import os
from collections.abc import Iterator
from time import sleep

import psutil
import pytest

from simulator.drivers.children import INHERITED, Children, _environment

NOWHERE = "ipc:///tmp/trinity-no-such-socket"


@pytest.fixture
def children() -> Iterator[Children]:
    """Whose agents find no sequencer, and wait for one."""
    made = Children(NOWHERE, lambda agent: b"null")
    yield made
    made.kill_all()


def wait_for_death(children: Children) -> None:
    for _ in range(1_000):
        if children.death("witness") is not None:
            return
        sleep(0.01)


def test_an_agent_has_one_process_of_its_own_in_a_session_of_its_own(children: Children) -> None:
    pid = children.spawn("witness")
    assert psutil.Process(pid).ppid() == os.getpid()
    assert os.getsid(pid) == pid
    assert children.death("witness") is None
    with pytest.raises(AssertionError, match="witness has a process"):
        children.spawn("witness")


def test_a_frozen_process_stands_still_and_can_be_killed(children: Children) -> None:
    pid = children.spawn("witness")
    children.freeze("witness")
    for _ in range(200):
        if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
            break
        sleep(0.01)
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    assert children.kill("witness") == -9
    assert not psutil.pid_exists(pid)


def test_how_a_process_ended_is_told_and_a_new_one_may_take_its_place(children: Children) -> None:
    assert children.death("witness") == "has no process"
    pid = children.spawn("witness")
    psutil.Process(pid).kill()
    wait_for_death(children)
    assert children.death("witness") == "was killed by signal 9"
    assert children.kill("witness") == -9
    assert children.kill("witness") is None
    assert children.spawn("witness") != pid


def test_a_process_that_cannot_begin_tells_its_exit_code() -> None:
    children = Children(NOWHERE, lambda agent: b"not json")
    children.spawn("witness")
    wait_for_death(children)
    assert children.death("witness") == "ended with exit code 1"
    assert children.end() == {"witness": 1}


def test_all_are_killed_at_once(children: Children) -> None:
    pids = [children.spawn(agent) for agent in ("witness", "architect", "executor")]
    children.kill_all()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert children.end() == {}


def test_agents_inherit_no_secret() -> None:
    inherited = {"HOME": "/h", "ANTHROPIC_API_KEY": "k", "AWS_SECRET_ACCESS_KEY": "s", "PYTHONPATH": "/x"}
    given = _environment(inherited)
    assert given["HOME"] == "/h"
    assert given["PYTHONPATH"].endswith(":/x")
    assert set(given) - set(INHERITED) == {"PYTHONPATH", "OMP_NUM_THREADS"}
