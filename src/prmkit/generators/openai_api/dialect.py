"""Which sampling parameters a server is sent, under which names; all of them, always.

A server fills in what a request leaves out: 16 tokens (vLLM's `max_tokens`), the model's
generation_config.json (vLLM, SGLang), top_k 40 and min_p 0.05 (llama.cpp). So every parameter that
shapes the distribution is sent with the value that `Sampling` means by leaving it alone.

`n` is always 1. vLLM gives child i of a request the seed `seed + i`, so a draw made with `n` would
not be decided by the draw's own seed, and could not be drawn again alone; draws of one prefix are
sent one after another instead, and the server's prefix cache saves the prefill.
"""

import json
from collections.abc import Mapping
from typing import Any

from prmkit.generators.base import Sampling
from prmkit.generators.openai_api.finding import Dialect

_SEEDS: Mapping[Dialect, int] = {
    "vllm": 2**53,
    "transformers": 2**53,
    "llama.cpp": 2**32 - 1,  # an unsigned 32-bit number, of which the largest means "random"
    "sglang": 2**31,  # some versions keep it in a signed 32-bit tensor
    "plain": 2**31,
}
"""Seeds are sent modulo this; two draws of a prompt meet by it once in 10^8 prompts of 8 draws."""


def parameters(
    dialect: Dialect, sampling: Sampling, end_ids: frozenset[int] = frozenset()
) -> dict[str, Any]:
    """The fields of a request that say how tokens are drawn, without the seed.

    Args:
        dialect: The server's words.
        sampling: What is meant.
        end_ids: Tokens that end a completion; sent where the dialect has a field for them.
    """
    fields: dict[str, Any] = {
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stream": False,
    }
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if dialect == "transformers":
        return fields | {"generation_config": _generation_config(sampling, end_ids)}
    fields |= {"n": 1, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    return fields | _extras(dialect, sampling, end_ids)


def seed_field(dialect: Dialect, seed: int) -> int:
    """The seed as the server takes it."""
    return seed % _SEEDS[dialect]


def takes_top_k(dialect: Dialect) -> bool:
    """Whether the dialect has a word for top-k."""
    return dialect != "plain"


def _extras(dialect: Dialect, sampling: Sampling, end_ids: frozenset[int]) -> dict[str, Any]:
    """What goes beyond OpenAI's own fields."""
    if dialect == "plain":
        return {}
    if dialect == "llama.cpp":
        return {
            "top_k": sampling.top_k,
            "min_p": 0.0,
            "typical_p": 1.0,
            "repeat_penalty": 1.0,
            "dry_multiplier": 0.0,
            "xtc_probability": 0.0,
            "dynatemp_range": 0.0,
            "mirostat": 0,
            "cache_prompt": True,
        }
    fields = {
        "top_k": sampling.top_k or -1,
        "min_p": 0.0,
        "min_tokens": 0,
        "repetition_penalty": 1.0,
        "stop_token_ids": sorted(end_ids),
        "ignore_eos": False,
        "skip_special_tokens": True,
    }
    if dialect == "vllm":
        fields |= {
            "add_special_tokens": False,
            "include_stop_str_in_output": False,
            "return_token_ids": True,
        }
    return fields


def _generation_config(sampling: Sampling, end_ids: frozenset[int]) -> str:
    """`transformers serve` refuses unknown fields and takes these as the text of a JSON object."""
    fields: dict[str, Any] = {
        "do_sample": sampling.temperature > 0,
        "top_k": sampling.top_k,
        "repetition_penalty": 1.0,
        "num_beams": 1,
        "max_new_tokens": sampling.max_new_tokens,
    }
    if sampling.temperature > 0:
        fields |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if end_ids:
        fields |= {"eos_token_id": sorted(end_ids), "pad_token_id": min(end_ids)}
    return json.dumps(fields)
