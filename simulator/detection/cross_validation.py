"""Judges records by weights that were trained without them. Must not test on what it trained from.

One group at a time is left out, all of it: records of one project are alike, and a detector that has seen
some of them is flattered by the rest.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.lexicon import LABELS
from agents.linear import LinearModel
from bus.bodies import TelemetryReceived
from bus.errors import InputError
from simulator.detection.labelled import LabelledRecord, bare
from simulator.detection.training import SEED, prepared, trained

GROUPS_MAX = 200


class Judged(NamedTuple):
    """Probabilities of each label; a row for each record."""

    whole: npt.NDArray[np.float64]
    text_only: npt.NDArray[np.float64]
    """Of the message without its fields."""


def judged_by(model: LinearModel, records: Sequence[LabelledRecord]) -> Judged:
    return Judged(
        model.probabilities([record.telemetry for record in records]),
        model.probabilities(_bare(records)),
    )


def cross_validated(
    records: Sequence[LabelledRecord],
    may_train: Callable[[LabelledRecord], bool] = lambda record: True,
    seed: int = SEED,
) -> Judged:
    """Every record, judged by weights that never saw a record of its group.

    Raises:
        InputError: fewer than two groups, or too many.
    """
    groups = sorted({record.group for record in records})
    if not 2 <= len(groups) <= GROUPS_MAX:
        raise InputError(
            f"the records name {len(groups)} groups, and leaving one out at a time needs 2 to {GROUPS_MAX}; "
            "say with --group which key names the project of a record"
        )
    teachers = [record for record in records if may_train(record)]
    training = prepared(teachers, seed)
    teaching = {record.group for record in teachers}
    whole = np.zeros((len(records), len(LABELS)))
    text_only = whole.copy()
    everything: LinearModel | None = None
    for group in groups:
        if group in teaching:
            model = trained(training.without(group))
        else:
            # Weights trained from all that may teach have not seen this group either.
            model = everything = everything or trained(training)
        places = [i for i, record in enumerate(records) if record.group == group]
        judged = judged_by(model, [records[i] for i in places])
        whole[places], text_only[places] = judged
    return Judged(whole, text_only)


def _bare(records: Sequence[LabelledRecord]) -> list[TelemetryReceived]:
    return [bare(record.telemetry) for record in records]
