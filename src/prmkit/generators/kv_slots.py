"""Keys and values of a decoding batch, split into shared trunks and private tails.

Rollouts draw many completions from few prefixes, and the prefixes of one solution extend each
other, so a prefix is held once, as a trunk: a token sequence that any number of rows read the
first part of. What a row writes itself is its tail. One-token attention reads each trunk once for
all of its rows (as in Hydragen, arXiv 2402.05099): attention over trunk and tail is computed apart
and merged exactly by the two log-sum-exps.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, Cache, PreTrainedConfig, PreTrainedModel

from prmkit.errors import ModelError
from prmkit.generators import ragged

ATTENTION = "prmkit_slots"
"""Name under which the attention below is registered with transformers."""
_HIDDEN = -1e9  # added to a score that must not count; finite, so that an empty part is no NaN
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")  # attention variants with a term of their own


class KvStore:
    """Preallocated keys and values of all layers: axes (key/value, layer, slot, head, token, dim).

    Storage starts at zero; what lies beyond a sequence's length is finite and never read unmasked.
    The token axis is kept barely longer than the longest sequence, because attention reads all of
    it: on a CPU a product over rows with unused gaps between them takes three times as long.
    """

    def __init__(self, config: PreTrainedConfig, model: PreTrainedModel, n_slots: int) -> None:
        heads = config.num_attention_heads
        self.n_heads = int(getattr(config, "num_key_value_heads", None) or heads)
        head_dim = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
        shape = (2, int(config.num_hidden_layers), 1, self.n_heads, 1, head_dim)
        self.trunk = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self.tail = self.trunk.clone()
        self._most_slots = n_slots
        self._n_trunks = 0

    @property
    def bytes_per_token(self) -> int:
        """What the keys and values of one token take."""
        return 2 * self.trunk.shape[1] * self.n_heads * self.trunk.shape[5] * self.trunk.itemsize

    def fit_trunks(self, n_tokens: int, n_slots: int) -> None:
        """Make room for this many tokens in the first slots; nothing held is lost."""
        self._n_trunks = max(self._n_trunks, n_slots)
        self.trunk = self._fitted(self.trunk, n_tokens, self._n_trunks)

    def fit_tails(self, n_tokens: int, n_slots: int) -> None:
        """Make room for this many tokens in the first slots; nothing held is lost."""
        self.tail = self._fitted(self.tail, n_tokens, n_slots)

    def shrink(self, trunk_tokens: int, n_trunks: int, tail_tokens: int) -> None:
        """Give back room that is much more than these lengths; what lies beyond is lost."""
        self._n_trunks = n_trunks
        if trunk_tokens < _wasteful(self.trunk.shape[4]):
            self.trunk = _copied(self.trunk, self.trunk.shape[2], _roomy(trunk_tokens))
        if tail_tokens < _wasteful(self.tail.shape[4]):
            self.tail = _copied(self.tail, self.tail.shape[2], _roomy(tail_tokens))

    def _fitted(self, kv: Tensor, n_tokens: int, n_slots: int) -> Tensor:
        slots, tokens = kv.shape[2], kv.shape[4]
        if n_slots <= slots and n_tokens <= tokens:
            return kv
        if n_slots > slots:
            slots = min(self._most_slots, n_slots + max(8, n_slots // 4))
        return _copied(kv, slots, tokens if n_tokens <= tokens else _roomy(n_tokens))

    def move_tails(self, to: list[int], source: list[int], length: int) -> None:
        """Copy the first `length` tokens of some tails over others."""
        self.tail[:, :, to, :, :length] = self.tail[:, :, source, :, :length]

    def read_trunk(self, slot: int, length: int) -> Tensor:
        """A view of a trunk's first `length` tokens, without the slot axis."""
        return self.trunk[:, :, slot, :, :length]

    def write_trunk(self, slot: int, kv: Tensor) -> None:
        """Overwrite the start of a trunk."""
        self.fit_trunks(kv.shape[3], slot + 1)
        self.trunk[:, :, slot, :, : kv.shape[3]] = kv


def _copied(kv: Tensor, n_slots: int, n_tokens: int) -> Tensor:
    """Storage of another size, zero where the old one held nothing."""
    out = kv.new_zeros((*kv.shape[:2], n_slots, kv.shape[3], n_tokens, kv.shape[5]))
    old = kv[:, :, :n_slots, :, :n_tokens]
    out[:, :, : old.shape[2], :, : old.shape[4]] = old
    return out


def _roomy(n_tokens: int) -> int:
    return n_tokens + max(16, n_tokens // 8)


def _wasteful(n_tokens: int) -> int:
    """Room for `n_tokens` is too much for fewer than this."""
    return n_tokens // 2 - 16


class Pass(Protocol):
    """What one forward pass does with its new keys and values, and what its queries see."""

    def write(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values; those that the queries see, trunks apart."""

    def attend(self, layer: int, query: Tensor, kv: tuple[Tensor, Tensor], scale: float) -> Tensor:
        """Attention output of shape (rows, query heads, query tokens, dim)."""


class Extend:
    """Append tokens to trunks.

    Args:
        store: Where keys and values live.
        slots: The trunks, one a row of the pass.
        starts: How many tokens each already holds.
        n_new: Tokens of the longest extension; shorter rows are padded on the right.
    """

    def __init__(self, store: KvStore, slots: list[int], starts: list[int], n_new: int) -> None:
        self._store = store
        self._length = max(starts) + n_new
        store.fit_trunks(self._length, max(slots) + 1)
        device = store.trunk.device
        self._slots_R = torch.tensor(slots, device=device)
        new_N = torch.arange(n_new, device=device)
        self.positions_RN = torch.tensor(starts, device=device)[:, None] + new_N
        seen_K = torch.arange(self._length, device=device)
        self._mask = None if not any(starts) else seen_K <= self.positions_RN[:, None, :, None]

    def write(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the rows' new tokens; all tokens of their trunks."""
        for kv, new in zip(self._store.trunk[:, layer], (key, value), strict=True):
            kv[self._slots_R[:, None], :, self.positions_RN] = new.transpose(1, 2)
        if self._mask is None:
            return key, value
        keys, values = self._store.trunk[:, layer, :, :, : self._length]
        return keys[self._slots_R], values[self._slots_R]

    def attend(self, layer: int, query: Tensor, kv: tuple[Tensor, Tensor], scale: float) -> Tensor:
        """Causal attention within each trunk."""
        return scaled_dot_product_attention(
            query,
            *kv,
            attn_mask=self._mask,
            is_causal=self._mask is None,
            scale=scale,
            enable_gqa=query.shape[1] != kv[0].shape[1],
        )


@dataclass
class Readers:
    """Which rows read which trunk: row r is reader `place_B[r]` of trunk `slot_B[r]`.

    It sees `length_B[r]` tokens of it. `row_AG` is the inverse (0 where a trunk has fewer than G
    readers), `mask_AG` hides what lies beyond each reader's part of the trunk.
    """

    slot_B: Tensor
    length_B: Tensor
    place_B: Tensor
    row_AG: Tensor
    mask_AG: Tensor

    @classmethod
    def of(cls, store: KvStore, slots_B: list[int], lengths_B: list[int]) -> "Readers":
        """Build the table; `lengths_B` are the trunk tokens that each row sees."""
        device = store.trunk.device
        counts = [0] * (max(slots_B) + 1)
        places = []
        for slot in slots_B:
            places.append(counts[slot])
            counts[slot] += 1
        slot_B = torch.tensor(slots_B, device=device)
        place_B = torch.tensor(places, device=device)
        row_AG = torch.zeros((len(counts), max(counts)), dtype=torch.int64, device=device)
        row_AG[slot_B, place_B] = torch.arange(len(slots_B), device=device)
        length_B = torch.tensor(lengths_B, device=device)
        seen_T = torch.arange(store.trunk.shape[4], device=device)
        hidden = seen_T >= length_B[row_AG][:, :, None]
        return cls(slot_B, length_B, place_B, row_AG, hidden * _HIDDEN)


class OneToken:
    """One new token for each row, written to its tail.

    Args:
        store: Where keys and values live.
        readers: Who reads which trunk.
        lengths_B: Tokens in each row's tail before this pass.
        n_tail: Length of the longest tail after this pass.
    """

    def __init__(self, store: KvStore, readers: Readers, lengths_B: Tensor, n_tail: int) -> None:
        store.fit_tails(n_tail, len(lengths_B))
        self._store, self._readers, self._lengths_B = store, readers, lengths_B
        self._row_B = torch.arange(len(lengths_B), device=lengths_B.device)
        places = torch.arange(store.tail.shape[4], device=lengths_B.device)
        hidden = places > lengths_B[:, None]
        self._tail_mask = (hidden * _HIDDEN)[:, None, None]

    def write(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store each row's new token; the tails with it."""
        for kv, new in zip(self._store.tail[:, layer], (key, value), strict=True):
            kv[self._row_B, :, self._lengths_B] = new[:, :, 0]
        keys, values = self._store.tail[:, layer, : len(self._row_B)]
        return keys, values

    def attend(self, layer: int, query: Tensor, kv: tuple[Tensor, Tensor], scale: float) -> Tensor:
        """Attention over trunk and tail."""
        if ragged.usable(query):
            keys, values = self._store.trunk[:, layer]
            readers, n_tail_B = self._readers, self._lengths_B + 1
            trunk = readers.slot_B, readers.length_B
            out = ragged.attend(query[:, :, 0] * scale, (keys, values), *trunk, kv, n_tail_B)
            return out[:, :, None]
        return self._merged(layer, query, kv, scale)

    def _merged(self, layer: int, query: Tensor, kv: tuple[Tensor, Tensor], scale: float) -> Tensor:
        n_rows, n_query_heads, _, dim = query.shape
        query = (query * scale).view(n_rows, self._store.n_heads, -1, dim)
        on_tail = _attend(query, *kv, self._tail_mask)
        on_trunk = self._on_trunk(layer, query)
        share = torch.sigmoid(on_trunk.log_mass - on_tail.log_mass).to(query.dtype)
        out = torch.lerp(on_tail.value, on_trunk.value, share)
        return out.reshape(n_rows, n_query_heads, 1, dim)

    def _on_trunk(self, layer: int, query: Tensor) -> "_Part":
        readers, (_, heads, per_head, dim) = self._readers, query.shape
        n_trunks, n_places = readers.row_AG.shape
        # (A, G, heads, per_head, dim) -> one block of queries for each trunk and head
        grouped = query[readers.row_AG].transpose(1, 2).reshape(n_trunks, heads, -1, dim)
        mask = readers.mask_AG.repeat_interleave(per_head, dim=1)[:, None]
        keys, values = self._store.trunk[:, layer, :n_trunks]
        part = _attend(grouped, keys, values, mask)
        return _Part(*(self._by_row(x, n_places) for x in (part.value, part.log_mass)))

    def _by_row(self, grouped: Tensor, n_places: int) -> Tensor:
        n_trunks, heads, _, dim = grouped.shape
        by_place = grouped.view(n_trunks, heads, n_places, -1, dim).transpose(1, 2)
        return by_place[self._readers.slot_B, self._readers.place_B]


@dataclass
class _Part:
    """Attention over a part of the tokens and the log of the mass that the softmax divided by."""

    value: Tensor
    log_mass: Tensor


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> _Part:
    scores = torch.matmul(query, key.transpose(2, 3)).float() + mask
    weights = scores.softmax(-1)
    # the largest weight is exp(largest score - log mass): cheaper than a second exponential of all
    log_mass = scores.amax(-1, keepdim=True) - weights.amax(-1, keepdim=True).log()
    return _Part(torch.matmul(weights.to(value.dtype), value), log_mass)


class SlotCache(Cache):  # type: ignore[misc]  # transformers is untyped here
    """The transformers cache that hands new keys and values to the current pass."""

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.current: Pass | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Store the layer's new keys and values."""
        if self.current is None:
            raise ModelError("this architecture writes its cache outside of a pass")
        return self.current.write(layer_idx, key_states, value_states)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """0: positions and masks are given to the model, not derived from the cache."""
        return 0


def slot_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls; `slots` comes through the model's kwargs.

    Raises:
        ModelError: the architecture does not pass `slots` on, or has attention terms that this
            one lacks.
    """
    slots: Pass | None = kwargs.get("slots")
    scaling: float | None = kwargs.get("scaling")
    odd = [name for name in _UNSUPPORTED if kwargs.get(name) is not None]
    if slots is None or odd:
        raise ModelError(f"this architecture's attention cannot be batched here: {odd or 'kwargs'}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    layer = int(module.layer_idx)  # type: ignore[arg-type]  # an int on every attention module
    return slots.attend(layer, query, (key, value), scale).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, slot_attention)
