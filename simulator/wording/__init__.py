"""The wording of simulated telemetry: texts as data, and what fills them in. Must not own a random source."""

from simulator.wording.generator import Wording

__all__ = ["Wording"]
