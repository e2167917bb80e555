"""How good a PRM is on validation solutions, in the terms of ProcessBench (arXiv 2412.06559).

A solution's predicted first error is the first step whose score lies below 0.5. Error accuracy is
the share of wrong solutions whose first error is found exactly, correct accuracy the share of right
ones in which nothing is found, F1 their harmonic mean. A soft label below 0.5 counts as an error.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prmkit.errors import NothingScored
from prmkit.training.examples import DECISION, Loss

Floats = npt.NDArray[np.float64]


class ValidationMetrics(NamedTuple):
    """What one validation found; all but the loss in [0, 1]."""

    loss: float
    """Mean over steps."""
    step_accuracy: float
    """Share of steps that fall on the same side of 0.5 as their label."""
    error_accuracy: float
    """Share of solutions with an error whose first error is predicted exactly."""
    correct_accuracy: float
    """Share of solutions without an error in which none is predicted."""
    f1: float
    """Harmonic mean of the two; 0 if both are 0."""


def validation_metrics(
    scores_NS: Sequence[Floats], labels_NS: Sequence[Floats], loss: Loss
) -> ValidationMetrics:
    """Compare scores with labels.

    Args:
        scores_NS: Probability that each step is right; rows may be ragged.
        labels_NS: Labels in [0, 1], of the same shape.
        loss: Which loss to report.

    Raises:
        NothingScored: there is no solution with an error, or none without one.
    """
    found = [first_below(scores) for scores in scores_NS]
    truth = [first_below(labels) for labels in labels_NS]
    hits_N = [f == t for f, t in zip(found, truth, strict=True)]
    with_error = [hit for hit, t in zip(hits_N, truth, strict=True) if t is not None]
    without = [hit for hit, t in zip(hits_N, truth, strict=True) if t is None]
    if not with_error or not without:
        raise NothingScored(f"{len(with_error)} solutions with an error, {len(without)} without")
    error, correct = float(np.mean(with_error)), float(np.mean(without))
    scores, labels = np.concatenate(scores_NS), np.concatenate(labels_NS)
    return ValidationMetrics(
        loss=_loss(scores, labels, loss),
        step_accuracy=float(np.mean((scores < DECISION) == (labels < DECISION))),
        error_accuracy=error,
        correct_accuracy=correct,
        f1=2 * error * correct / (error + correct) if error + correct else 0.0,
    )


def first_below(values_S: Floats) -> int | None:
    """Index of the first value below 0.5, or None."""
    below = np.flatnonzero(values_S < DECISION)
    return int(below[0]) if len(below) else None


def _loss(scores: Floats, labels: Floats, loss: Loss) -> float:
    if loss == "mse":
        return float(np.mean((scores - labels) ** 2))
    of_label = np.where(labels > DECISION, scores, 1.0 - scores)
    return float(-np.mean(np.log(np.maximum(of_label, np.finfo(np.float32).tiny))))
