"""An agent's budget: reserve before a call, settle after it.

Must not decide what to do when the money is gone.
"""

from bus.bodies import ModelCalled


class Ledger:
    """Money granted to one agent, in nano-dollars. A fold over its own ``model.called`` events."""

    def __init__(self, granted_nanousd: int) -> None:
        self.granted_nanousd = granted_nanousd
        self.spent_nanousd = 0

    @property
    def remaining_nanousd(self) -> int:
        return self.granted_nanousd - self.spent_nanousd

    def settle(self, call: ModelCalled) -> None:
        self.spent_nanousd += call.cost_nanousd
