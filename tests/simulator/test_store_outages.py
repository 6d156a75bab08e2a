"""Store outages: a fault is on the log before the disk breaks, and breaks it only when it is new."""

from bus.bodies import FaultInjected
from bus.sequencer import ListLog
from simulator.faults.store_fault import StoreFault
from simulator.store_outages import StoreOutages
from store.faulty_disk import FaultyDisk
from tests.simulator.builders import START_NS, Network, engine_of, events_of, items

FAULTS = [
    StoreFault("torn", "torn_write", START_NS + 10, 0.25),
    StoreFault("flipped", "bit_flip", START_NS + 20, 0.5),
    StoreFault("full", "disk_full", START_NS + 30, 0.75),
]


class NotingDisk(FaultyDisk):
    """Notes what it was armed with, among everything else that happens."""

    def __init__(self, done: list[str]) -> None:
        super().__init__()
        self._done = done

    def tear_next_write(self, keep_share: float) -> None:
        self._done.append(f"tear {keep_share}")

    def flip_next_write(self, bit_offset: int) -> None:
        self._done.append(f"flip {bit_offset}")

    def fill(self) -> None:
        self._done.append("fill")


def happened(*, is_catching_up: bool) -> list[str]:
    done: list[str] = []
    log = ListLog()
    engine = engine_of(Network(items((40, "m"))), log)
    StoreOutages(engine, NotingDisk(done), lambda: done.append("flush")).plan(FAULTS, lambda: is_catching_up)
    assert engine.run(lambda: False)
    faults = [e for e in events_of(log) if isinstance(e.data, FaultInjected)]
    assert [(e.time_ns - START_NS, e.source, e.data) for e in faults] == [
        (10 * n, "sequencer", FaultInjected(fault.rule, fault.kind, "events"))
        for n, fault in enumerate(FAULTS, 1)
    ]
    return done


def test_each_fault_is_flushed_to_the_log_and_then_arms_the_disk() -> None:
    assert happened(is_catching_up=False) == [
        "flush",
        "tear 0.25",
        "flush",
        "flip 524288",
        "flush",
        "fill",
    ]


def test_a_fault_that_is_on_the_log_already_does_not_strike_again() -> None:
    assert happened(is_catching_up=True) == []
