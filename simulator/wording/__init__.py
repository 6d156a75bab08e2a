"""The wording of simulated telemetry: texts as data, and what fills them in. Must not own a random source."""

from simulator.wording.generator import Manner, Wording
from simulator.wording.templates import PROJECTS, Project

__all__ = ["PROJECTS", "Manner", "Project", "Wording"]
