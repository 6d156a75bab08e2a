"""What watches the committed events of a run and adds facts about them.

Must not change what any agent receives.
"""

from collections.abc import Sequence

from bus.bodies import Body, BudgetThresholdCrossed, ModelCalled
from bus.events import Draft, Event

THRESHOLDS_PERCENT = (50, 75, 90, 100)


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
