"""The two losses of arXiv 2501.07301: cross-entropy for hard labels, squared error for soft ones.

Both are sums over steps divided by the number of labels in the whole update, not means over what
happens to lie in one micro-batch, so that splitting an update changes nothing.
"""

from typing import NamedTuple

from prmkit.errors import MissingExtra
from prmkit.training.examples import DECISION, Loss

try:
    import torch
    from torch.nn import functional
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error


class Weights(NamedTuple):
    """What a step weighs in the loss, by its label; 1 on average over the training labels."""

    wrong: float = 1.0
    """Labels below 0.5."""
    right: float = 1.0
    """All others."""

    @classmethod
    def of(cls, n_wrong: int, n_right: int, balance: float) -> "Weights":
        """Weights in proportion to each kind's share to the power of -`balance`.

        Args:
            n_wrong: Training labels that say wrong.
            n_right: Training labels that say right; where there is one kind only, it weighs 1.
            balance: In [0, 1]; 0 = every step alike, 1 = both kinds alike in sum.
        """
        if not n_wrong or not n_right:
            return cls()
        wrong, right = n_wrong**-balance, n_right**-balance
        mean = (n_wrong * wrong + n_right * right) / (n_wrong + n_right)
        return cls(wrong / mean, right / mean)

    def at(self, labels: torch.Tensor) -> torch.Tensor:
        """Of each label; the same shape."""
        return torch.where(labels < DECISION, self.wrong, self.right)


EVEN = Weights()
"""Every step alike, as in the paper."""


def step_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    loss: Loss,
    positive: int,
    n_labels: torch.Tensor,
    weights: Weights = EVEN,
) -> torch.Tensor:
    """Loss of the steps of one micro-batch.

    Args:
        logits: [steps, 2].
        labels: [steps], in [0, 1]; 0 or 1 with cross-entropy.
        loss: `cross_entropy`: -log p(label); `mse`: (p(right) - label)^2.
        positive: Index of "right" in the last dimension.
        n_labels: Labels in the whole update, at least 1: every micro-batch of every device.
        weights: What each kind of label weighs.

    Returns:
        A scalar; the scalars of an update's micro-batches add up to the mean over its labels.
    """
    if loss == "mse":
        right = torch.softmax(logits, dim=-1)[:, positive]
        losses = functional.mse_loss(right, labels, reduction="none")
    else:
        classes = torch.where(labels < DECISION, 1 - positive, positive)
        losses = functional.cross_entropy(logits, classes, reduction="none")
    return (weights.at(labels) * losses).sum() / n_labels
