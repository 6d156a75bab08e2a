"""A model that answers from a random stream.

Must decide from nothing but the prompt and the stream: no label, no event, no clock.
"""

from collections.abc import Callable

from agents.agent import Stream
from agents.models.model import Answer, ModelSpec, token_count

VERDICT_QUESTION = "Answer PASS or FAIL"
"""A prompt that holds these words gets a verdict; every other prompt gets prose."""
PASS_SHARE = 0.92
"""Share of verdicts that are PASS.

A mock cannot judge the work, so a verdict says nothing about the truth.
"""
_NS_PER_MS = 1_000_000
_NS_PER_US = 1_000
_FILL_MIN, _FILL_MAX = 0.55, 0.95
_VERDICT_TOKENS = 8
_STEPS = (
    "Reproduce the report from the message and write down what is seen.",
    "Find the change that introduced it and read what calls it.",
    "Write a test that fails for this reason and no other.",
    "Make the smallest change that turns the test green.",
    "Run the suite of the component and of everything that imports it.",
    "Review names, types and error messages of the lines that changed.",
)


class MockModel:
    """Latency, tokens, errors and timeouts drawn from one stream per call.

    ``stream_of`` makes the stream for a call's key, so that no call shifts the draws of another.
    """

    def __init__(self, spec: ModelSpec, stream_of: Callable[[str], Stream]) -> None:
        self.spec = spec
        self._stream_of = stream_of

    def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
        stream = self._stream_of(call_key)
        input_tokens = token_count(prompt)
        fate = stream.random()
        first_token_ns = int(self.spec.first_token_ms * _NS_PER_MS * stream.uniform(0.7, 1.5))
        timeout = Answer("timeout", "", input_tokens, 0, self.spec.timeout_ms * _NS_PER_MS)
        if fate < self.spec.timeout_share:
            return timeout
        if fate < self.spec.timeout_share + self.spec.error_share:
            return Answer("error", "", 0, 0, first_token_ns)
        if VERDICT_QUESTION in prompt:
            text = "PASS" if stream.random() < PASS_SHARE else "FAIL"
            output_tokens = min(_VERDICT_TOKENS, output_tokens_max)
        else:
            steps = stream.randint(2, 4)
            first = stream.randint(0, len(_STEPS) - steps)
            text = " ".join(f"{n}. {step}" for n, step in enumerate(_STEPS[first : first + steps], start=1))
            output_tokens = max(1, int(output_tokens_max * stream.uniform(_FILL_MIN, _FILL_MAX)))
        latency_ns = first_token_ns + output_tokens * self.spec.token_us * _NS_PER_US
        if latency_ns > timeout.latency_ns:
            return timeout
        return Answer("ok", text, input_tokens, output_tokens, latency_ns)
