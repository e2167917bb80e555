"""Any Hugging Face causal language model as a `Generator`, decoded in this process.

The aim is many short completions from shared prefixes on few cores. One batch serves all
outstanding requests: a row that ends makes room for the next in the queue, prefixes are computed
once (`trunks`), and rows that share one read it together (`kv_slots`). A completion depends on its
request alone, beyond the rounding of floating point (`noise`).

A small model is decoded in as many batches as there are cores, a thread each: its operations are
too short to be shared out one by one. The threads meet after a few steps, and only then rows are
handed out, so which batch a row is in, and so its rounding, does not depend on their speed.
"""

import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, Self

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from prmkit.errors import ModelError
from prmkit.generators.base import Collected, Completion, Failure, Reply, Request
from prmkit.generators.batch import Batch, Event, Row
from prmkit.generators.chat_text import ChatText, cut_at_stop
from prmkit.generators.content import content_hash
from prmkit.generators.kv_slots import ATTENTION
from prmkit.generators.quiet import quiet
from prmkit.generators.trunks import Ids
from prmkit.records import Usage

_SLICE = 4  # steps between two looks at the queue, so that their cost is shared
_SMALL_MODEL = 64 << 20  # bytes of weights that each core may read for itself at every step
_REFILL = 16  # the batch is rebuilt when one row in this many can change


class HfLocalGenerator:
    """A model directory, decoded here.

    Args:
        directory: config.json, tokenizer and safetensors weights, with a chat template.
        batch_size: The most completions decoded at once; memory grows with it, not results.
        device: `auto` (CUDA if there is any), `cpu`, `cuda`, `cuda:1`, ...
        threads: CPU threads for this process; None leaves the setting alone.
        dtype: Number format, e.g. `bfloat16`; None = float32 on a CPU, else the checkpoint's.

    Raises:
        ModelError: the directory cannot be used: files missing, no chat template, or an
            architecture that cannot be batched here.
    """

    def __init__(
        self,
        directory: Path | str,
        batch_size: int = 256,
        device: str = "auto",
        threads: int | None = None,
        dtype: str | None = None,
    ) -> None:
        directory = Path(directory)
        if threads is not None:
            torch.set_num_threads(threads)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = dtype or ("float32" if device == "cpu" else "auto")
        config = _load(AutoConfig, directory)
        self._text = ChatText(_load(AutoTokenizer, directory), _end_ids(config), str(directory))
        model = _load_model(directory, dtype).to(device)
        end_ids = frozenset(self._text.end_ids | _end_ids(model.generation_config))
        self._context = _context(model.config)
        n = _n_batches(model, batch_size)
        size = -(-batch_size // n)
        self._batches = [Batch(model, size, end_ids, self._context) for _ in range(n)]
        self._model_id = f"{directory.resolve().name}@{content_hash(directory)}/{model.dtype}"
        self._stop_sets: dict[tuple[str, ...], int] = {(): 0}
        self._n_tokens = int(model.config.vocab_size)
        self._arrivals: list[Row] = []
        self._queue: list[tuple[int, Ids, int, int, Row]] = []
        self._order = count()
        self._refused: list[Collected] = []

    @property
    def model_id(self) -> str:
        """Directory name, hash of configuration, tokenizer and weights, and number format."""
        return self._model_id

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request; one that cannot fit the model's context is refused at once."""
        ids = self._text.encode(request)
        needed = len(ids) + request.sampling.max_new_tokens
        if needed > self._context:
            message = f"{needed} tokens with max_new_tokens; the model takes {self._context}"
            self._refused.append(Collected(ticket, Failure(kind="too_long", message=message)))
            return
        self._arrivals.append(Row(ticket, request, ids, self._stop_set(request.sampling.stop)))

    def collect(self) -> list[Collected]:
        """Decode for a few tokens, until at least one completion is done."""
        done, self._refused = self._refused, []
        self._enqueue()
        with _Threads(len(self._batches)) as threads:
            while not done and (self._queue or any(batch.n_live for batch in self._batches)):
                for found in threads.map(self._advance, self._batches, self._shares()):
                    done += found
        return done

    def _shares(self) -> list[list[Row] | None]:
        """The rows that each batch takes from the queue; None where it is not worth a rebuild."""
        n_wanted = sum(batch.n_live for batch in self._batches) + len(self._queue)
        fair = -(-n_wanted // len(self._batches))
        shares: list[list[Row] | None] = []
        for batch in self._batches:
            n_new = max(0, min(batch.size, fair) - batch.n_live)
            n_new = min(n_new, len(self._queue))
            due = self._is_due(batch, n_new)
            shares.append([heapq.heappop(self._queue)[-1] for _ in range(n_new)] if due else None)
        return shares

    def _is_due(self, batch: Batch, n_new: int) -> bool:
        few = max(1, (batch.n_live + batch.n_done) // _REFILL)
        enough = n_new >= max(1, min(batch.size // _REFILL, len(self._queue)))
        return enough or batch.n_done >= few or not batch.n_live

    @torch.inference_mode()
    def _advance(self, batch: Batch, new: list[Row] | None) -> list[Collected]:
        """Decode one batch for a few tokens; what is done with them."""
        done: list[Collected] = []
        if new is not None:
            batch.rebuild(new)
        for _ in range(_SLICE):
            for event in batch.step():
                reply = self._judged(event)
                if reply is not None:
                    batch.finish(event.row)
                    done.append(Collected(event.row.ticket, reply))
        return done

    def _enqueue(self) -> None:
        """Queue what arrived, longest prompt first, prompts that start with each other together."""
        root: Ids = ()
        for row in sorted(self._arrivals, key=lambda r: r.ids, reverse=True):
            if root[: len(row.ids)] != row.ids:
                root = row.ids
            key = (-len(root), root, -len(row.ids), next(self._order), row)
            heapq.heappush(self._queue, key)
        self._arrivals = []

    def _judged(self, event: Event) -> Reply | None:
        """The completion, if the row is done."""
        row, written = event.row, event.written
        ids = written[:-1] if event.ended else written
        text = self._text.decode(row.ids[-1:], ids)
        cut = cut_at_stop(text, row.request.sampling.stop)
        if cut is None and not event.ended and not event.full:
            return None
        return Completion(
            text=text if cut is None else cut,
            token_ids=tuple(ids),
            finish_reason="length" if cut is None and not event.ended else "stop",
            usage=Usage(
                n_calls=1,
                prompt_tokens=len(row.ids),
                cached_prompt_tokens=row.n_cached,
                generated_tokens=len(written),
            ),
        )

    def _stop_set(self, stops: tuple[str, ...]) -> int:
        if stops not in self._stop_sets:
            flags = self._text.may_end(stops, self._n_tokens)
            (self._stop_sets[stops],) = {batch.watch(flags) for batch in self._batches}
        return self._stop_sets[stops]


_Advance = Callable[[Batch, list[Row] | None], list[Collected]]


class _Threads:
    """Runs a function on each batch at once, each in a thread that computes on one core.

    With one batch there is no thread, and torch keeps the threads that it has.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._before = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(n) if n > 1 else None

    def map(
        self, work: _Advance, batches: list[Batch], shares: list[list[Row] | None]
    ) -> Iterator[list[Collected]]:
        """The results in order."""
        if self._pool is None:
            return map(work, batches, shares)
        return self._pool.map(work, batches, shares)

    def __enter__(self) -> Self:
        if self._pool is not None:
            torch.set_num_threads(1)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            torch.set_num_threads(self._before)


def _n_batches(model: PreTrainedModel, batch_size: int) -> int:
    """One a core for a small model on a CPU, else one."""
    n_bytes = sum(p.numel() * p.element_size() for p in model.parameters())
    alone = model.device.type != "cpu" or n_bytes > _SMALL_MODEL
    return 1 if alone else min(torch.get_num_threads(), batch_size)


def _load(auto: Any, directory: Path, **options: Any) -> Any:
    try:
        with quiet():
            return auto.from_pretrained(directory, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"{directory}: {error}") from error


def _load_model(directory: Path, dtype: str) -> PreTrainedModel:
    options = {"dtype": dtype, "attn_implementation": ATTENTION, "use_safetensors": True}
    model: PreTrainedModel = _load(AutoModelForCausalLM, directory, **options).eval()
    kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        raise ModelError(f"{directory}: layers {sorted(kinds)}; allowed: full_attention")
    return model


def _context(config: Any) -> int:
    """Positions the model knows; attention that slides is full within its window."""
    windows = [config.max_position_embeddings]
    if getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None):
        windows.append(config.sliding_window)
    return int(min(windows))


def _end_ids(config: Any) -> set[int]:
    ids = getattr(config, "eos_token_id", None)
    if ids is None:
        return set()
    return set(ids) if isinstance(ids, list) else {int(ids)}
