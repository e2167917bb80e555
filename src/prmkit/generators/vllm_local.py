"""vLLM's engine in this process as a `Generator` (extra `vllm`).

Requests are added to the engine one by one and collected as they finish, so that its batch stays
full whatever the caller decides next. Prompts are token ids, rendered and encoded here with the
model's own template: a completion continues its prefix exactly. Prefix caching is on, and requests
are added in an order that profits from it. One request is one draw with its own seed, never
`n` > 1: vLLM seeds the i-th child of a request with seed + i, which is another draw's seed.

Written for the interface of vLLM 0.33 (`LLMEngine.add_request` and `step`, `SamplingParams`,
`RequestOutput`), which is older than that; tests hold it against a record of that version's.
"""

import contextlib
import heapq
import weakref
from pathlib import Path
from typing import Any

from prmkit.config import ModelConfig, VllmConfig
from prmkit.errors import ConfigError, MissingExtra, ModelError
from prmkit.generators.base import (
    Collected,
    Completion,
    Failure,
    Reply,
    Request,
    Sampling,
    beyond_context,
)
from prmkit.generators.content import content_hash
from prmkit.generators.ordering import PromptOrder
from prmkit.generators.text_side import TextSide, load_text_side
from prmkit.records import Usage

try:
    import vllm
    from vllm.sampling_params import RequestOutputKind
except ImportError as error:
    raise MissingExtra.of(error.name or "vllm", "vllm") from error


class VllmGenerator:
    """A model in vLLM's engine; close it, or let go of it, to give the GPU's memory back.

    Args:
        model: A directory or a hub name.
        config: With `vllm` set; its sampling is checked, and sent with each request.
        tokenizer: Directory or hub name of the tokenizer.

    Raises:
        ConfigError: vLLM takes no such sampling.
        ModelError: the tokenizer or the model cannot be used.
    """

    def __init__(self, model: str | Path, config: ModelConfig, tokenizer: str | Path) -> None:
        self._side = load_text_side(tokenizer)
        self._end_ids = sorted(self._side.text.end_ids)
        try:
            self._params(config.sampling, seed=0)
        except ValueError as error:
            raise ConfigError(f"model {config.model!r}: sampling: {error}") from error
        self._most = config.batch_size
        self._engine = _load(model, tokenizer, config)
        self.close = weakref.finalize(self, _shut_down, self._engine)
        """Drop what is outstanding and end the engine; twice is allowed."""
        self._context = int(self._engine.model_config.max_model_len)
        self._model_id = _model_id(model, self._side, config.vllm)
        self._order = PromptOrder()
        self._waiting: list[tuple[tuple[int, str, int], int, Request, tuple[int, ...]]] = []
        self._running: set[int] = set()
        self._refused: list[Collected] = []

    @property
    def model_id(self) -> str:
        """The model's name, a hash of its files or of its tokenizer, and the number format."""
        return self._model_id

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request; one that cannot fit the model's context is refused at once."""
        ids = self._side.text.encode(request)
        failure = beyond_context(len(ids), request, self._context, "the engine")
        if failure is not None:
            self._refused.append(Collected(ticket, failure))
            return
        heapq.heappush(self._waiting, (self._order.of(ticket, request), ticket, request, ids))

    def collect(self) -> list[Collected]:
        """Decode until at least one completion is done; all that are.

        Raises:
            ModelError: the engine died.
        """
        self._fill()
        done, self._refused = self._refused, []
        while not done and self._running:
            try:
                outputs = self._engine.step()
            except Exception as error:  # an engine dies of anything; none goes on
                raise ModelError(f"vLLM's engine stopped: {_first_line(error)}") from error
            done = [self._finished(output) for output in outputs if output.finished]
            self._fill()
        return done

    def _fill(self) -> None:
        """Hand over as many requests as are decoded at once, the first in order."""
        while self._waiting and len(self._running) < self._most:
            _, ticket, request, ids = heapq.heappop(self._waiting)
            try:
                params = self._params(request.sampling, request.seed)
                prompt = {"prompt_token_ids": list(ids)}
                self._engine.add_request(str(ticket), prompt, params)
            except ValueError as error:
                self._order.done(ticket)
                refused = Failure(kind="refused", message=_first_line(error))
                self._refused.append(Collected(ticket, refused))
                continue
            self._running.add(ticket)

    def _finished(self, output: Any) -> Collected:
        ticket = int(output.request_id)
        self._running.discard(ticket)
        self._order.done(ticket)
        return Collected(ticket, _reply(output, self._end_ids))

    def _params(self, sampling: Sampling, seed: int) -> Any:
        """Every parameter that shapes a completion, so that no default of vLLM's decides one."""
        # marks that newer versions put into the choice of tokens
        newer = {"watermarking": False} if hasattr(vllm.SamplingParams, "watermarking") else {}
        return vllm.SamplingParams(
            n=1,
            seed=seed,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=0.0,
            repetition_penalty=1.0,
            presence_penalty=0.0,
            frequency_penalty=0.0,
            max_tokens=sampling.max_new_tokens,
            min_tokens=0,
            stop=list(sampling.stop),
            stop_token_ids=self._end_ids,
            ignore_eos=False,
            include_stop_str_in_output=False,
            skip_special_tokens=True,
            detokenize=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
            **newer,
        )


def _load(model: str | Path, tokenizer: str | Path, config: ModelConfig) -> Any:
    settings = config.vllm or VllmConfig()
    try:
        return vllm.LLMEngine.from_engine_args(
            vllm.EngineArgs(
                model=str(model),
                tokenizer=str(tokenizer),
                trust_remote_code=False,
                seed=0,
                dtype=settings.dtype,
                tensor_parallel_size=settings.tensor_parallel,
                gpu_memory_utilization=settings.memory,
                max_model_len=settings.context,
                max_num_seqs=config.batch_size,
                enable_prefix_caching=True,
                generation_config="vllm",  # the checkpoint's would fill in what is not sent
                disable_log_stats=True,
            )
        )
    except Exception as error:  # drivers, memory, files, architectures: anything
        raise ModelError(f"model {config.model!r}: vLLM: {_first_line(error)}") from error


def _shut_down(engine: Any) -> None:
    with contextlib.suppress(Exception):  # it may be dead already
        engine.engine_core.shutdown()


def _reply(output: Any, end_ids: list[int]) -> Reply:
    (written,) = output.outputs
    if written.finish_reason not in ("stop", "length"):
        message = f"finish reason {written.finish_reason!r} of vLLM"
        return Failure(kind="server", message=message)
    ids = [int(i) for i in written.token_ids]
    return Completion(
        text=written.text,
        token_ids=tuple(ids[:-1] if ids and ids[-1] in end_ids else ids),
        finish_reason=written.finish_reason,
        usage=Usage(
            n_calls=1,
            prompt_tokens=len(output.prompt_token_ids),
            cached_prompt_tokens=output.num_cached_tokens or 0,
            generated_tokens=len(ids),
        ),
    )


def _model_id(model: str | Path, side: TextSide, config: VllmConfig | None) -> str:
    settings = config or VllmConfig()
    path = Path(model)
    content = content_hash(path) if path.is_dir() else side.digest
    name = path.resolve().name if path.is_dir() else str(model)
    return f"{name}@{content}/vllm {settings.dtype}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
