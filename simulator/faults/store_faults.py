"""When the disk under the log fails, and where in the write: planned before the run.

Must not touch a disk.
"""

from collections.abc import Iterable

from simulator.faults.rules import ActiveRule
from simulator.faults.schedule import rule_stream_name
from simulator.faults.store_fault import StoreFault
from simulator.streams import Streams


def planned_store_faults(rules: Iterable[ActiveRule], streams: Streams) -> list[StoreFault]:
    """All faults of the store in the order of time.

    Of two at one moment, the rule that stands first in the scenario has its way.
    """
    planned: dict[int, StoreFault] = {}
    for rule in rules:
        if rule.kind not in ("torn_write", "bit_flip", "disk_full"):
            continue
        for number, time_ns in enumerate(rule.moments_ns):
            place = streams.stream(rule_stream_name(rule.name), f"place/{number}").random()
            planned.setdefault(time_ns, StoreFault(rule.name, rule.kind, time_ns, place))
    return [planned[time_ns] for time_ns in sorted(planned)]
