"""Any Hugging Face causal language model as a `Generator`, decoded in this process.

The aim is many short completions from shared prefixes on few cores. One batch serves all
outstanding requests: a row that ends makes room for the next in the queue, prefixes are computed
once (`trunks`), and rows that share one read it together (`kv_slots`). A completion depends on its
request alone, beyond the rounding of floating point (`noise`).

A small model on a CPU is better decoded by a process a core (`crew`), each of which has one of
these.
"""

import heapq
from itertools import count
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from prmkit.errors import ModelError
from prmkit.generators.base import Collected, Completion, Reply, Request, beyond_context
from prmkit.generators.batch import Batch, Event, Row
from prmkit.generators.chat_text import ChatText, cut_at_stop
from prmkit.generators.content import content_hash
from prmkit.generators.kv_slots import ATTENTION
from prmkit.generators.quiet import quiet
from prmkit.generators.trunks import Ids
from prmkit.records import Usage

_SLICE = 4  # steps between two looks at the queue, so that their cost is shared
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
        self._batch = Batch(model, batch_size, end_ids, self._context)
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
        failure = beyond_context(len(ids), request, self._context, "the model")
        if failure is not None:
            self._refused.append(Collected(ticket, failure))
            return
        self._arrivals.append(Row(ticket, request, ids, self._stop_set(request.sampling.stop)))

    def collect(self) -> list[Collected]:
        """Decode for a few tokens, until at least one completion is done."""
        done, self._refused = self._refused, []
        self._enqueue()
        while not done and (self._queue or self._batch.n_live):
            done += self._advance()
        return done

    @torch.inference_mode()
    def _advance(self) -> list[Collected]:
        """Decode for a few tokens; what is done with them."""
        done: list[Collected] = []
        new = self._share()
        if new is not None:
            self._batch.rebuild(new)
        for _ in range(_SLICE):
            for event in self._batch.step():
                reply = self._judged(event)
                if reply is not None:
                    self._batch.finish(event.row)
                    done.append(Collected(event.row.ticket, reply))
        return done

    def _share(self) -> list[Row] | None:
        """The rows to take from the queue; None where it is not worth a rebuild."""
        batch = self._batch
        n_new = min(batch.size - batch.n_live, len(self._queue))
        few = max(1, (batch.n_live + batch.n_done) // _REFILL)
        enough = n_new >= max(1, min(batch.size // _REFILL, len(self._queue)))
        if not (enough or batch.n_done >= few or not batch.n_live):
            return None
        return [heapq.heappop(self._queue)[-1] for _ in range(n_new)]

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
            self._stop_sets[stops] = self._batch.watch(flags)
        return self._stop_sets[stops]


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
