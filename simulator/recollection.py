"""What each agent knew, folded from the log: what it is told when it starts again. Must not run an agent."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, field

from agents.runtime import LEDGER_BODIES
from agents.settled import Settled
from bus.bodies import (
    AgentStarted,
    Body,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
    PatternImported,
)
from bus.events import Event, Recalled
from bus.keys import Keys
from simulator.decided import Undone
from simulator.roles import ROLES, state_owner

History = Callable[[int], Iterable[Event]]
"""The events of the log from a ``seq`` on."""
_FINISHING = (DeliveryAcknowledged, DeliveryFailed, DeliveryDeadLettered, DeliveryDeduplicated)


class _Life(Struct):
    """One agent's."""

    folds: tuple[type[Body], ...]
    free_ns: int = 0
    handled_count: int = 0
    attempt_count: int = 0
    settled: Settled[str, None] = field(default_factory=Settled)
    """By key."""
    bodies: list[Body] = field(default_factory=list)


class Recollection:
    """A fold that reads on where it stopped, so that all restarts of a run together read the log once.

    ``imports`` is what the run begins with, in the order in which it goes on the log.
    """

    def __init__(self, history: History, imports: Sequence[PatternImported] = ()) -> None:
        self._history = history
        self._imports = imports
        self._imported_count = 0
        """Of those that are on the log."""
        self._next_seq = 1
        self._keys = Keys()
        self._lives = {name: _Life((*LEDGER_BODIES, *role.folds)) for name, role in ROLES.items()}

    def recalled(self, agent: str, undone: Callable[[int], Sequence[Undone]] = lambda count: ()) -> Recalled:
        """All that the log says now about an agent, and what it has handled that is not there yet.

        ``undone`` gives what it has handled but for as many attempts as there are on the log.
        """
        for event in self._history(self._next_seq):
            self._apply(event)
            self._next_seq = event.seq + 1
        life = self._lives[agent]
        free_ns, handled_count = life.free_ns, life.handled_count
        keys, bodies = list(life.settled), list(life.bodies)
        # Agents are told before the run begins, and what it begins with is on the log right after.
        ahead = self._imports[self._imported_count :]
        if ahead and agent == state_owner(ahead[0].TYPE, ""):
            bodies += ahead
        for key, handling in undone(life.attempt_count):
            free_ns = max(free_ns, handling.finished_ns)
            handled_count += handling.outcome == "acknowledged"
            if handling.outcome in ("acknowledged", "dead_lettered"):
                keys.append(key)
            bodies += [draft.data for draft in handling.drafts if isinstance(draft.data, life.folds)]
        return Recalled(free_ns, handled_count, tuple(keys), tuple(bodies))

    def _apply(self, event: Event) -> None:
        self._keys.apply(event)
        body = event.data
        self._imported_count += isinstance(body, PatternImported)
        life = self._lives.get(state_owner(event.type, event.source))
        if life is None:
            return
        if isinstance(body, _FINISHING):
            life.free_ns = max(life.free_ns, body.finished_ns)
            life.attempt_count += 1
        if isinstance(body, DeliveryAcknowledged):
            life.handled_count += 1
        if isinstance(body, DeliveryAcknowledged | DeliveryDeadLettered) and event.causation_seq:
            life.settled.add(self._keys.key(event.causation_seq), None, body.arrived_ns)
        elif isinstance(body, AgentStarted):
            life.free_ns = max(life.free_ns, event.time_ns if body.restart_count else 0)
        elif isinstance(body, life.folds):
            life.bodies.append(body)
