from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from prmkit.errors import ModelError
from prmkit.generators.kv_slots import (
    Extend,
    KvStore,
    OneToken,
    Readers,
    SlotCache,
    slot_attention,
)

HEADS, GROUPS, DIM = 2, 3, 4


def empty_store(n_slots: int = 16, dtype: torch.dtype = torch.float32) -> KvStore:
    config: Any = SimpleNamespace(
        num_attention_heads=HEADS * GROUPS,
        num_key_value_heads=HEADS,
        num_hidden_layers=1,
        head_dim=DIM,
    )
    model: Any = SimpleNamespace(dtype=dtype, device=torch.device("cpu"))
    return KvStore(config, model, n_slots)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


FORMATS = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
"""In float32 a CPU attends row by row, in any other format by padded tensors."""


SIZES = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 120)), min_size=1, max_size=12)


@given(SIZES, st.integers(0, 300), st.integers(1, 16))
def test_making_room_loses_nothing(writes: list[tuple[int, int]], tails: int, rows: int) -> None:
    store = empty_store()
    held: dict[int, Tensor] = {}
    for slot, length in writes:
        held[slot] = noise(2, 1, HEADS, length, DIM)
        store.write_trunk(slot, held[slot])
        store.fit_tails(tails, rows)
        for other, kv in held.items():
            assert torch.equal(store.read_trunk(other, kv.shape[3]), kv)
    longest = max(kv.shape[3] for kv in held.values())
    store.shrink(longest, max(held) + 1, tails)
    for other, kv in held.items():
        assert torch.equal(store.read_trunk(other, kv.shape[3]), kv)
    assert bool(store.trunk.isfinite().all())


def test_room_is_given_back() -> None:
    store = empty_store()
    store.write_trunk(0, noise(2, 1, HEADS, 1000, DIM))
    store.fit_tails(1000, 3)
    store.shrink(10, 1, 10)
    assert store.trunk.shape[4] < 100
    assert store.tail.shape[4] < 100


@FORMATS
def test_one_token_attention_equals_attention_over_the_whole_sequence(dtype: torch.dtype) -> None:
    # 4 rows: two read all 5 tokens of trunk 0, one reads 3 of them, one all 7 of trunk 1
    slots, lengths, tails = [0, 1, 0, 0], [5, 7, 3, 5], torch.tensor([0, 2, 1, 4])
    store = empty_store(dtype=dtype)
    trunks = [noise(2, 1, HEADS, 5, DIM).to(dtype), noise(2, 1, HEADS, 7, DIM).to(dtype)]
    for slot, kv in enumerate(trunks):
        store.write_trunk(slot, kv)
    store.fit_tails(5, 4)
    written = noise(2, 1, 4, HEADS, 5, DIM).to(dtype)
    store.tail[:, :, :4, :, :5] = written
    work = OneToken(store, Readers.of(store, slots, lengths), tails, 5)
    query = noise(4, HEADS * GROUPS, 1, DIM).to(dtype)
    key, value = noise(2, 4, HEADS, 1, DIM).to(dtype)
    got = work.attend(0, query, work.write(0, key, value), scale=0.5)
    for row in range(4):
        n_tail = int(tails[row])
        seen = [
            torch.cat([trunks[slots[row]][i, 0, :, : lengths[row]], written[i, 0, row, :, :n_tail],
                       (key, value)[i][row]], dim=1)
            for i in range(2)
        ]  # fmt: skip
        keys, values = (s.repeat_interleave(GROUPS, 0) for s in seen)
        expected = scaled_dot_product_attention(query[row], keys, values, scale=0.5)
        assert torch.allclose(got[row], expected, atol=1e-6)


@FORMATS
def test_a_row_without_a_trunk_sees_its_own_token_alone(dtype: torch.dtype) -> None:
    store = empty_store(dtype=dtype)
    work = OneToken(store, Readers.of(store, [0], [0]), torch.tensor([0]), 1)
    key, value = noise(2, 1, HEADS, 1, DIM).to(dtype)
    got = work.attend(
        0, noise(1, HEADS * GROUPS, 1, DIM).to(dtype), work.write(0, key, value), scale=1.0
    )
    assert torch.allclose(got, value.repeat_interleave(GROUPS, 1))


def test_trunks_extended_in_two_passes_equal_one_pass() -> None:
    query, key, value = noise(2, HEADS * GROUPS, 9, DIM), *noise(2, 2, HEADS, 9, DIM)
    store = empty_store()
    once = Extend(store, [0, 1], [0, 0], 9)
    expected = once.attend(0, query, once.write(0, key, value), 0.5)
    # trunk 1 first gets 6 tokens, trunk 0 four; then five and three more, the latter padded
    parts = empty_store()
    first = Extend(parts, [1, 0], [0, 0], 6)
    first.write(0, key[[1, 0], :, :6], value[[1, 0], :, :6])
    second = Extend(parts, [0, 1], [4, 6], 5)
    new = torch.tensor([[4, 5, 6, 7, 8], [6, 7, 8, 8, 8]])
    rows = torch.arange(2)[:, None]
    q, k, v = (x[rows, :, new].transpose(1, 2) for x in (query, key, value))
    got = second.attend(0, q, second.write(0, k, v), 0.5)
    assert torch.allclose(got[0], expected[0, :, 4:], atol=1e-6)
    assert torch.allclose(got[1, :, :3], expected[1, :, 6:], atol=1e-6)


def test_an_architecture_that_does_not_fit_is_an_error() -> None:
    module: Any = SimpleNamespace(layer_idx=0)
    x = noise(1, 1, 1, DIM)
    with pytest.raises(ModelError, match="kwargs"):
        slot_attention(module, x, x, x, None)
    work = OneToken(empty_store(), Readers.of(empty_store(), [0], [0]), torch.tensor([0]), 1)
    with pytest.raises(ModelError, match="softcap"):
        slot_attention(module, x, x, x, None, slots=work, softcap=30.0)
    with pytest.raises(ModelError, match="outside of a pass"):
        SlotCache().update(x, x, 0)
