import json
from typing import get_args

import pytest

from prmkit.generators.base import Sampling
from prmkit.generators.openai_api.dialect import parameters, seed_field, takes_top_k
from prmkit.generators.openai_api.finding import Dialect

SAMPLING = Sampling(temperature=0.7, top_p=0.8, top_k=0, max_new_tokens=99, stop=("#",))


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_every_dialect_sends_length_temperature_nucleus_and_stop(dialect: Dialect) -> None:
    fields = parameters(dialect, SAMPLING)
    assert (fields["max_tokens"], fields["temperature"], fields["top_p"]) == (99, 0.7, 0.8)
    assert fields["stop"] == ["#"]
    assert "stop" not in parameters(dialect, Sampling())


def test_a_server_that_would_cut_the_distribution_by_default_is_told_not_to() -> None:
    # llama.cpp's README: top_k 40, min_p 0.05, repeat_penalty 1.1 unless told otherwise
    llama = parameters("llama.cpp", SAMPLING)
    assert (llama["top_k"], llama["min_p"], llama["repeat_penalty"]) == (0, 0.0, 1.0)
    vllm = parameters("vllm", SAMPLING, frozenset({7, 3}))
    assert (vllm["top_k"], vllm["min_p"], vllm["repetition_penalty"]) == (-1, 0.0, 1.0)
    assert vllm["stop_token_ids"] == [3, 7]


def test_transformers_gets_the_rest_as_the_text_of_a_generation_config() -> None:
    fields = parameters("transformers", SAMPLING, frozenset({7, 3}))
    assert json.loads(fields["generation_config"]) == {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "num_beams": 1,
        "max_new_tokens": 99,
        "eos_token_id": [3, 7],
        "pad_token_id": 3,
    }
    greedy = parameters("transformers", Sampling(temperature=0.0))
    assert json.loads(greedy["generation_config"])["do_sample"] is False


def test_seeds_fit_the_servers_number_and_are_never_its_word_for_random() -> None:
    assert seed_field("vllm", 2**53 - 1) == 2**53 - 1
    # llama.cpp reads 32 bits, and 2**32 - 1 asks for a random seed
    assert seed_field("llama.cpp", 2**32 - 1) == 0
    assert seed_field("llama.cpp", 2**53 - 1) < 2**32 - 1
    # SGLang has kept seeds in int32 tensors, which a larger one would overflow
    assert seed_field("sglang", 2**53 - 1) == 2**31 - 1


def test_only_openais_own_fields_lack_top_k() -> None:
    assert [d for d in get_args(Dialect) if not takes_top_k(d)] == ["plain"]
