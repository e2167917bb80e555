"""The decoding batch: rows that each write one completion, advanced one token at a time.

Rows that are done stay in the batch until `rebuild`, so that the work of moving rows is paid once
for several of them; what they write meanwhile is ignored.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prmkit.generators.base import Request
from prmkit.generators.choosing import Draws, choose
from prmkit.generators.kv_slots import Extend, KvStore, OneToken, Pass, Readers, SlotCache
from prmkit.generators.trunks import Ids, Trunk, Trunks

_PREFILL_TOKENS = 4096  # padded tokens of one prefill pass
_SHELF_BYTES = 1 << 26  # keys and values of prefixes that nobody reads now


@dataclass(eq=False)
class Row:
    """One completion being written."""

    ticket: int
    """The caller's number for it."""
    request: Request
    """What was asked."""
    ids: Ids
    """The prompt."""
    stop_set: int = 0
    """Which table of stopping tokens applies to it."""
    trunk: Trunk | None = None
    """Holds all of the prompt but its last token, which is the first to be fed."""
    n_cached: int = 0
    """Prompt tokens that were not computed for this row."""


@dataclass(frozen=True)
class Event:
    """A row that may be done."""

    row: Row
    written: list[int]
    """Every token so far, an end token too."""
    ended: bool
    """Whether the last token is an end token."""
    full: bool
    """Whether it reached `max_new_tokens`."""


class Batch:
    """Rows over one model.

    Args:
        model: A causal language model that attends through `kv_slots.ATTENTION`.
        size: The most rows.
        end_ids: Tokens that end a completion.
        context: The most positions that the model knows.
    """

    def __init__(
        self, model: PreTrainedModel, size: int, end_ids: frozenset[int], context: int
    ) -> None:
        self.size = size
        self._model = model
        self._context = context
        self._cache = SlotCache()
        self._store = KvStore(model.config, model, size)
        shelf_tokens = min(512 * size, _SHELF_BYTES // self._store.bytes_per_token)
        self._trunks = Trunks(self._store, shelf_tokens)
        self._rows: list[Row] = []
        self._done: set[int] = set()
        self._watch_SV: Tensor = self._flags(end_ids, int(model.config.vocab_size))[None]
        self._end_V = self._watch_SV[0]
        self._state: _State | None = None

    @property
    def n_live(self) -> int:
        """Rows that are still being written."""
        return len(self._rows) - len(self._done)

    @property
    def n_done(self) -> int:
        """Rows that only wait to be removed."""
        return len(self._done)

    def watch(self, may_end_V: list[bool]) -> int:
        """Add a table of tokens after which a row must be looked at; its `stop_set` number."""
        ids = frozenset(i for i, may in enumerate(may_end_V) if may)
        flags_V = self._flags(ids, len(self._end_V)) | self._end_V
        self._watch_SV = torch.cat([self._watch_SV, flags_V[None]])
        return len(self._watch_SV) - 1

    def finish(self, row: Row) -> None:
        """Mark a row as done."""
        self._done.add(self._rows.index(row))

    def rebuild(self, new: list[Row]) -> None:
        """Remove rows that are done and add new ones, at most as many as there is room for."""
        keep = self._close_gaps()
        self._rows = [self._rows[i] for i in keep]
        self._admit(new)
        self._rows += new
        if not self._rows:
            self._state = None
            return
        device = self._model.device
        fresh = _State.of(new, device)
        if self._state is not None and keep:
            fresh = self._state.select(torch.tensor(keep, device=device)).joined(fresh)
        self._state = fresh
        self._n_longest = int(fresh.n_written_B.max())
        active = self._trunks.active
        longest = max(len(t.ids) for t in active)
        self._store.shrink(longest, len(active), self._n_longest)
        slots = [r.trunk.slot or 0 for r in self._rows if r.trunk is not None]
        self._readers = Readers.of(self._store, slots, [len(r.ids) - 1 for r in self._rows])

    def step(self) -> list[Event]:
        """Write one token in each row; the rows that may be done with it."""
        state = self._state
        if state is None:
            return []
        self._n_longest += 1
        work = OneToken(self._store, self._readers, state.n_written_B, self._n_longest)
        positions_B = (state.n_prompt_B - 1 + state.n_written_B).clamp(max=self._context - 1)
        logits_BV = self._forward(work, state.last_B[:, None], positions_B[:, None])
        token_B = choose(logits_BV, state.draws, state.n_written_B)
        state.reserve(self._n_longest)
        state.write(token_B)
        full_B = state.n_written_B >= state.limit_B
        seen_B = full_B | self._watch_SV[state.stop_set_B, token_B]
        return self._events(seen_B, full_B, token_B)

    def _events(self, seen_B: Tensor, full_B: Tensor, token_B: Tensor) -> list[Event]:
        seen = [i for i in seen_B.nonzero()[:, 0].tolist() if i not in self._done]
        if not seen or self._state is None:
            return []
        at = torch.tensor(seen, device=token_B.device)
        lengths = self._state.n_written_B[at].tolist()
        written = self._state.written_BN[at, : max(lengths)].tolist()
        ended, full = self._end_V[token_B[at]].tolist(), full_B[at].tolist()
        return [
            Event(self._rows[i], tokens[:n], e, f)
            for i, tokens, n, e, f in zip(seen, written, lengths, ended, full, strict=True)
        ]

    def _close_gaps(self) -> list[int]:
        """Fill done rows' places with the last live rows; old indices in their new order."""
        for i in self._done:
            trunk = self._rows[i].trunk
            if trunk is not None:
                self._trunks.release(trunk)
        live = [i for i in range(len(self._rows)) if i not in self._done]
        gaps = sorted(i for i in self._done if i < len(live))
        movers = live[len(live) - len(gaps) :]
        if gaps:
            self._store.move_tails(gaps, movers, self._n_longest)
        moved = dict(zip(gaps, movers, strict=True))
        self._done = set()
        return [moved.get(i, i) for i in range(len(live))]

    def _admit(self, new: list[Row]) -> None:
        """Find or make each row's trunk and compute what is missing, a pass's worth at a time."""
        n_pending = 0
        for row in new:
            row.trunk, n_new = self._trunks.acquire(row.ids[:-1])
            row.n_cached = len(row.ids) - 1 - n_new
            n_pending += n_new
            if n_pending >= _PREFILL_TOKENS:
                self._prefill()
                n_pending = 0
        self._prefill()

    def _prefill(self) -> None:
        pending = sorted(self._trunks.pending(), key=lambda t: len(t.ids) - t.n_computed)
        while pending:
            longest = len(pending[-1].ids) - pending[-1].n_computed
            n = max(1, _PREFILL_TOKENS // longest)
            self._extend(pending[-n:], longest)
            del pending[-n:]

    def _extend(self, trunks: list[Trunk], n_new: int) -> None:
        starts = [t.n_computed for t in trunks]
        work = Extend(self._store, [t.slot or 0 for t in trunks], starts, n_new)
        new = [t.ids[start:] for t, start in zip(trunks, starts, strict=True)]
        padded = [[*ids, *([ids[-1]] * (n_new - len(ids)))] for ids in new]
        positions = work.positions_RN.clamp(max=self._context - 1)
        self._forward(work, torch.tensor(padded, device=positions.device), positions)
        for trunk in trunks:
            trunk.n_computed = len(trunk.ids)

    def _forward(self, work: Pass, ids: Tensor, positions: Tensor) -> Tensor:
        self._cache.current = work
        out = self._model(
            input_ids=ids,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
            slots=work,
        )
        logits: Tensor = out.logits[:, -1]
        return logits

    def _flags(self, ids: frozenset[int], n: int) -> Tensor:
        flags = torch.zeros(n, dtype=torch.bool, device=self._model.device)
        flags[[i for i in ids if i < n]] = True
        return flags


@dataclass
class _State:
    """Tensors with one entry a row."""

    draws: Draws
    n_prompt_B: Tensor
    n_written_B: Tensor
    limit_B: Tensor
    stop_set_B: Tensor
    last_B: Tensor
    written_BN: Tensor

    @classmethod
    def of(cls, rows: list[Row], device: torch.device) -> "_State":
        def column(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.int64, device=device)

        return cls(
            Draws.of([r.request for r in rows], device),
            column([len(r.ids) for r in rows]),
            column([0] * len(rows)),
            column([r.request.sampling.max_new_tokens for r in rows]),
            column([r.stop_set for r in rows]),
            column([r.ids[-1] for r in rows]),
            torch.zeros((len(rows), 64), dtype=torch.int64, device=device),
        )

    def write(self, token_B: Tensor) -> None:
        row_B = torch.arange(len(token_B), device=token_B.device)
        self.written_BN[row_B, self.n_written_B] = token_B
        self.n_written_B = self.n_written_B + 1
        self.last_B = token_B

    def reserve(self, n: int) -> None:
        missing = n - self.written_BN.shape[1]
        if missing > 0:
            more = self.written_BN.new_zeros((len(self.written_BN), max(missing, 64)))
            self.written_BN = torch.cat([self.written_BN, more], dim=1)

    def select(self, rows: Tensor) -> "_State":
        return _State(
            self.draws.select(rows),
            *(getattr(self, name)[rows] for name in _COLUMNS),
        )

    def joined(self, other: "_State") -> "_State":
        other.reserve(self.written_BN.shape[1])
        self.reserve(other.written_BN.shape[1])
        both = ((getattr(self, name), getattr(other, name)) for name in _COLUMNS)
        return _State(self.draws.joined(other.draws), *(torch.cat(pair) for pair in both))


_COLUMNS = ("n_prompt_B", "n_written_B", "limit_B", "stop_set_B", "last_B", "written_BN")
