"""Agents as child processes: start, watch, end. Must not talk to them; that is the transport's."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TERMINATE_S = 3.0
"""How long a child may take to end by itself before it is killed."""
_ROOT = Path(__file__).resolve().parents[2]


class Children:
    """One process per agent, each in a session of its own, so that Ctrl-C reaches only the sequencer's.

    ``-P`` keeps the current folder off the module path: a folder called ``agents`` there would otherwise be
    imported.
    """

    def __init__(self, agents: Sequence[str], endpoint: str) -> None:
        environment = {**os.environ, "PYTHONPATH": _python_path(), "OMP_NUM_THREADS": "1"}
        self._processes = {
            agent: subprocess.Popen(
                [sys.executable, "-P", "-m", "simulator.agent_main", agent, endpoint],
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
            for agent in agents
        }

    def pids(self) -> dict[str, int]:
        return {agent: process.pid for agent, process in self._processes.items()}

    def death(self, agent: str) -> str | None:
        """How the agent's process ended, or None while it runs."""
        code = self._processes[agent].poll()
        if code is None:
            return None
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def end(self) -> dict[str, int]:
        """Wait for the children to end, kill those that do not, and return their exit codes."""
        codes = {}
        for agent, process in self._processes.items():
            try:
                codes[agent] = process.wait(TERMINATE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[agent] = process.wait()
        return codes

    def kill(self) -> None:
        """End every child that still runs, now, and leave no zombie."""
        for process in self._processes.values():
            process.kill()
            process.wait()


def _python_path() -> str:
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(_ROOT), inherited] if inherited else [str(_ROOT)])
