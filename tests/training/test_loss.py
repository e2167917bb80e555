import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prmkit.training.examples import Loss
from prmkit.training.loss import Weights, step_loss

# p(right) of a row is 1 / (1 + exp(wrong - right)): log(3) apart gives 3/4, 0 apart gives 1/2
LOGITS = torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [math.log(3), 0.0]])


def loss(labels: list[float], how: Loss, positive: int = 1, n_labels: int = 3) -> float:
    found = step_loss(LOGITS, torch.tensor(labels), how, positive, torch.tensor(n_labels))
    return float(found)


def test_cross_entropy_is_the_mean_surprise_at_the_label() -> None:
    # right at 3/4, wrong at 1/2, wrong at 3/4: -(log .75 + log .5 + log .75) / 3
    assert loss([1.0, 0.0, 0.0], "cross_entropy") == pytest.approx(
        -(2 * math.log(0.75) + math.log(0.5)) / 3
    )


def test_squared_error_compares_the_probability_of_right_with_the_share() -> None:
    # p = 3/4, 1/2, 1/4 against 1, 1/2, 0: (1/16 + 0 + 1/16) / 3
    assert loss([1.0, 0.5, 0.0], "mse") == pytest.approx(1 / 24)


@pytest.mark.parametrize("how", ["cross_entropy", "mse"])
def test_the_positive_index_decides_which_output_is_right(how: Loss) -> None:
    mirrored = step_loss(LOGITS.flip(-1), torch.tensor([1.0, 0.0, 0.0]), how, 0, torch.tensor(3))
    assert float(mirrored) == pytest.approx(loss([1.0, 0.0, 0.0], how))


def test_the_divisor_is_the_update_and_not_the_micro_batch() -> None:
    assert loss([1.0, 0.0, 0.0], "mse", n_labels=6) == pytest.approx(
        loss([1.0, 0.0, 0.0], "mse") / 2
    )


def test_the_rarer_kind_weighs_more_by_its_share_to_the_power_of_the_balance() -> None:
    # 4 wrong and 16 right: to the power of -1/2 they weigh as 1/2 to 1/4, on average 1 if 5/3, 5/6
    assert Weights.of(4, 16, 0.5) == pytest.approx((5 / 3, 5 / 6))
    assert Weights.of(4, 16, 0.0) == (1.0, 1.0)
    assert Weights.of(4, 16, 1.0) == pytest.approx((2.5, 0.625))  # 10 in sum each
    assert Weights.of(0, 16, 1.0) == Weights.of(4, 0, 1.0) == (1.0, 1.0)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0, 1))
def test_weights_are_1_on_average_and_never_less_for_the_rarer_kind(
    n_wrong: int, n_right: int, balance: float
) -> None:
    weights = Weights.of(n_wrong, n_right, balance)
    mean = (n_wrong * weights.wrong + n_right * weights.right) / (n_wrong + n_right)
    assert mean == pytest.approx(1.0)
    assert (weights.wrong >= weights.right * 0.999999) or n_wrong > n_right


@pytest.mark.parametrize("how", ["cross_entropy", "mse"])
def test_each_label_counts_by_its_weight(how: Loss) -> None:
    labels = torch.tensor([1.0, 0.0, 0.0])
    n_labels = torch.tensor(3)
    found = step_loss(LOGITS, labels, how, 1, n_labels, Weights(wrong=2.0, right=0.5))
    alone = [
        float(step_loss(LOGITS[i : i + 1], labels[i : i + 1], how, 1, n_labels)) for i in range(3)
    ]
    assert float(found) == pytest.approx(0.5 * alone[0] + 2 * (alone[1] + alone[2]))


@given(
    labels=st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=12),
    cut=st.integers(0, 12),
    how=st.sampled_from(["cross_entropy", "mse"]),
)
def test_cutting_an_update_into_micro_batches_changes_no_gradient(
    labels: list[float], cut: int, how: Loss
) -> None:
    targets, n_labels = torch.tensor(labels), torch.tensor(len(labels))
    values = torch.arange(2.0 * len(labels)).sin().reshape(-1, 2)

    def gradient(cuts: list[slice]) -> torch.Tensor:
        logits = values.clone().requires_grad_()
        for part in cuts:
            step_loss(logits[part], targets[part], how, 1, n_labels).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        return logits.grad

    torch.testing.assert_close(gradient([slice(None)]), gradient([slice(0, cut), slice(cut, None)]))
