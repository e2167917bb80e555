import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import NothingScored
from prmkit.training.metrics import ValidationMetrics, validation_metrics


def metrics(
    scores_NS: list[list[float]], labels_NS: list[list[float]], loss: str = "mse"
) -> ValidationMetrics:
    return validation_metrics(
        [np.array(row) for row in scores_NS],
        [np.array(row) for row in labels_NS],
        "mse" if loss == "mse" else "cross_entropy",
    )


def test_f1_is_the_harmonic_mean_of_both_accuracies() -> None:
    # with an error: found at step 1 (hit), found at 0 instead of 1 (miss), none found (miss): 1/3
    # without: none found (hit), found at 0 (miss): 1/2; F1 = 2 * 1/3 * 1/2 / (5/6) = 2/5
    found = metrics(
        [[0.9, 0.1], [0.2, 0.1], [0.9, 0.8], [0.9, 0.5], [0.4]],
        [[1, 0], [1, 0], [1, 0], [1, 1], [1]],
    )
    assert found.error_accuracy == pytest.approx(1 / 3)
    assert found.correct_accuracy == pytest.approx(1 / 2)
    assert found.f1 == pytest.approx(2 / 5)
    # steps on their label's side: 2 + 1 + 1 + 2 + 0 of 9; a score of 0.5 is right
    assert found.step_accuracy == pytest.approx(6 / 9)


def test_losses_are_means_over_steps() -> None:
    # squared: (0.25 + 0.01 + 0.04) / 3; surprise: -(log 0.5 + log 0.9 + log 0.8) / 3
    scores, labels = [[0.5, 0.1], [0.8]], [[1.0, 0.0], [1.0]]
    assert metrics(scores, labels).loss == pytest.approx(0.1)
    surprise = -(math.log(0.5) + math.log(0.9) + math.log(0.8)) / 3
    assert metrics(scores, labels, "cross_entropy").loss == pytest.approx(surprise)


def test_a_sure_mistake_has_a_finite_loss() -> None:
    assert math.isfinite(metrics([[0.0], [0.1]], [[1.0], [0.0]], "cross_entropy").loss)


def test_f1_is_zero_where_both_accuracies_are() -> None:
    assert metrics([[0.9], [0.1]], [[0.0], [1.0]]).f1 == 0.0


@pytest.mark.parametrize("labels", [[[1.0], [1.0]], [[0.0], [0.0]]])
def test_f1_of_one_kind_of_solution_alone_is_an_error(labels: list[list[float]]) -> None:
    with pytest.raises(NothingScored):
        metrics([[0.5], [0.5]], labels)


@given(
    rows=st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=5), min_size=2, max_size=8),
)
def test_the_order_of_solutions_changes_nothing(rows: list[list[float]]) -> None:
    labels = [[float(i % 2)] * len(row) for i, row in enumerate(rows)]
    pairs = list(zip(rows, labels, strict=True))
    found = metrics(rows, labels)
    turned = metrics([r for r, _ in pairs[::-1]], [la for _, la in pairs[::-1]])
    assert turned == pytest.approx(found)
