"""What runs in the process of one agent: ``python -P -m simulator.agent_main NAME ENDPOINT``.

Must not be imported by anything.
"""

import ctypes
import os
import signal
import sys

from agents.process import AgentProcess
from bus.errors import TrinityError
from bus.zeromq import ZmqClient
from simulator.compose_agent import build_runtime_from_json
from simulator.garbage import collect_rarely

_PR_SET_PDEATHSIG = 1


def main(name: str, endpoint: str) -> int:
    """Serve as one agent until the sequencer says stop or is gone."""
    parent_pid = os.getppid()
    _die_with_parent()
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sequencer's process decides when a run ends
    with ZmqClient(endpoint, name) as client:
        process = AgentProcess(
            name, os.getpid(), client, build_runtime_from_json, lambda: os.getppid() != parent_pid
        )
        try:
            process.run()
        except TrinityError as error:
            print(f"trinity: {name}: {error}", file=sys.stderr)  # noqa: T201 - the only voice of this process
            return 1
    return 0


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends (prctl(2)); elsewhere the loop notices."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
