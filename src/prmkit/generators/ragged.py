"""Attention of one new token a row on a CPU: every row reads its own tokens and no padding.

What limits it is the memory that is read. Tensor operations need rows of one length, so they read
each row as if it were the longest; in a batch of rollouts that is three times as much as there is.
Compiled by numba when it is first used, which needs no compiler on the machine.
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

_FAST: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}
_LOG2_E = np.float32(1.4426950408889634)


def usable(kv: Tensor) -> bool:
    """Whether `attend` takes such keys and values."""
    return kv.device.type == "cpu" and kv.dtype == torch.float32


def attend(
    query_BHD: Tensor,
    trunk: tuple[Tensor, Tensor],
    slot_B: Tensor,
    n_trunk_B: Tensor,
    tail: tuple[Tensor, Tensor],
    n_tail_B: Tensor,
) -> Tensor:
    """Attention of each row's query over the start of its trunk and of its tail.

    Args:
        query_BHD: float32, scaled; H is a multiple of the heads that the keys have.
        trunk: Keys and values, (slots, heads, tokens, D) each.
        slot_B: Which trunk a row reads; rows of one trunk are best side by side.
        n_trunk_B: Tokens of it that the row sees.
        tail: Keys and values, (at least B, heads, tokens, D) each.
        n_tail_B: Tokens of its own tail that the row sees; with those of the trunk at least 1.

    Returns:
        float32, (B, H, D).
    """
    out = torch.empty_like(query_BHD, memory_format=torch.contiguous_format)
    _attend(
        query_BHD.contiguous().numpy(),
        (trunk[0].numpy(), trunk[1].numpy()),
        (slot_B.numpy(), n_trunk_B.numpy()),
        (tail[0].numpy(), tail[1].numpy()),
        n_tail_B.numpy(),
        out.numpy(),
    )
    return out


@numba.njit(**_FAST)  # type: ignore[untyped-decorator]
def _attend(query: Any, trunk: Any, reads: Any, tail: Any, n_tail: Any, out: Any) -> None:
    (trunk_keys, trunk_values), (slots, n_trunk), (tail_keys, tail_values) = trunk, reads, tail
    n_rows, n_query_heads, _ = query.shape
    per_head = n_query_heads // trunk_keys.shape[1]
    weights = np.empty(trunk_keys.shape[2] + tail_keys.shape[2], np.float32)
    for row in range(n_rows):
        slot, n, n_all = slots[row], n_trunk[row], n_trunk[row] + n_tail[row]
        for head in range(n_query_heads):
            h = head // per_head
            _dots(query[row, head], trunk_keys[slot, h], weights[:n])
            _dots(query[row, head], tail_keys[row, h], weights[n:n_all])
            share = np.float32(1) / _exponentials(weights[:n_all])
            mean = out[row, head]
            mean[:] = 0
            _add(weights[:n], trunk_values[slot, h], mean)
            _add(weights[n:n_all], tail_values[row, h], mean)
            for d in range(len(mean)):
                mean[d] *= share


@numba.njit(**_FAST)  # type: ignore[untyped-decorator]
def _dots(query: Any, keys: Any, out: Any) -> None:
    """The products of a query with each key; four at a time, which hides their latency."""
    n, n_fours = len(out), len(out) // 4 * 4
    for t in range(0, n_fours, 4):
        a = b = c = d = np.float32(0)
        for i in range(len(query)):
            a += query[i] * keys[t, i]
            b += query[i] * keys[t + 1, i]
            c += query[i] * keys[t + 2, i]
            d += query[i] * keys[t + 3, i]
        out[t], out[t + 1], out[t + 2], out[t + 3] = a, b, c, d
    for t in range(n_fours, n):
        a = np.float32(0)
        for i in range(len(query)):
            a += query[i] * keys[t, i]
        out[t] = a


@numba.njit(**_FAST)  # type: ignore[untyped-decorator]
def _add(weights: Any, values: Any, total: Any) -> None:
    """Add the weighted values; four at a time, so that the total is read and written less."""
    n, n_fours = len(weights), len(weights) // 4 * 4
    for t in range(0, n_fours, 4):
        a, b, c, d = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        for i in range(len(total)):
            pair = a * values[t, i] + b * values[t + 1, i]
            total[i] += pair + (c * values[t + 2, i] + d * values[t + 3, i])
    for t in range(n_fours, n):
        for i in range(len(total)):
            total[i] += weights[t] * values[t, i]


@numba.njit(**_FAST)  # type: ignore[untyped-decorator]
def _exponentials(scores: Any) -> Any:
    """Replace scores by exp(score - largest); their sum, at least 1."""
    largest = scores[0]
    for t in range(len(scores)):
        largest = max(largest, scores[t])
    total = np.float32(0)
    for t in range(len(scores)):
        scores[t] = _exp((scores[t] - largest) * _LOG2_E)
        total += scores[t]
    return total


@numba.njit(**_FAST)  # type: ignore[untyped-decorator]
def _exp(x: Any) -> Any:
    """2^x for x <= 0, to 2e-7 of its value; a loop over it becomes vector instructions.

    The whole part of x is written into the exponent bits of a float. For the rest stands the
    polynomial of degree 5 with the least relative error on [0, 1], 7.5e-8 (Lawson's iteration).
    """
    x = max(x, np.float32(-126))
    whole = np.floor(x)
    r = x - whole
    p = np.float32(1.877576675e-3)
    p = p * r + np.float32(8.989340090e-3)
    p = p * r + np.float32(5.582631805e-2)
    p = p * r + np.float32(2.401536170e-1)
    p = p * r + np.float32(6.931530732e-1)
    p = p * r + np.float32(9.999999251e-1)
    return np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32) * p
