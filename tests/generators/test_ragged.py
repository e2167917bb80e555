import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from prmkit.generators import ragged


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 11), st.integers(1, 11)),
        min_size=1,
        max_size=6,
    ),
    heads=st.integers(1, 3),
    per_head=st.integers(1, 3),
    spread=st.sampled_from([0.1, 1.0, 30.0]),
)
def test_each_row_attends_to_its_own_tokens_and_to_nothing_else(
    rows: list[tuple[int, int, int]], heads: int, per_head: int, spread: float
) -> None:
    """What lies beyond a row's tokens is infinite here: it would spoil whatever read it."""
    draws = torch.Generator().manual_seed(len(rows))
    dim, room = 8, 12
    query = torch.randn(len(rows), heads * per_head, dim, generator=draws) * spread
    trunk = torch.randn(2, 4, heads, room, dim, generator=draws)
    tail = torch.randn(2, len(rows), heads, room, dim, generator=draws)
    expected = []
    for row, (slot, n_trunk, n_tail) in enumerate(rows):
        keys, values = torch.cat([trunk[:, slot, :, :n_trunk], tail[:, row, :, :n_tail]], dim=2)
        tail[:, row, :, n_tail:] = math.inf
        expected.append(
            scaled_dot_product_attention(
                query[row, :, None].double(),
                keys.repeat_interleave(per_head, 0).double(),
                values.repeat_interleave(per_head, 0).double(),
                scale=1.0,
            )[:, 0]
        )
    for slot in range(4):
        seen = max((n_trunk for at, n_trunk, _ in rows if at == slot), default=0)
        trunk[:, slot, :, seen:] = math.inf
    slot_B, n_trunk_B, n_tail_B = torch.tensor(rows).T.contiguous()
    got = ragged.attend(
        query, (trunk[0], trunk[1]), slot_B, n_trunk_B, (tail[0], tail[1]), n_tail_B
    )
    torch.testing.assert_close(got.double(), torch.stack(expected), atol=1e-5, rtol=1e-4)


def test_the_exponential_is_right_to_two_in_ten_million() -> None:
    for x in (*np.linspace(-20, 0, 997), -125.5, -126.0):
        got = float(ragged._exp(np.float32(x)))
        assert got == pytest.approx(2.0 ** float(np.float32(x)), rel=2e-7)
    assert 0 <= float(ragged._exp(np.float32(-1e30))) < 2e-38


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_number_formats_are_left_to_tensor_operations(dtype: torch.dtype) -> None:
    assert ragged.usable(torch.zeros(1))
    assert not ragged.usable(torch.zeros(1, dtype=dtype))


def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8])
def test_compiled_and_plain_kernels_agree_on_any_remainder_of_four(n: int) -> None:
    query, keys, scores = drawn(5), drawn(n, 5), drawn(n) * 4
    for kernel, inputs, out in (
        (ragged._dots, (query, keys), scores),
        (ragged._add, (scores, keys), query),
    ):
        compiled, plain = out.copy(), out.copy()
        kernel(*inputs, compiled)
        kernel.py_func(*inputs, plain)
        np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)
    compiled, plain = scores.copy(), scores.copy()
    sums = ragged._exponentials(compiled), ragged._exponentials.py_func(plain)
    assert sums[0] == pytest.approx(sums[1], rel=1e-6)
    np.testing.assert_allclose(compiled, plain, rtol=1e-6)


def test_the_compiled_attention_agrees_with_the_plain_one() -> None:
    trunk, tail = (drawn(2, 2, 6, 4), drawn(2, 2, 6, 4) + 1), (drawn(3, 2, 5, 4), drawn(3, 2, 5, 4))
    reads, n_tail = (np.array([1, 0, 1]), np.array([6, 0, 3])), np.array([1, 5, 2])
    compiled, plain = drawn(3, 4, 4), drawn(3, 4, 4)
    ragged._attend(drawn(3, 4, 4), trunk, reads, tail, n_tail, compiled)
    ragged._attend.py_func(drawn(3, 4, 4), trunk, reads, tail, n_tail, plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)


@given(st.floats(-126, 0, width=32))
def test_the_exponential_is_the_same_compiled_or_not(x: float) -> None:
    got = float(ragged._exp(np.float32(x)))
    assert got == pytest.approx(float(ragged._exp.py_func(np.float32(x))), rel=3e-7)
