"""Judges records by words and meaning, trained without them. Must not test on what it trained from.

As :mod:`simulator.detection.cross_validation`, one group at a time left out, but with the head of a sentence
model beside the words' weights. Neither has seen the group.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from agents.dense import DenseHead, mixed
from agents.features import features_of
from agents.lexicon import LABELS
from agents.linear import LinearModel
from agents.softmax import probabilities_of
from bus.errors import InputError
from simulator.detection.cross_validation import GROUPS_MAX, Judged
from simulator.detection.labelled import LabelledRecord, bare
from simulator.detection.semantic_training import (
    BatchEmbedder,
    prepared_dense,
    trained_head,
    vectors_of,
)
from simulator.detection.training import SEED, prepared, trained

Vectors = npt.NDArray[np.float32]


def semantic_judged(
    model: LinearModel, head: DenseHead, records: Sequence[LabelledRecord], vectors: Vectors
) -> Judged:
    """``vectors`` are of the records' messages, in the same order."""
    meaning = head.steps(vectors).tolist()
    both = []
    for telemetry in ([r.telemetry for r in records], [bare(r.telemetry) for r in records]):
        words = model.steps([features_of(record) for record in telemetry]).tolist()
        rows = [probabilities_of(mixed(said, more)) for said, more in zip(words, meaning, strict=True)]
        both.append(np.array(rows).reshape(-1, len(LABELS)))
    return Judged(*both)


def semantic_cross_validated(
    records: Sequence[LabelledRecord],
    embedder: BatchEmbedder,
    may_train: Callable[[LabelledRecord], bool] = lambda record: True,
    seed: int = SEED,
) -> Judged:
    """Every record, judged by weights and a head that never saw a record of its group.

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
    words, dense = prepared(teachers, seed), prepared_dense(teachers, embedder, seed)
    vectors = vectors_of([record.telemetry.message for record in records], embedder)
    teaching = {record.group for record in teachers}
    whole = np.zeros((len(records), len(LABELS)))
    text_only = whole.copy()
    everything: tuple[LinearModel, DenseHead] | None = None
    for group in groups:
        if group in teaching:
            model, head = trained(words.without(group)), trained_head(dense.without(group))
        else:
            # What was trained from all that may teach has not seen this group either.
            model, head = everything = everything or (trained(words), trained_head(dense))
        places = [i for i, record in enumerate(records) if record.group == group]
        judged = semantic_judged(model, head, [records[i] for i in places], vectors[places])
        whole[places], text_only[places] = judged
    return Judged(whole, text_only)
