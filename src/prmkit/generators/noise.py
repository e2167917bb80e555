"""Sampling noise as a pure function of (seed, position, token id), computed for a batch at once.

A draw by the exponential race: with E_v independent standard exponentials, argmax_v p_v / E_v is v
with probability p_v (Gumbel-max, Gumbel 1954, with the logarithm left out). The E_v come from a
counter-based hash, as in Salmon et al. 2011 (Parallel random numbers: as easy as 1, 2, 3), so no
generator state exists and a draw does not depend on what else is in its batch.

The hash is MurmurHash3's 32-bit finaliser over the token id, with one 32-bit key added before and
another between its rounds; both keys come from a splitmix64 hash of (seed, position).
"""

import torch
from torch import Tensor

_GOLDEN_64 = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed number: splitmix64's increment
_MIX_A_64 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_B_64 = -7723592293110705685  # 0x94D049BB133111EB
_GOLDEN_32 = -1640531527  # 0x9E3779B9
_MIX_A_32 = -2048144789  # 0x85EBCA6B, MurmurHash3 fmix32
_MIX_B_32 = -1028477387  # 0xC2B2AE35
_LARGEST = 1.0 - 2.0**-24  # the largest float32 below 1; at 1 the exponential would be infinite


def exponentials(seeds_B: Tensor, positions_B: Tensor, n_tokens: int) -> Tensor:
    """Standard exponential noise, one value for each row and token id.

    Args:
        seeds_B: int64, the seed of each row's draw.
        positions_B: int64, how many tokens each row's completion already has.
        n_tokens: Size of the vocabulary.

    Returns:
        float32 of shape (B, n_tokens), each value in (0, 17).
    """
    keys_B = _splitmix(_splitmix(seeds_B) + positions_B)
    first_B1 = keys_B.to(torch.int32)[:, None]
    second_B1 = (keys_B >> 32).to(torch.int32)[:, None]
    tokens_V = torch.arange(n_tokens, dtype=torch.int32, device=seeds_B.device) * _GOLDEN_32
    bits = _finalise(tokens_V + first_B1, second_B1)
    uniform = (bits & 0x7FFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-31)
    return uniform.clamp_(max=_LARGEST).neg_().log1p_().neg_()


def _splitmix(x: Tensor) -> Tensor:
    """The splitmix64 output function; int64 arithmetic wraps, which is what it needs."""
    x = x + _GOLDEN_64
    x = (x ^ _shift_right(x, 30, 64)) * _MIX_A_64
    x = (x ^ _shift_right(x, 27, 64)) * _MIX_B_64
    return x ^ _shift_right(x, 31, 64)


def _finalise(bits: Tensor, key: Tensor) -> Tensor:
    """Mix int32 `bits` in place, adding `key` between the two multiplications."""
    bits ^= _shift_right(bits, 16, 32)
    bits *= _MIX_A_32
    bits += key
    bits ^= _shift_right(bits, 13, 32)
    bits *= _MIX_B_32
    bits ^= _shift_right(bits, 16, 32)
    return bits


def _shift_right(x: Tensor, n: int, width: int) -> Tensor:
    """Logical right shift; the one that torch has repeats the sign."""
    return (x >> n) & ((1 << (width - n)) - 1)
