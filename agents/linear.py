"""Trained weights of features, and the evidence that they add up to. Must not train or read files.

All sums are of whole numbers. The one division is by the length of a record's features, which IEEE 754 rounds
alike everywhere; so every machine gets the same evidence, one record at a time or many at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.features import HEAVY, Features, features_of
from agents.softmax import DECIMALS, powers
from bus.bodies import TelemetryReceived

Weights = npt.NDArray[np.int16]
Steps = npt.NDArray[np.int64]


class LinearModel(NamedTuple):
    """A multinomial logistic regression in whole numbers; labels as in :data:`agents.lexicon.LABELS`."""

    weights: Weights
    """A row for each feature, a column for each label, in steps of :mod:`agents.softmax`."""
    bias: Steps
    """For each label."""

    def steps(self, rows: Sequence[Features]) -> Steps:
        """Evidence for each label; a row for each record."""
        if not rows:
            return np.zeros((0, len(self.bias)), np.int64)
        lengths = np.array([len(row.ids) + row.heavy_count * (HEAVY - 1) for row in rows])
        flat: list[int] = []
        for row in rows:
            flat += row.ids
            # A further helping for each unit of value of the heavy ones.
            flat += row.ids[: row.heavy_count] * (HEAVY - 1)
        taken = self.weights.take(np.array(flat, np.int64), axis=0)
        sums = np.add.reduceat(taken, np.cumsum(lengths) - lengths, axis=0, dtype=np.int64)
        norms = np.array([row.length for row in rows])
        steps: Steps = np.rint(sums / norms[:, None]).astype(np.int64) + self.bias
        return steps

    def steps_of(self, row: Features) -> list[int]:
        """The same for one record, faster than a batch of one."""
        taken = self.weights.take(row.ids, axis=0)
        sums = taken.sum(axis=0, dtype=np.int64)
        sums += (HEAVY - 1) * taken[: row.heavy_count].sum(axis=0, dtype=np.int64)
        steps: list[int] = (np.rint(sums / row.length).astype(np.int64) + self.bias).tolist()
        return steps

    def probabilities(self, records: Sequence[TelemetryReceived]) -> npt.NDArray[np.float64]:
        """Of each label, four decimals, without experience; a row for each record."""
        table, steps = np.array(powers()), self.steps([features_of(record) for record in records])
        behind = steps.max(axis=1, keepdims=True) - steps
        shares = table[np.minimum(behind, len(table) - 1)]
        totals = shares.sum(axis=1, keepdims=True)
        rounded: npt.NDArray[np.float64] = (2 * DECIMALS * shares + totals) // (2 * totals) / DECIMALS
        return rounded
