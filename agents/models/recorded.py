"""Models that say again what the log says that they said. Must not call a model or make an answer up."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from agents.agent import ModelsUnavailable
from agents.models.model import Answer, ModelSpec
from bus.bodies import FaultInjected, ModelCalled

RATE_LIMIT = "rate_limit"
"""The kind of fault whose duration is how long the model wanted to be left alone."""
RATE_LIMITED_ERROR = "rate_limited"
"""What a call is said to have failed of that such a fault befell."""


class UnrecordedCall(NamedTuple):
    """A call that is not on the log: the agent that is replayed asked more than it did."""

    call_key: str
    request_model: str
    prompt_sha256: str


class Recordings:
    """What the models of one agent said during the attempts at one delivery.

    Shared by the :class:`RecordedModel` of every tier, since calls are numbered over all of them. The key of
    a call is that of the attempt, a slash and its number, as :class:`agents.models.broker.Broker` makes it.
    """

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self.unrecorded: list[UnrecordedCall] = []
        """Calls that found nothing, in order."""

    def clear(self) -> None:
        """Forget everything, for the next delivery."""
        self._answers.clear()
        self.unrecorded.clear()

    def expect(self, attempt_key: str, calls: Iterable[ModelCalled], faults: Sequence[FaultInjected]) -> None:
        """Keep the calls of an attempt, and what befell them, which is told with the first one."""
        waits_ns = [fault.lasts_ns for fault in faults if fault.kind == RATE_LIMIT]
        for call in calls:
            is_limited = bool(waits_ns) and call.error_type == RATE_LIMITED_ERROR
            answer = Answer(
                status=call.status,
                text=call.answer,
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens,
                latency_ns=call.latency_ns,
                error_type=call.error_type,
                retry_after_ns=waits_ns.pop(0) if is_limited else 0,
                faults=tuple(faults),
            )
            faults = ()
            self._answers[f"{attempt_key}/{call.call_number}"] = answer

    def unrecorded_call(self, attempt_key: str) -> UnrecordedCall | None:
        """The first call of an attempt that is not on the log."""
        return next((c for c in self.unrecorded if c.call_key.rpartition("/")[0] == attempt_key), None)

    def is_unasked(self, attempt_key: str, call_number: int) -> bool:
        """Whether a call on the log was not made again."""
        return f"{attempt_key}/{call_number}" in self._answers

    def answer(self, call_key: str, model: str, prompt: str) -> Answer:
        """The recorded answer to a call.

        A prompt is not compared here: its digest is part of ``model.called``, which is compared whole.

        Raises:
            ModelsUnavailable: there is none. The call is noted, because an agent may live with the error.
        """
        answer = self._answers.pop(call_key, None)
        if answer is None:
            self.unrecorded.append(UnrecordedCall(call_key, model, sha256(prompt.encode()).hexdigest()))
            raise ModelsUnavailable(f"the call {call_key} is not on the log, and a replay asks nobody else")
        return answer


class RecordedModel:
    """An :class:`agents.models.model.Model` of one tier."""

    def __init__(self, spec: ModelSpec, recordings: Recordings) -> None:
        self.spec = spec
        self._recordings = recordings

    def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
        return self._recordings.answer(call_key, self.spec.name, prompt)
