"""What runs in the process of one agent: ``python -P -m simulator.agent_main NAME ENDPOINT PARENT_PID``.

On its stdin it gets the keys that it needs to be let in, as JSON: null where none are needed.

Must not be imported by anything.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _die_with(parent_pid: int) -> None:
    """Ask Linux to kill this process when its parent ends (prctl(2)), unless it has ended already.

    Elsewhere the loop of the agent notices.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(1)


def main(name: str, endpoint: str, parent_pid: int) -> int:
    """Serve as one agent until the sequencer says stop or is gone."""
    # Not before this process is sure to end with its parent: importing takes long enough for that to die.
    import msgspec

    from agents.process import AgentProcess
    from bus.curve import ClientKeys
    from bus.errors import TrinityError
    from bus.zeromq import ZmqClient
    from simulator.compose_agent import build_runtime_from_json
    from simulator.garbage import collect_rarely

    keys = msgspec.json.decode(sys.stdin.buffer.read(), type=ClientKeys | None)
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sequencer's process decides when a run ends
    with ZmqClient(endpoint, name, keys, None if keys else parent_pid) as client:
        process = AgentProcess(
            name, os.getpid(), client, build_runtime_from_json, lambda: os.getppid() != parent_pid
        )
        try:
            process.run()
        except TrinityError as error:
            print(f"trinity: {name}: {error}", file=sys.stderr)  # noqa: T201 - the only voice of this process
            return 1
    return 0


if __name__ == "__main__":
    _die_with(int(sys.argv[3]))
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
