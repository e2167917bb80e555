"""Batches of training examples, drawn fresh for every update, so that nothing is seen twice."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, NamedTuple

from prmkit.synthetic.examples import Example, State, judge_example, policy_example
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.tokenizer import END_OF_TEXT, build_tokenizer


class Batch(NamedTuple):
    """Token ids and what is to be learnt at each; all (B, T)."""

    ids: Any
    targets: Any
    """What to expect after it."""
    weights: Any
    """Weight of that; 0 = not trained on."""
    states: Any
    """What it says of its paragraph; see `State`."""
    said: Any
    """1 where the expected token is one that the model is to say, 0 where it reads on."""

    def to(self, device: str) -> "Batch":
        """The batch on a device."""
        return Batch(*(column.to(device) for column in self))


class _Row(NamedTuple):
    """One example as lists of the same length; meanings as in `Batch`."""

    ids: list[int]
    targets: list[int]
    weights: list[float]
    states: list[int]
    said: list[int]

    def padded(self, width: int, pad: int) -> "_Row":
        n = width - len(self.ids)
        blanks = ([pad] * n, [pad] * n, [0.0] * n, [State.UNKNOWN] * n, [0] * n)
        return _Row(*(a + b for a, b in zip(self, blanks, strict=True)))  # type: ignore[operator]


_POOL = 16  # batches drawn together, so that rows of like length share a batch


def _encode(tokenizer: Any, example: Example) -> _Row:
    ids: list[int] = []
    weights: list[float] = []
    states: list[int] = []
    instead: dict[int, tuple[int, float]] = {}
    n_read = 0
    for n, segment in enumerate((*example.read, *example.said)):
        if n == len(example.read):
            n_read = len(ids)
        piece = tokenizer.encode(segment.text, add_special_tokens=False).ids
        ids += piece
        weights += [segment.weight] * len(piece)
        states += [segment.state] * len(piece)
        if segment.state is State.WRONG:
            states[len(states) - len(piece) + 1 :] = [State.SPOILT] * (len(piece) - 1)
        if segment.due:
            due = tokenizer.encode(segment.due, add_special_tokens=False).ids[0]
            instead[len(ids) - 1] = (due, segment.due_weight)
    targets, weights = [*ids[1:], ids[-1]], [*weights[1:], 0.0]
    for at, (target, weight) in instead.items():
        targets[at], weights[at] = target, weight
    said = [int(at + 1 >= n_read) for at in range(len(ids))]
    return _Row(ids, targets, weights, states, said)


def batches(config: PretrainConfig, start: int = 0, workers: int = 0) -> Iterator[Batch]:
    """Batches for updates start, start + 1, ...; each depends on the seed and its number alone.

    Args:
        config: What they are for.
        start: Number of the first.
        workers: Processes that draw them ahead of their use; 0 = here, when they are due.
    """
    import torch

    pad = _tokenizer().token_to_id(END_OF_TEXT)
    last = min(config.updates, config.stop or config.updates)
    pools = range(start // _POOL, -(-last // _POOL))
    for pool, rows in zip(pools, _drawn(config, pools, workers), strict=True):
        first = pool * _POOL
        for row in rows[max(start - first, 0) : last - first]:
            width = max(len(example.ids) for example in row)
            padded = [example.padded(width, pad) for example in row]
            yield Batch(*(torch.tensor(column) for column in zip(*padded, strict=True)))


def _drawn(config: PretrainConfig, pools: range, workers: int) -> Iterator[list[list[_Row]]]:
    """The batches of each pool; with workers, two pools for each are on their way."""
    if not workers:
        yield from (_pool_rows(config, pool) for pool in pools)
        return
    waiting, left = deque[Any](), iter(pools)
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        for pool in islice(left, 2 * workers):
            waiting.append(executor.submit(_pool_rows, config, pool))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(executor.submit(_pool_rows, config, p) for p in islice(left, 1))


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return build_tokenizer()


def _drawing(config: PretrainConfig) -> Callable[[random.Random, float], Example]:
    if config.role == "judge":
        return judge_example
    return partial(policy_example, shuffled=config.shuffled, many=config.many)


def _pool_rows(config: PretrainConfig, pool: int) -> list[list[_Row]]:
    """`_POOL` batches of rows of like length, in random order."""
    tokenizer, draw = _tokenizer(), _drawing(config)
    rng = random.Random(f"pretrain/{config.role}/{config.seed}/{pool}")
    progress = pool * _POOL / config.updates
    examples: list[_Row] = []
    total = 0
    while total < config.batch_tokens * _POOL or len(examples) < _POOL:
        examples.append(_encode(tokenizer, draw(rng, progress)))
        total += len(examples[-1].ids)
    examples.sort(key=lambda e: len(e.ids))
    share, groups = total / _POOL, list[list[_Row]]()
    filled = 0.0
    for left, example in zip(range(len(examples), 0, -1), examples, strict=True):
        wanted = _POOL - len(groups)
        if wanted and (len(groups) <= filled // share or left == wanted):
            groups.append([])
        groups[-1].append(example)
        filled += len(example.ids)
    rng.shuffle(groups)
    return groups
