"""The two losses of arXiv 2501.07301: cross-entropy for hard labels, squared error for soft ones.

Both are sums over steps divided by the number of labels in the whole update, not means over what
happens to lie in one micro-batch, so that splitting an update changes nothing.
"""

from prmkit.errors import MissingExtra
from prmkit.training.examples import Loss

try:
    import torch
    from torch.nn import functional
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error


def step_loss(
    logits: torch.Tensor, labels: torch.Tensor, loss: Loss, positive: int, n_labels: torch.Tensor
) -> torch.Tensor:
    """Loss of the steps of one micro-batch.

    Args:
        logits: [steps, 2].
        labels: [steps], in [0, 1]; 0 or 1 with cross-entropy.
        loss: `cross_entropy`: -log p(label); `mse`: (p(right) - label)^2.
        positive: Index of "right" in the last dimension.
        n_labels: Labels in the whole update, at least 1: every micro-batch of every device.

    Returns:
        A scalar; the scalars of an update's micro-batches add up to the mean over its labels.
    """
    if loss == "mse":
        right = torch.softmax(logits, dim=-1)[:, positive]
        return functional.mse_loss(right, labels, reduction="sum") / n_labels
    classes = torch.where(labels > 0.5, positive, 1 - positive)
    return functional.cross_entropy(logits, classes, reduction="sum") / n_labels
