"""The depths that the bus samples are those that its own events add up to."""

import json
from collections import Counter
from pathlib import Path

LOG = Path(__file__).parents[1] / "golden" / "soak-2h-seed1" / "events.jsonl"


def test_each_sample_of_a_recorded_run_is_what_a_fold_over_its_events_says() -> None:
    depths: Counter[str] = Counter()
    peaks: Counter[str] = Counter()
    sample_count = 0
    for event in map(json.loads, LOG.read_text(encoding="utf-8").splitlines()):
        if event["queue"] is not None:
            depths[event["queue"]] += 1
            peaks[event["queue"]] = max(peaks[event["queue"]], depths[event["queue"]])
        elif event["type"] in ("delivery.acknowledged", "delivery.dead_lettered"):
            depths[event["data"]["queue"]] -= 1
        elif event["type"] == "metrics.sampled":
            sampled = {q["queue"]: (q["depth"], q["depth_max"]) for q in event["data"]["queue_depths"]}
            assert sampled == {queue: (depths[queue], peaks[queue]) for queue in sampled}
            assert set(depths) <= set(sampled)
            sample_count += 1
            peaks = Counter(depths)
    assert sample_count == 25
    assert set(depths.values()) == {0}
