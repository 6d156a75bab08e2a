"""Trains the dense head of a sentence model. Must not train the model itself.

Multinomial logistic regression with an L2 penalty on the vectors of messages. It learns from the records and
templates that the words' weights learn from; how the two are mixed is fixed in :mod:`agents.dense`.

The sums go through NumPy's matrix product, so on another processor a weight may differ by a step.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agents.dense import DenseHead
from agents.dense_file import HeadCard, encode_head
from agents.embedder import SCALE
from agents.embedder import Vector as TextVector
from agents.lexicon import LABELS
from agents.softmax import STEPS_PER_NAT
from bus.errors import InputError
from simulator.detection.labelled import LabelledRecord
from simulator.detection.lbfgs import Vector, minimise
from simulator.detection.templates import filled_templates
from simulator.detection.training import CLASS_WEIGHT_MAX, SEED, TEMPLATE_MASS

PENALTY = 0.3
"""Fixed: from 0.1 to 1.0 the balanced accuracy of the mixture stays within 0.01."""
_MASS_MIN = 1e-9
"""Of a label that does not occur, so that nothing is divided by 0."""

Numbers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float64]


class BatchEmbedder(Protocol):
    """See :class:`agents.semantic.SemanticEmbedder`."""

    @property
    def weights_sha256(self) -> str: ...

    def embed(self, text: str) -> TextVector: ...

    def embed_many(self, texts: Sequence[str]) -> Sequence[TextVector]: ...


class DenseTraining(NamedTuple):
    """Vectors of records and templates, so that they can be fitted in parts."""

    vectors: npt.NDArray[np.float32]
    """A row for each sample."""
    targets: Numbers
    groups: list[str | None]
    """None for a template."""
    encoder_sha256: str

    def without(self, group: str) -> "DenseTraining":
        kept = np.array([other != group for other in self.groups])
        groups = [other for other in self.groups if other != group]
        return self._replace(vectors=self.vectors[kept], targets=self.targets[kept], groups=groups)


def prepared_dense(
    records: Sequence[LabelledRecord], embedder: BatchEmbedder, seed: int = SEED
) -> DenseTraining:
    """The records and the templates, ready for :func:`trained_head`.

    Raises:
        InputError: there is no record.
    """
    if not records:
        raise InputError("no record is left to train from; check --sources and --group")
    filled = filled_templates(seed)
    messages = [record.telemetry.message for record in records]
    messages += [sample.telemetry.message for sample in filled]
    labels = [*(record.label for record in records), *(sample.label for sample in filled)]
    return DenseTraining(
        vectors_of(messages, embedder),
        np.array([LABELS.index(label) for label in labels]),
        [*(record.group for record in records), *(None for _ in filled)],
        embedder.weights_sha256,
    )


def vectors_of(messages: Sequence[str], embedder: BatchEmbedder) -> npt.NDArray[np.float32]:
    return np.array([np.asarray(vector, np.float32) for vector in embedder.embed_many(messages)])


def trained_head(training: DenseTraining) -> DenseHead:
    """The weights in whole steps."""
    rows = training.vectors.astype(np.float64) / SCALE
    weights = _sample_weights(training)
    size = rows.shape[1] * len(LABELS)
    fitted = minimise(
        lambda theta: _loss(theta, rows, training.targets, weights), np.zeros(size + len(LABELS))
    )
    steps = np.rint(fitted * STEPS_PER_NAT).astype(np.int64)
    return DenseHead(steps[:size].reshape(-1, len(LABELS)), steps[size:], training.encoder_sha256)


def encoded_head(
    records: Sequence[LabelledRecord],
    embedder: BatchEmbedder,
    encoder: str,
    data_sha256: str,
    seed: int = SEED,
) -> str:
    """The text of a file of a head trained from all the records; ``encoder`` is the model's name.

    Raises:
        InputError: there is no record.
    """
    head = trained_head(prepared_dense(records, embedder, seed))
    return encode_head(head, head_card(encoder, len(records), data_sha256, seed))


def head_card(encoder: str, record_count: int, data_sha256: str, seed: int) -> HeadCard:
    """What is written down about a head; what its numbers say is filled in when they are written."""
    return HeadCard(
        encoder=encoder,
        encoder_sha256="",
        labels=LABELS,
        steps_per_nat=STEPS_PER_NAT,
        scale=SCALE,
        dimension_count=0,
        bias=(),
        record_count=record_count,
        template_count=len(filled_templates(seed)),
        data_sha256=data_sha256,
        seed=seed,
    )


def _sample_weights(training: DenseTraining) -> Vector:
    """Labels are evened out as for the words: records up to a limit and templates fully."""
    is_template = np.array([group is None for group in training.groups])
    targets = training.targets
    counts = np.bincount(targets[~is_template], minlength=len(LABELS))
    template_counts = np.bincount(targets[is_template], minlength=len(LABELS))
    even = np.minimum(CLASS_WEIGHT_MAX, counts.sum() / len(LABELS) / np.maximum(counts, _MASS_MIN))
    whole = TEMPLATE_MASS / np.maximum(template_counts, _MASS_MIN)
    weights: Vector = np.where(is_template, whole[targets], even[targets])
    return weights


def _loss(theta: Vector, rows: Rows, targets: Numbers, sample_weights: Vector) -> tuple[float, Vector]:
    """Weighted cross-entropy with the penalty, and its gradient."""
    weights, bias = theta[: -len(LABELS)].reshape(-1, len(LABELS)), theta[-len(LABELS) :]
    logits = rows @ weights + bias
    logits -= logits.max(axis=1, keepdims=True)
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = np.arange(len(rows)), targets
    loss = -(sample_weights * log_shares[right]).sum() + PENALTY / 2 * (weights**2).sum()
    error = np.exp(log_shares)
    error[right] -= 1.0
    error *= sample_weights[:, None]
    gradient = rows.T @ error + PENALTY * weights
    return float(loss), np.concatenate([gradient.ravel(), error.sum(axis=0)])
