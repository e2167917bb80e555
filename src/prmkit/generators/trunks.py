"""Which prefixes are held as trunks, which rows read them, and which are kept for later.

A prompt finds the trunk that already holds it, or extends the one that it continues, or starts a
new one that copies what it shares with another. Trunks in use lie side by side in the first slots
of the store; a trunk that loses its last reader goes to a shelf, oldest out first, because the
next request of an annotator usually continues it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from torch import Tensor

_BLOCK = 16  # prefixes are looked up at multiples of this many tokens, and whole
_MOST_READERS = 8  # a trunk's queries are padded to the largest group, so groups stay small

Ids = tuple[int, ...]


class Storage(Protocol):
    """The part of `KvStore` that holds trunks."""

    def read_trunk(self, slot: int, length: int) -> Tensor:
        """A view of a trunk's first `length` tokens, tokens on axis 3."""

    def write_trunk(self, slot: int, kv: Tensor) -> None:
        """Overwrite the start of a trunk."""


class Trunk:
    """A token sequence whose keys and values are held once."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        """The tokens that it holds, or will hold after the next extension."""
        self.starts: set[Ids] = set()
        """What it was ever to be found by; a start outlives the extension of `ids`."""
        self.n_computed = 0
        """How many of them have keys and values."""
        self.n_readers = 0
        """Rows that read it now."""
        self.slot: int | None = None
        """Where it lies in the store; None on the shelf."""
        self.shelved: Tensor | None = None
        """Its keys and values on the shelf."""


class Acquired(NamedTuple):
    """A trunk and how many tokens must be computed because of this request."""

    trunk: Trunk
    n_new: int


class Trunks:
    """All trunks of one generator.

    Args:
        store: Where keys and values live.
        shelf_tokens: How many tokens of unused trunks to keep.
    """

    def __init__(self, store: Storage, shelf_tokens: int) -> None:
        self._store = store
        self._shelf_tokens = shelf_tokens
        self._n_shelved = 0
        self._shelf: OrderedDict[int, Trunk] = OrderedDict()
        self._by_start: dict[Ids, Trunk] = {}
        self.active: list[Trunk] = []
        """Trunks with readers; a trunk's index here is its slot."""

    def acquire(self, ids: Ids) -> Acquired:
        """A trunk that starts with `ids`, with one reader more; see also `pending`."""
        near = self._nearest(ids)
        shared = 0 if near is None else _n_shared(near.ids, ids)
        if near is None or shared < min(len(ids), len(near.ids)) or near.n_readers >= _MOST_READERS:
            near = self._start(ids, near, shared)
            n_new = len(ids) - near.n_computed
        else:
            self._activate(near)
            n_new = max(0, len(ids) - len(near.ids))
            if n_new:
                near.ids = ids
                self._index(near)
        near.n_readers += 1
        return Acquired(near, n_new)

    def release(self, trunk: Trunk) -> None:
        """One reader fewer; without any, the trunk leaves its slot to the last active one."""
        trunk.n_readers -= 1
        if trunk.n_readers or trunk.slot is None:
            return
        trunk.shelved = self._store.read_trunk(trunk.slot, trunk.n_computed).clone()
        last = self.active.pop()
        if last is not trunk and last.slot is not None:
            kv = self._store.read_trunk(last.slot, last.n_computed)
            self._store.write_trunk(trunk.slot, kv)
            self.active[trunk.slot] = last
            last.slot = trunk.slot
        trunk.slot = None
        self._shelf[id(trunk)] = trunk
        self._n_shelved += len(trunk.ids)
        while self._n_shelved > self._shelf_tokens:
            _, oldest = self._shelf.popitem(last=False)
            self._forget(oldest)

    def pending(self) -> list[Trunk]:
        """Active trunks with tokens that have no keys and values yet."""
        return [t for t in self.active if t.n_computed < len(t.ids)]

    def _nearest(self, ids: Ids) -> Trunk | None:
        return next((self._by_start[s] for s in _starts(ids) if s in self._by_start), None)

    def _start(self, ids: Ids, donor: Trunk | None, n_shared: int) -> Trunk:
        trunk = Trunk(ids)
        trunk.slot = len(self.active)
        self.active.append(trunk)
        # a donor that came with the same batch has nothing yet, not even its slot in the store
        if donor is not None and donor.n_computed:
            trunk.n_computed = min(n_shared, donor.n_computed)
            self._store.write_trunk(trunk.slot, self._held(donor)[:, :, :, : trunk.n_computed])
        self._index(trunk)
        return trunk

    def _activate(self, trunk: Trunk) -> None:
        if trunk.shelved is None:
            return
        del self._shelf[id(trunk)]
        self._n_shelved -= len(trunk.ids)
        trunk.slot = len(self.active)
        self.active.append(trunk)
        self._store.write_trunk(trunk.slot, trunk.shelved)
        trunk.shelved = None

    def _held(self, trunk: Trunk) -> Tensor:
        if trunk.shelved is not None:
            return trunk.shelved
        return self._store.read_trunk(trunk.slot or 0, trunk.n_computed)

    def _index(self, trunk: Trunk) -> None:
        trunk.starts.update(_starts(trunk.ids))
        self._by_start.update(dict.fromkeys(_starts(trunk.ids), trunk))

    def _forget(self, trunk: Trunk) -> None:
        self._n_shelved -= len(trunk.ids)
        trunk.shelved = None
        for start in trunk.starts:
            if self._by_start.get(start) is trunk:
                del self._by_start[start]


def _starts(ids: Ids) -> Iterator[Ids]:
    """The whole sequence, then its starts at block boundaries, longest first."""
    yield ids
    for end in range((len(ids) - 1) // _BLOCK * _BLOCK, 0, -_BLOCK):
        yield ids[:end]


def _n_shared(a: Ids, b: Ids) -> int:
    """Length of the longest common start."""
    for at, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return at
    return min(len(a), len(b))
