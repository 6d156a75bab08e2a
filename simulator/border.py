"""What may pass onto the log: secrets are taken out, forbidden publications held back. Must not commit."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from bus.bodies import BODIES, Body, PublicationRefused
from bus.errors import RefusedError
from bus.events import Draft
from bus.redaction import text_fields

_RESERVED = ("delivery.", "agent.")
"""What the sequencer writes in an agent's name; no handling may say it of itself."""


WITH_TEXT = frozenset(body for body in BODIES if text_fields(body))
"""Bodies that could hold a secret."""


class Border:
    """Between everybody who publishes and the sequencer.

    ``redact`` returns a body without secrets, the same object if it holds none; ``check`` raises RefusedError
    for what a source may not publish.
    """

    def __init__(self, redact: Callable[[Body], Body], check: Callable[[str, str, str | None], None]) -> None:
        self._redact = redact
        self._check = check

    def clean(self, draft: Draft) -> Draft:
        """The draft without secrets."""
        if type(draft.data) not in WITH_TEXT:
            return draft
        body = self._redact(draft.data)
        return draft if body is draft.data else replace(draft, data=body)

    def admit(self, agent: str, drafts: Sequence[Draft]) -> list[Draft]:
        """An agent's drafts without secrets, and behind them a refusal for each that it may not publish."""
        admitted: list[Draft] = []
        refusals: list[Draft] = []
        for draft in drafts:
            type_name = draft.data.TYPE
            try:
                if type_name.startswith(_RESERVED):
                    raise RefusedError(f"{agent} may not say {type_name} of itself; only the sequencer does")
                self._check(agent, type_name, draft.queue)
            except RefusedError as error:
                refusals.append(Draft(PublicationRefused(agent, type_name, draft.queue, str(error))))
            else:
                admitted.append(self.clean(draft))
        return admitted + refusals


def open_border() -> Border:
    """Lets everything pass but what is reserved: for tests of the engine alone."""
    return Border(lambda body: body, lambda source, type_name, queue: None)
