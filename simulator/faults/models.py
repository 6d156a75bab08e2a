"""A model that fails in the ways in which models of vendors do. Must not see more than a model sees."""

from collections.abc import Callable, Iterable

import msgspec

from agents.agent import Stream
from agents.models.model import Answer, Model, token_count
from bus.bodies import FaultInjected
from simulator.faults.kinds import MODEL_KINDS
from simulator.faults.rules import ActiveRule
from simulator.faults.schedule import rule_stream_name, strikes
from simulator.streams import Streams

REFUSAL = "I'm sorry, but I can't help with that."
INVALID_START = '{"steps": [{"text": "'
"""Of an answer that is no JSON, because it never closes what it opens, and is not what was asked for."""
_NS_PER_MS = 1_000_000
_NS_PER_US = 1_000


class FaultyModel:
    """A :class:`agents.models.model.Model` around another one: the first rule that strikes decides.

    A rule about answers can only strike a call that the inner model answers. What the inner model draws does
    not depend on the rules.
    """

    def __init__(self, inner: Model, rules: Iterable[ActiveRule], streams: Streams, agent: str) -> None:
        self.spec = inner.spec
        self._inner = inner
        self._rules = [rule for rule in rules if rule.kind in MODEL_KINDS and rule.tier == inner.spec.tier]
        self._streams = streams
        self._agent = agent

    def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
        key = f"{self._agent}/{call_key}"
        answer = self._inner.answer(prompt, output_tokens_max, call_key, at_ns)
        for rule in self._rules:
            if not strikes(rule, self._streams, key, at_ns):
                continue
            failed = self._failed(rule)
            if failed is not None:
                return self._told(failed, rule)
            if answer.status == "ok":
                stream = self._streams.stream(rule_stream_name(rule.name), f"{key}/answer")
                return self._told(self._spoilt(rule, answer, prompt, output_tokens_max, stream), rule)
        return answer

    def _failed(self, rule: ActiveRule) -> Answer | None:
        """What comes of a call that the vendor's server turns away."""
        first_token_ns = self.spec.first_token_ms * _NS_PER_MS
        error_type = _ERROR_TYPE_OF_SERVER.get(rule.kind)
        if error_type is None:
            return None
        return Answer("error", "", 0, 0, first_token_ns, error_type, rule.retry_after_ns)

    def _spoilt(
        self, rule: ActiveRule, answer: Answer, prompt: str, output_tokens_max: int, stream: Stream
    ) -> Answer:
        """What becomes of an answer; it is billed."""
        if rule.kind == "cost_spike":
            return self._spent(answer, prompt, output_tokens_max)
        if rule.kind == "billed_timeout":
            timeout_ns = self.spec.timeout_ms * _NS_PER_MS
            return Answer(
                "timeout", "", answer.input_tokens, answer.output_tokens, timeout_ns, "billed_timeout"
            )
        return _SPOIL[rule.kind](answer, stream)

    def _spent(self, answer: Answer, prompt: str, output_tokens_max: int) -> Answer:
        """All tokens that the call may use: what it costs is what was reserved for it, and never more."""
        latency_ns = (
            self.spec.first_token_ms * _NS_PER_MS + output_tokens_max * self.spec.token_us * _NS_PER_US
        )
        return msgspec.structs.replace(
            answer,
            input_tokens=token_count(prompt),
            output_tokens=output_tokens_max,
            latency_ns=max(answer.latency_ns, min(latency_ns, self.spec.timeout_ms * _NS_PER_MS)),
        )

    def _told(self, answer: Answer, rule: ActiveRule) -> Answer:
        fault = FaultInjected(rule.name, rule.kind, self.spec.name, rule.retry_after_ns)
        return msgspec.structs.replace(answer, faults=(*answer.faults, fault))


def _truncated(answer: Answer, stream: Stream) -> Answer:
    """Cut off at a drawn place: neither the text nor the tokens after it exist."""
    share = stream.uniform(0.1, 0.9)
    return msgspec.structs.replace(
        answer,
        status="error",
        error_type="truncated",
        text=answer.text[: int(len(answer.text) * share)],
        output_tokens=max(1, int(answer.output_tokens * share)),
    )


def _invalid(answer: Answer, stream: Stream) -> Answer:
    text = f"{INVALID_START}{answer.text}"
    return msgspec.structs.replace(answer, status="error", error_type="invalid_answer", text=text)


def _refused(answer: Answer, stream: Stream) -> Answer:
    output_tokens = min(answer.output_tokens, token_count(REFUSAL))
    return msgspec.structs.replace(
        answer, status="error", error_type="refusal", text=REFUSAL, output_tokens=output_tokens
    )


_ERROR_TYPE_OF_SERVER = {
    "model_error": "server_error",
    "rate_limit": "rate_limited",
    "model_gone": "model_not_found",
}
_SPOIL: dict[str, Callable[[Answer, Stream], Answer]] = {
    "truncated_answer": _truncated,
    "invalid_answer": _invalid,
    "refusal": _refused,
}
