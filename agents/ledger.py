"""An agent's budget: reserve before a call, settle after it.

Must not decide what to do when the money is gone.
"""

from bus.bodies import LimitReached, ModelCalled

GRANT_LIMIT = "budget_granted_nanousd"
"""Name of the limit that is reached when a call cannot be afforded."""


class Ledger:
    """Money granted to one agent, in nano-dollars. A fold over its ``model.called`` and ``limit.reached``."""

    def __init__(self, granted_nanousd: int) -> None:
        self.granted_nanousd = granted_nanousd
        self.spent_nanousd = 0
        self.is_told = False
        """Whether it is on the log that the grant did not cover a call; it is said once."""

    @property
    def remaining_nanousd(self) -> int:
        return self.granted_nanousd - self.spent_nanousd

    def apply(self, body: ModelCalled | LimitReached) -> None:
        """Fold what the agent published: a call is settled, a limit was told."""
        if isinstance(body, ModelCalled):
            self.spent_nanousd += body.cost_nanousd
        elif body.limit == GRANT_LIMIT:
            self.is_told = True
