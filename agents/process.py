"""An agent as a process: takes batches, lets the runtime handle them, sends the handlings back.

Must not build anything (the composition root does) and must not know which transport it is given.
"""

from collections.abc import Callable

from agents.runtime import Runtime
from bus import wire
from bus.bodies import TransportCounted
from bus.errors import EnvironmentProblem, ProtocolError
from bus.transport import Client

HELLO_INTERVAL_NS = 200_000_000
HELLO_COUNT_MAX = 150
"""Hellos sent before giving up: 30 seconds."""
POLL_NS = 1_000_000_000
RECALL_NS_MAX = 30 * POLL_NS
"""How long an agent waits for a frame of what it knew."""


class AgentProcess:
    """The loop of an agent's process: :meth:`run` says hello and repeats :meth:`step` until told to stop.

    ``build`` makes the runtime from the settings that the sequencer's process sends; ``is_orphaned`` tells
    that the sequencer's process is gone.
    """

    def __init__(
        self,
        name: str,
        pid: int,
        client: Client,
        build: Callable[[bytes], Runtime],
        is_orphaned: Callable[[], bool],
    ) -> None:
        self._name = name
        self._pid = pid
        self._client = client
        self._build = build
        self._is_orphaned = is_orphaned
        self._delivery_count = 0
        self._frame_count = 0
        self._received_bytes = 0
        self._sent_bytes = 0

    def run(self) -> None:
        """Serve until ``stop`` comes or the sequencer is gone.

        Raises:
            EnvironmentProblem: nobody answered the hello.
            ProtocolError: the sequencer sent something that is not in the protocol.
        """
        configuration = self._configuration()
        runtime = self._build(bytes(configuration.settings))
        recalled_count = self._recall(runtime, configuration.recall_frame_count)
        state_sha256 = runtime.stopped().state_sha256
        self._send(wire.encode(wire.Ready(self._name, recalled_count, state_sha256)))
        while self.step(runtime):
            pass

    def step(self, runtime: Runtime) -> bool:
        """Take one frame and answer it; False after ``stop``, or when the sequencer is gone."""
        frame = self._client.receive(POLL_NS)
        if frame is None:
            return not self._is_orphaned()
        message = self._decode(frame)
        if isinstance(message, wire.Configure):
            return True  # the answer to a hello that was sent once too often
        if isinstance(message, wire.Handle):
            deliveries = wire.decode_deliveries(message)
            self._delivery_count += len(deliveries)
            self._send(wire.encode_handlings(runtime.handle_all(deliveries)))
            return True
        if isinstance(message, wire.Recall):
            raise ProtocolError(f"{self._name} was told what it knew when it was at work already")
        self._send(wire.encode(wire.Stopped(runtime.stopped(), self._counted())))
        return False

    def _recall(self, runtime: Runtime, frame_count: int) -> int:
        recalled_count = 0
        for _ in range(frame_count):
            frame = self._client.receive(RECALL_NS_MAX)
            message = None if frame is None else self._decode(frame)
            if not isinstance(message, wire.Recall):
                raise ProtocolError(f"{self._name} expected to be told what it knew")
            recalled_count += runtime.recall(wire.decode_recalled(message))
        return recalled_count

    def _configuration(self) -> wire.Configure:
        hello = wire.encode(wire.Hello(self._name, self._pid))
        for _ in range(HELLO_COUNT_MAX):
            self._send(hello)
            frame = self._client.receive(HELLO_INTERVAL_NS)
            if frame is None:
                continue
            message = self._decode(frame)
            if not isinstance(message, wire.Configure):
                raise ProtocolError(f"{self._name} expected its settings first")
            return message
        raise EnvironmentProblem(f"{self._name} found no sequencer to answer it")

    def _decode(self, frame: bytes) -> wire.ToAgent:
        self._frame_count += 1
        self._received_bytes += len(frame)
        return wire.decode_to_agent(frame)

    def _send(self, frame: bytes) -> None:
        self._sent_bytes += len(frame)
        self._client.send(frame)

    def _counted(self) -> TransportCounted:
        return TransportCounted(
            self._name,
            self._pid,
            self._delivery_count,
            self._frame_count,
            self._received_bytes,
            self._sent_bytes,
        )
