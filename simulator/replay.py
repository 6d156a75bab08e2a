"""Replays a log as a fold: every event from first to last, without running an agent. Must not write."""

from collections.abc import Callable

from msgspec import Struct

from bus.bodies import ModelCalled, PatternLearned
from bus.queues import Queues
from simulator.compose import routes_of
from simulator.judging import scenario_of
from store.log_reader import read_events
from store.run_folder import RunFolder

EVENTS_PER_REPORT = 10_000


class Replayed(Struct, frozen=True):
    """What the fold found: the state of the run after its last event."""

    event_count: int
    acknowledged_count: int
    dead_letter_count: int
    pending_count: int
    model_call_count: int
    spent_nanousd: int
    pattern_learned_count: int


def replay_log(run: RunFolder, progress: Callable[[int], None]) -> Replayed:
    """Fold queues, budget and lessons from the log, checking every line.

    Raises:
        LogDamage: the log is not what was written.
        ProtocolError: an event contradicts those before it, as an acknowledgement of what is not pending.
    """
    routes = routes_of(scenario_of(run))
    queues = Queues(routes)
    event_count = model_call_count = spent_nanousd = pattern_learned_count = 0
    for event in read_events(run.events):
        event_count = event.seq
        queues.apply(event)
        body = event.data
        if isinstance(body, ModelCalled):
            model_call_count += 1
            spent_nanousd += body.cost_nanousd
        elif isinstance(body, PatternLearned):
            pattern_learned_count += 1
        if event_count % EVENTS_PER_REPORT == 0:
            progress(event_count)
    every = [queues.queue(route.queue) for route in routes]
    return Replayed(
        event_count=event_count,
        acknowledged_count=sum(queue.acknowledged_count for queue in every),
        dead_letter_count=sum(queue.dead_letter_count for queue in every),
        pending_count=sum(queue.depth for queue in every),
        model_call_count=model_call_count,
        spent_nanousd=spent_nanousd,
        pattern_learned_count=pattern_learned_count,
    )
