"""What watches the committed events of a run and adds facts about them.

Must not change what any agent receives.
"""

from collections.abc import Iterable, Sequence

from agents.runtime import LEDGER_BODIES
from bus.bodies import (
    Body,
    BudgetThresholdCrossed,
    FaultInjected,
    FaultsCounted,
    ModelCalled,
    RuleCount,
)
from bus.events import Draft, Event
from simulator.faults.rules import ActiveRule
from simulator.roles import ROLES, state_owner

THRESHOLDS_PERCENT = (50, 75, 90, 100)


def _state_bodies() -> tuple[type[Body], ...]:
    bodies: list[type[Body]] = list(LEDGER_BODIES)
    for role in ROLES.values():
        bodies += [body for body in role.folds if body not in bodies]
    return tuple(bodies)


class SpendingMonitor:
    """Adds up what model calls cost."""

    watches: tuple[type[Body], ...] = (ModelCalled,)

    def __init__(self) -> None:
        self.spent_nanousd = 0

    def observe(self, event: Event) -> Sequence[Draft]:
        assert isinstance(event.data, ModelCalled)
        self.spent_nanousd += event.data.cost_nanousd
        return ()


class StateMonitor:
    """Counts, for each agent, the events on the log that made its state."""

    watches: tuple[type[Body], ...] = _state_bodies()

    def __init__(self) -> None:
        self._counts = dict.fromkeys(ROLES, 0)

    def count(self, agent: str) -> int:
        return self._counts[agent]

    def observe(self, event: Event) -> Sequence[Draft]:
        owner = state_owner(event.type, event.source)
        role = ROLES.get(owner)
        if role is not None and isinstance(event.data, (*LEDGER_BODIES, *role.folds)):
            self._counts[owner] += 1
        return ()


class FaultMonitor:
    """Counts how often each rule of a run fired."""

    watches: tuple[type[Body], ...] = (FaultInjected,)

    def __init__(self, rules: Iterable[ActiveRule]) -> None:
        self._kinds = {rule.name: rule.kind for rule in rules}
        self._counts = dict.fromkeys(self._kinds, 0)

    def counted(self) -> FaultsCounted:
        return FaultsCounted([RuleCount(name, self._kinds[name], n) for name, n in self._counts.items()])

    def observe(self, event: Event) -> Sequence[Draft]:
        assert isinstance(event.data, FaultInjected)
        self._counts[event.data.rule] += 1
        return ()


class BudgetMonitor:
    """Adds up what model calls cost, and says when 50, 75, 90 and 100 % of the budget are spent.

    A budget of 0 has no thresholds: nothing can be spent of it.
    """

    watches: tuple[type[Body], ...] = (ModelCalled,)

    def __init__(self, budget_nanousd: int) -> None:
        self._budget_nanousd = budget_nanousd
        self._spent_nanousd = 0
        self._ahead = list(THRESHOLDS_PERCENT) if budget_nanousd > 0 else []

    def observe(self, event: Event) -> Sequence[Draft]:
        call = event.data
        assert isinstance(call, ModelCalled)
        self._spent_nanousd += call.cost_nanousd
        drafts = []
        while self._ahead and self._spent_nanousd * 100 >= self._ahead[0] * self._budget_nanousd:
            percent = self._ahead.pop(0)
            drafts.append(Draft(BudgetThresholdCrossed(percent, self._spent_nanousd, self._budget_nanousd)))
        return drafts
