"""A model whose answers hold no secrets when they reach an agent. Must not change anything else."""

from collections.abc import Callable

from msgspec.structs import replace

from agents.models.model import Answer, Model


class RedactedModel:
    """``redact`` returns a text without secrets, the same object if it holds none."""

    def __init__(self, inner: Model, redact: Callable[[str], str]) -> None:
        self.spec = inner.spec
        self._inner = inner
        self._redact = redact

    def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
        answer = self._inner.answer(prompt, output_tokens_max, call_key, at_ns)
        text = self._redact(answer.text)
        return answer if text is answer.text else replace(answer, text=text)
