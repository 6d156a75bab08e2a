"""Lets the disk under the log fail at planned moments. Must not plan them, and must not mend the log."""

from collections.abc import Callable, Sequence

from bus.bodies import FaultInjected
from bus.events import Draft
from bus.keys import SEQUENCER
from simulator.engine import Engine
from simulator.faults.store_fault import StoreFault
from store.faulty_disk import FaultyDisk

BITS_PER_BUFFER = 1 << 20


class StoreOutages:
    """Arms a disk. What is hit next is a write of the log; its writer stops, and the run is taken up again.

    ``flush`` puts what is committed onto the disk, so that the fault itself is always on the log.
    """

    def __init__(self, engine: Engine, disk: FaultyDisk, flush: Callable[[], None]) -> None:
        self._engine = engine
        self._disk = disk
        self._flush = flush

    def plan(self, faults: Sequence[StoreFault], is_catching_up: Callable[[], bool]) -> None:
        """Call before the first step."""
        for fault in faults:
            self._engine.at(fault.time_ns, self._act(fault, is_catching_up))

    def _act(self, fault: StoreFault, is_catching_up: Callable[[], bool]) -> Callable[[int], None]:
        def act(now_ns: int) -> None:
            has_struck = is_catching_up()
            self._engine.record(now_ns, SEQUENCER, [Draft(FaultInjected(fault.rule, fault.kind, "events"))])
            if not has_struck:
                self._flush()
                self._arm(fault)

        return act

    def _arm(self, fault: StoreFault) -> None:
        if fault.kind == "torn_write":
            self._disk.tear_next_write(fault.place)
        elif fault.kind == "bit_flip":
            self._disk.flip_next_write(int(fault.place * BITS_PER_BUFFER))
        else:
            self._disk.fill()
