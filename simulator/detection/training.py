"""Trains the weights of the linear detector. Must not learn the name of a project, path or author.

Multinomial logistic regression with an L2 penalty on hashed features. It learns from labelled records and
from the project's own templates. A feature must be seen in two families (an owner of projects is one, a group
of templates is one), which keeps names out. What has fields is seen twice, with and without them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.features import DIMENSION_COUNT, FEATURES_VERSION, HEAVY, Features, features_of
from agents.lexicon import LABELS, NONE_INDEX
from agents.linear import LinearModel
from agents.linear_file import WEIGHT_MAX, Card
from agents.softmax import STEPS_PER_NAT
from bus.bodies import Label, TelemetryReceived
from bus.errors import InputError
from simulator.detection.labelled import LabelledRecord, bare
from simulator.detection.lbfgs import Vector, minimise
from simulator.detection.templates import filled_templates

SEED = 4
TEMPLATE_MASS = 300
"""Weight of all templates of one label together, in records."""
CLASS_WEIGHT_MAX = 3.0
"""Rare labels count more, up to this."""
FIELDS_WEIGHT = 0.6
"""Weight of a record with its fields; without them it has the rest."""
PENALTY = 1 / 30
TEMPERATURE = 0.6
"""Divides the evidence; calibrates the confidence."""
NONE_BIAS = 0.25
"""Added to the evidence for ``none``, in natural-log units; most of a stream is ``none``."""

_MASS_MIN = 1e-9
"""Of a label that does not occur, so that nothing is divided by 0."""

Numbers = npt.NDArray[np.int64]


class Sample(NamedTuple):
    label: Label
    telemetry: TelemetryReceived
    family: str
    group: str | None
    """None for a template."""
    weight: float


class Training(NamedTuple):
    """Samples with their features, so that they can be fitted in parts."""

    samples: list[Sample]
    features: list[Features]

    def without(self, group: str) -> "Training":
        kept = [i for i, sample in enumerate(self.samples) if sample.group != group]
        return Training([self.samples[i] for i in kept], [self.features[i] for i in kept])


class _Rows(NamedTuple):
    ids: Numbers
    """Positions of the weights, of all rows after one another."""
    values: Vector
    """Divided by the length of the row."""
    row_of: Numbers
    row_count: int


def prepared(records: Sequence[LabelledRecord], seed: int = SEED) -> Training:
    """The records and the templates, ready for :func:`trained`.

    Raises:
        InputError: there is no record.
    """
    if not records:
        raise InputError("no record is left to train from; check --sources and --group")
    # Records that name no second family cannot be told apart by it; then each one is its own.
    is_grouped = len({record.family for record in records}) > 1
    samples: list[Sample] = []
    for record in records:
        family = record.family if is_grouped else f"line {record.line}"
        samples += _both(Sample(record.label, record.telemetry, family, record.group, 1.0))
    for filled in filled_templates(seed):
        samples += _both(Sample(filled.label, filled.telemetry, filled.family, None, 1.0))
    return Training(samples, [features_of(sample.telemetry) for sample in samples])


def _both(sample: Sample) -> list[Sample]:
    """The sample with its fields and without, or as it is when it has none."""
    alone = bare(sample.telemetry)
    if sample.telemetry == alone:
        return [sample]
    return [
        sample._replace(weight=FIELDS_WEIGHT),
        sample._replace(telemetry=alone, weight=1 - FIELDS_WEIGHT),
    ]


def trained(training: Training) -> LinearModel:
    """The calibrated weights in whole steps."""
    kept = _seen_in_two_families(training)
    position = np.cumsum(kept) - 1
    rows = _rows(training.features, kept, position)
    targets = np.array([LABELS.index(sample.label) for sample in training.samples])
    weights = _sample_weights(training.samples, targets)
    used = int(kept.sum())
    start = np.zeros((used + 1) * len(LABELS))
    fitted = minimise(lambda theta: _loss(theta, rows, targets, weights, used), start)
    full = np.zeros((DIMENSION_COUNT, len(LABELS)))
    full[kept] = fitted[: -len(LABELS)].reshape(used, len(LABELS))
    return _in_steps(full, fitted[-len(LABELS) :])


def card_of(record_count: int, data_sha256: str, seed: int) -> Card:
    """What is written down about the weights; their number is filled in when they are written."""
    return Card(
        features=FEATURES_VERSION,
        labels=LABELS,
        steps_per_nat=STEPS_PER_NAT,
        heavy=HEAVY,
        row_count=0,
        bias=(),
        record_count=record_count,
        template_count=len(filled_templates(seed)),
        data_sha256=data_sha256,
        seed=seed,
    )


def _in_steps(weights: npt.NDArray[np.float64], bias: Vector) -> LinearModel:
    whole = np.rint(weights / TEMPERATURE * STEPS_PER_NAT)
    offset = np.zeros(len(LABELS))
    offset[NONE_INDEX] = NONE_BIAS
    steps = np.rint((bias / TEMPERATURE + offset) * STEPS_PER_NAT).astype(np.int64)
    return LinearModel(np.clip(whole, -WEIGHT_MAX, WEIGHT_MAX).astype(np.int16), steps)


def _seen_in_two_families(training: Training) -> npt.NDArray[np.bool_]:
    families: dict[str, int] = {}
    first = np.full(DIMENSION_COUNT, -1)
    kept = np.zeros(DIMENSION_COUNT, np.bool_)
    for sample, row in zip(training.samples, training.features, strict=True):
        family = families.setdefault(sample.family, len(families))
        before = first[row.ids]
        kept[np.array(row.ids)[(before >= 0) & (before != family)]] = True
        first[row.ids] = np.where(before < 0, family, before)
    return kept


def _rows(features: Sequence[Features], kept: npt.NDArray[np.bool_], position: Numbers) -> _Rows:
    counts = np.array([len(row.ids) for row in features])
    ids = np.array([feature_id for row in features for feature_id in row.ids])
    row_of = np.repeat(np.arange(len(features)), counts)
    place = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    heavy = place < np.repeat([row.heavy_count for row in features], counts)
    # The length is that of all features: what the weights do not know dilutes what they know.
    values = np.where(heavy, float(HEAVY), 1.0) / np.array([row.length for row in features])[row_of]
    known = kept[ids]
    return _Rows(position[ids[known]], values[known], row_of[known], len(features))


def _sample_weights(samples: Sequence[Sample], targets: Numbers) -> Vector:
    """Labels are evened out, records up to a limit and templates fully."""
    base = np.array([sample.weight for sample in samples])
    is_template = np.array([sample.group is None for sample in samples])
    mass = np.bincount(targets[~is_template], base[~is_template], len(LABELS))
    template_mass = np.bincount(targets[is_template], base[is_template], len(LABELS))
    even = np.minimum(CLASS_WEIGHT_MAX, mass.sum() / len(LABELS) / np.maximum(mass, _MASS_MIN))
    factors = np.where(
        is_template, (TEMPLATE_MASS / np.maximum(template_mass, _MASS_MIN))[targets], even[targets]
    )
    weighted: Vector = base * factors
    return weighted


def _loss(
    theta: Vector, rows: _Rows, targets: Numbers, sample_weights: Vector, used: int
) -> tuple[float, Vector]:
    """Weighted cross-entropy with the penalty, and its gradient."""
    weights, bias = theta[: -len(LABELS)].reshape(used, len(LABELS)), theta[-len(LABELS) :]
    logits = np.empty((rows.row_count, len(LABELS)))
    for k in range(len(LABELS)):
        logits[:, k] = np.bincount(rows.row_of, rows.values * weights[rows.ids, k], rows.row_count)
    logits += bias
    logits -= logits.max(axis=1, keepdims=True)
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = np.arange(rows.row_count), targets
    loss = -(sample_weights * log_shares[right]).sum() + PENALTY / 2 * (weights**2).sum()
    error = np.exp(log_shares)
    error[right] -= 1.0
    error *= sample_weights[:, None]
    gradient = np.empty_like(weights)
    for k in range(len(LABELS)):
        gradient[:, k] = np.bincount(rows.ids, rows.values * error[rows.row_of, k], used)
    gradient += PENALTY * weights
    return float(loss), np.concatenate([gradient.ravel(), error.sum(axis=0)])
