"""Agents as child processes: start, watch, end. Must not talk to them; that is the transport's."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

TERMINATE_S = 3.0
"""How long a child may take to end by itself before it is killed."""
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "VIRTUAL_ENV", "HF_HOME", "HF_HUB_CACHE")
"""Environment variables that agents get. Keys and tokens of whoever runs Trinity are not their business."""
_ROOT = Path(__file__).resolve().parents[2]


class Children:
    """One process per agent, each in a session of its own, so that Ctrl-C reaches only the sequencer's.

    ``-P`` keeps the current folder off the module path: a folder called ``agents`` there would otherwise be
    imported. ``secret_of`` gives what the process of an agent reads on its stdin.
    """

    def __init__(self, endpoint: str, secret_of: Callable[[str], bytes]) -> None:
        self._endpoint = endpoint
        self._secret_of = secret_of
        self._environment = _environment(os.environ)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def spawn(self, agent: str) -> int:
        """Start the process of an agent that has none; its pid."""
        assert agent not in self._processes, f"{agent} has a process"
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "simulator.agent_main", agent, self._endpoint, str(os.getpid())],
            stdin=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        self._processes[agent] = process
        assert process.stdin is not None
        try:
            process.stdin.write(self._secret_of(agent))
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended already; death() tells how
        return process.pid

    def death(self, agent: str) -> str | None:
        """How the agent's process ended, or None while it runs."""
        process = self._processes.get(agent)
        if process is None:
            return "has no process"
        code = process.poll()
        if code is None:
            return None
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def freeze(self, agent: str) -> None:
        """Stop the process where it is (SIGSTOP); only :meth:`kill` ends that."""
        self._processes[agent].send_signal(signal.SIGSTOP)

    def kill(self, agent: str) -> int | None:
        """End the process of an agent now (SIGKILL), leaving no zombie; its exit code, if it had one."""
        process = self._processes.pop(agent, None)
        if process is None:
            return None
        process.kill()
        return process.wait()

    def end(self) -> dict[str, int]:
        """Wait for the children to end, kill those that do not, and return their exit codes."""
        codes = {}
        for agent, process in self._processes.items():
            try:
                codes[agent] = process.wait(TERMINATE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[agent] = process.wait()
        self._processes.clear()
        return codes

    def kill_all(self) -> None:
        for agent in list(self._processes):
            self.kill(agent)


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    path = inherited.get("PYTHONPATH", "")
    kept = {name: inherited[name] for name in INHERITED if name in inherited}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(_ROOT), path] if path else [str(_ROOT)]),
        "OMP_NUM_THREADS": "1",
    }
