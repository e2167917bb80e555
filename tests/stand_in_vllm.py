"""A module that is called as vLLM is, with the names recorded from its published wheel.

`vllm_interface.json` was read from vLLM 0.33.0's sources with `ast`. A name that is not in it
raises TypeError, as the real one would. The model behind it writes words drawn from (prompt ids,
seed).
"""

import json
import random
import types
from enum import Enum
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

INTERFACE: dict[str, Any] = json.loads((Path(__file__).parent / "vllm_interface.json").read_text())
WORDS = ("so", "then", "we", "add", "two", "apples", "and", "get", "forty")


def arguments(of: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a call of `of` binds: unknown names and missing ones are refused."""
    known = INTERFACE[of]
    if odd := given.keys() - set(known):
        raise TypeError(f"{of}: unexpected {sorted(odd)}")
    if isinstance(known, list):
        return given
    if missing := [n for n, default in known.items() if default is None and n not in given]:
        raise TypeError(f"{of}: missing {missing}")
    return given


class SamplingParams:
    watermarking: Any = None  # the real one's fields are attributes of the class, too

    def __init__(self, **given: Any) -> None:
        self.given = arguments("SamplingParams", given)
        if not 0 <= self.given["temperature"] <= 2:
            raise ValueError(f"temperature must be in [0, 2], got {self.given['temperature']}.")

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["given"][name]


class EngineArgs:
    def __init__(self, **given: Any) -> None:
        self.given = arguments("EngineArgs", given)


RequestOutputKind = Enum("RequestOutputKind", INTERFACE["RequestOutputKind"])  # type: ignore[misc]


class LLMEngine:
    """Every `step` writes one token of each running request."""

    started: list["LLMEngine"] = []  # noqa: RUF012  # what a test looks at
    fault: Exception | None = None

    def __init__(self, tokenizer: Any, engine_args: EngineArgs) -> None:
        if self.fault is not None:
            raise self.fault
        self.tokenizer = tokenizer
        self.args = engine_args.given
        self.model_config = SimpleNamespace(max_model_len=self.args["max_model_len"] or 512)
        self.engine_core = SimpleNamespace(shutdown=self._shutdown)
        self.is_shut_down = False
        self.added: list[tuple[str, list[int], SamplingParams]] = []
        self.left: dict[str, int] = {}
        self.n_most_running = 0
        self.dies_of: Exception | None = None
        self.finish_reason = ""
        self.started.append(self)

    def _shutdown(self) -> None:
        self.is_shut_down = True

    def add_request(self, request_id: str, prompt: Any, params: Any, **more: Any) -> str:
        arguments(
            "LLMEngine.add_request",
            {"request_id": request_id, "prompt": prompt, "params": params, **more},
        )
        arguments("TokensPrompt", prompt)
        if any(not 0 <= i < len(self.tokenizer) for i in prompt["prompt_token_ids"]):
            raise ValueError("Token id is out of vocabulary")
        self.added.append((request_id, prompt["prompt_token_ids"], params))
        self.left[request_id] = len(self._tokens(request_id)[0])
        self.n_most_running = max(self.n_most_running, len(self.left))
        return f"{request_id}-internal"

    def step(self) -> list[Any]:
        if self.dies_of is not None:
            raise self.dies_of
        for request_id in self.left:
            self.left[request_id] -= 1
        done = [request_id for request_id, n in self.left.items() if n <= 0]
        for request_id in done:
            del self.left[request_id]
        return [self._output(request_id) for request_id in done]

    def _tokens(self, request_id: str) -> tuple[list[int], str]:
        """The ids that the model writes, the end token included, and the finish reason."""
        ids, params = next((i, p) for r, i, p in reversed(self.added) if r == request_id)
        chance = random.Random(f"{ids} {params.seed if params.temperature else 'greedy'}")
        text = " ".join(chance.choices(WORDS, k=chance.randint(2, 6)))
        written = [*self.tokenizer(text)["input_ids"], params.stop_token_ids[-1]]
        if len(written) > params.max_tokens:
            return written[: params.max_tokens], "length"
        return written, "stop"

    def _output(self, request_id: str) -> Any:
        ids, reason = self._tokens(request_id)
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        fields = {"index": 0, "text": text, "token_ids": ids, "cumulative_logprob": None}
        fields |= {"logprobs": None, "finish_reason": self.finish_reason or reason}
        assert fields.keys() <= INTERFACE["CompletionOutput"].keys()
        prompt = next(i for r, i, _ in reversed(self.added) if r == request_id)
        output = {"request_id": request_id, "prompt_token_ids": prompt, "finished": True}
        output |= {"outputs": [SimpleNamespace(**fields)], "num_cached_tokens": None}
        assert output.keys() <= INTERFACE["RequestOutput"].keys()
        return SimpleNamespace(**output)


def module(tokenizer: Any) -> dict[str, types.ModuleType]:
    """Modules to put where an import of vLLM looks, over this tokenizer."""

    class Engine(LLMEngine):
        started: list[LLMEngine] = []  # noqa: RUF012  # those of this module alone
        fault = None

        @classmethod
        def from_engine_args(cls, engine_args: EngineArgs) -> LLMEngine:
            return cls(tokenizer, engine_args)

    top, params = types.ModuleType("vllm"), types.ModuleType("vllm.sampling_params")
    top.__spec__ = ModuleSpec("vllm", None)
    names = {"SamplingParams": SamplingParams, "EngineArgs": EngineArgs, "LLMEngine": Engine}
    top.__dict__.update(names)
    params.__dict__["RequestOutputKind"] = RequestOutputKind
    return {"vllm": top, "vllm.sampling_params": params}
