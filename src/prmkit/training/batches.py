"""The order and the shape of training batches.

Rows of similar length share a batch, to compute little padding, but the batches themselves come in
random order: sorted ones would teach short solutions first and long ones last. What is computed at
once is bounded in tokens, because memory is: a batch of long rows is cut into more pieces.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from prmkit.errors import MissingExtra
from prmkit.training.examples import IGNORED, Example

try:
    import torch
    from torch.utils.data import Sampler
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error

_POOL = 20
"""Batches sorted by length among themselves; more means less padding and less mixing."""


class LengthGroupedOrder(Sampler[int]):
    """Row indices of one epoch; a function of the seed and the epoch alone, so it can be resumed.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows of one update.
        seed: Another seed gives another order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration is for."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draws = np.random.default_rng([self._seed, self._epoch])
        order = draws.permutation(len(self._lengths))
        pool = self._batch_size * _POOL
        batches = [
            batch
            for start in range(0, len(order), pool)
            for batch in self._batches(order[start : start + pool])
        ]
        full = [b for b in batches if len(b) == self._batch_size]
        partial = [b for b in batches if len(b) < self._batch_size]
        shuffled = [full[at] for at in draws.permutation(len(full))]
        for batch in shuffled + partial:
            yield from (int(index) for index in batch)

    def _batches(self, indices: Any) -> list[Any]:
        by_length = indices[np.argsort(self._lengths[indices], kind="stable")]
        size = self._batch_size
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]


def collate(rows: Sequence[Example], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad rows on the right.

    Returns:
        `input_ids` and `labels`, both [rows, longest]; labels are `IGNORED` where there is none.
    """
    width = max(len(row.ids) for row in rows)
    input_ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED)
    for at, row in enumerate(rows):
        input_ids[at, : len(row.ids)] = torch.tensor(row.ids)
        labels[at, : len(row.labels)] = torch.tensor(row.labels)
    return {"input_ids": input_ids, "labels": labels}


class Piece(NamedTuple):
    """Rows of a batch that are computed at once."""

    rows: torch.Tensor
    """Which rows of the batch, [rows]."""
    input_ids: torch.Tensor
    """[rows, longest]."""
    labels: torch.Tensor
    """[rows, longest]."""

    def inputs(self) -> dict[str, torch.Tensor]:
        """The piece as a batch of its own."""
        return {"input_ids": self.input_ids, "labels": self.labels}


def pieces(batch: Mapping[str, torch.Tensor], most_tokens: int) -> list[Piece]:
    """Cut a batch so that rows x longest stays within a budget; a longer row goes alone.

    A row ends at its last label: what stands after it is neither supervised nor seen before it.

    Args:
        batch: As `collate` makes it, each row with a label.
        most_tokens: Tokens of a piece, padding included.
    """
    labelled = batch["labels"].ne(IGNORED)
    width = labelled.shape[1]
    lengths = width - labelled.flip(1).to(torch.uint8).argmax(dim=1)
    order = torch.argsort(lengths, descending=True, stable=True)
    cuts: list[Piece] = []
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        rows = order[start : start + max(1, most_tokens // longest)]
        own = (batch[name][rows, :longest] for name in ("input_ids", "labels"))
        cuts.append(Piece(rows, *own))
        start += len(rows)
    return cuts
