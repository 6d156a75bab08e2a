"""A log that was written once and must be readable for ever.

``golden/events`` is never written again. A new version of the format gets a folder of its own beside it.
``golden/events.json`` is what the log says, in readable form. ``golden_writer`` made both.
"""

from pathlib import Path

import msgspec

from bus.bodies import BODIES
from bus.codec import encode_event
from store.log_reader import read_envelopes, read_events
from store.verify import verify

GOLDEN = Path(__file__).parent / "golden"
DIGEST = "cdae2a20b7b19b6b0ea3385b877c136de96bc85b96e3a461cd29d14b6e3ef50c"


def test_the_golden_log_says_what_it_always_said() -> None:
    expected = msgspec.json.decode((GOLDEN / "events.json").read_bytes())
    found = [msgspec.json.decode(encode_event(event)) for event in read_events(GOLDEN / "events")]
    assert len(found) == len(expected)
    for now, then in zip(found, expected, strict=True):
        # A body may have got fields since, which take their defaults.
        now["data"] = {name: now["data"].get(name) for name in then["data"]}
        assert now == then


def test_the_golden_log_verifies_and_has_its_digest() -> None:
    verification = verify(GOLDEN / "events")
    assert verification.sound, verification.problems
    assert verification.closed
    assert verification.digest == DIGEST


def test_the_golden_log_holds_events_of_all_types_that_version_1_began_with() -> None:
    types = {envelope.type for envelope in read_envelopes(GOLDEN / "events")}
    assert len(types) == 29
    assert types <= {body.TYPE for body in BODIES}
