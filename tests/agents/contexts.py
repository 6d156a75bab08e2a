"""Contexts for tests of agents. Must not be more than a test needs."""

from agents.agent import Models, Stream


class ComputeOnly:
    """A context in which WITNESS may compute and nothing else: no model, no draw."""

    now_ns = 0

    def __init__(self) -> None:
        self.computed_ns = 0

    @property
    def models(self) -> Models:
        raise AssertionError("WITNESS asked for a model")

    @property
    def random(self) -> Stream:
        raise AssertionError("WITNESS drew a random number")

    def compute(self, duration_ns: int) -> None:
        self.computed_ns += duration_ns
