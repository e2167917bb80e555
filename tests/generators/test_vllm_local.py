"""vLLM's engine, against a stand-in that is called as vLLM 0.33 is (vLLM itself needs a GPU)."""

import gc
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import stand_in_vllm as stand_in
from tiny_models import tiny_backbone, tiny_tokenizer

from prmkit.config import ModelConfig, VllmConfig, load_recipe
from prmkit.errors import ConfigError, MissingExtra, ModelError
from prmkit.generators.base import Completion, Failure, Message, Reply, Request, Sampling, generate
from prmkit.generators.load import check_config, load_config

SAMPLING = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=60)
TOY = Path(__file__).parents[2] / "recipes" / "toy.yaml"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("model"), tiny_tokenizer())


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in's engine class, where `import vllm` finds it."""
    modules = stand_in.module(tiny_tokenizer())
    for name, found in modules.items():
        monkeypatch.setitem(sys.modules, name, found)
    monkeypatch.delitem(sys.modules, "prmkit.generators.vllm_local", raising=False)
    yield modules["vllm"].LLMEngine
    sys.modules.pop("prmkit.generators.vllm_local", None)


def config(directory: Path, **changes: Any) -> ModelConfig:
    settings = {"model": str(directory), "vllm": VllmConfig(), "sampling": SAMPLING}
    return ModelConfig.model_validate(settings | changes)


def request(seed: int = 1, question: str = "2 + 2?", prefix: str = "", **changes: Any) -> Request:
    return Request(
        messages=(Message(role="user", content=question),),
        prefix=prefix,
        seed=seed,
        sampling=SAMPLING.model_copy(update=changes),
    )


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies if isinstance(reply, Completion)]


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_error_names_the_extra_before_anything_runs(directory: Path) -> None:
    for use in (check_config, load_config):
        with pytest.raises(MissingExtra, match=r"vllm is not installed; run: pip install 'prmkit"):
            use(config(directory))


def test_the_prompt_is_the_rendered_chat_and_the_prefix_as_ids(
    engines: Any, directory: Path
) -> None:
    generator = load_config(config(directory))
    generate(generator, [request(prefix="Step 1\n\n")])
    ((_, ids, _),) = engines.started[0].added
    text = "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\nStep 1\n\n"
    assert ids == tiny_tokenizer()(text, add_special_tokens=False)["input_ids"]


def test_every_parameter_that_shapes_a_completion_is_set(engines: Any, directory: Path) -> None:
    generator = load_config(config(directory))
    generate(generator, [request(seed=77, stop=("!",))])
    ((_, _, params),) = engines.started[0].added
    sent = {k: v for k, v in params.given.items() if k not in ("stop_token_ids", "output_kind")}
    assert sent == {
        **{"n": 1, "seed": 77, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.0},
        **{"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0},
        **{"max_tokens": 60, "min_tokens": 0, "stop": ["!"], "ignore_eos": False},
        **{"include_stop_str_in_output": False, "skip_special_tokens": True, "detokenize": True},
        "watermarking": False,
    }
    assert params.given["stop_token_ids"] == [tiny_tokenizer().eos_token_id]
    assert params.given["output_kind"].name == "FINAL_ONLY"


def test_the_engine_caches_prefixes_runs_no_foreign_code_and_takes_no_defaults(
    engines: Any, directory: Path
) -> None:
    settings = VllmConfig(tensor_parallel=2, memory=0.5, context=300, dtype="bfloat16")
    load_config(config(directory, vllm=settings, batch_size=9))
    assert engines.started[0].args == {
        **{"model": str(directory), "tokenizer": str(directory), "trust_remote_code": False},
        **{"seed": 0, "dtype": "bfloat16", "tensor_parallel_size": 2, "max_num_seqs": 9},
        **{"gpu_memory_utilization": 0.5, "max_model_len": 300, "enable_prefix_caching": True},
        **{"generation_config": "vllm", "disable_log_stats": True},
    }


def test_each_draw_has_its_seed_whatever_else_is_drawn(engines: Any, directory: Path) -> None:
    generator = load_config(config(directory, batch_size=4))
    together = generate(generator, [request(seed=s) for s in range(20)])
    alone = [generate(generator, [request(seed=s)])[0] for s in reversed(range(20))][::-1]
    assert texts(together) == texts(alone)
    assert len(set(texts(together))) > 15
    assert engines.started[0].n_most_running == 4


def test_requests_are_added_by_problem_then_prefix(engines: Any, directory: Path) -> None:
    generator = load_config(config(directory, batch_size=1))
    asked = [("p", "a\n\nb\n\n"), ("q", "a\n\n"), ("p", "a\n\n"), ("q", ""), ("p", "a\n\n")]
    generate(generator, [request(s, q, prefix) for s, (q, prefix) in enumerate(asked)])
    assert [ticket for ticket, _, _ in engines.started[0].added] == ["2", "4", "0", "3", "1"]


def test_an_end_is_stop_and_a_cut_is_length_and_both_are_counted(
    engines: Any, directory: Path
) -> None:
    generator = load_config(config(directory))
    ended, cut = generate(generator, [request(), request(max_new_tokens=3)])
    assert isinstance(ended, Completion)
    assert isinstance(cut, Completion)
    assert (ended.finish_reason, cut.finish_reason) == ("stop", "length")
    assert ended.text.startswith(cut.text)
    assert len(ended.token_ids) == ended.usage.generated_tokens - 1  # without the end token
    assert (len(cut.token_ids), cut.usage.generated_tokens, cut.usage.n_calls) == (3, 3, 1)
    assert cut.usage.prompt_tokens == len(engines.started[0].added[0][1])


@pytest.mark.parametrize("reason", ["abort", "error", "repetition"])
def test_any_other_finish_is_a_failure(engines: Any, directory: Path, reason: str) -> None:
    generator = load_config(config(directory))
    engines.started[0].finish_reason = reason
    (reply,) = generate(generator, [request()])
    assert isinstance(reply, Failure)
    assert reason in reply.message


def test_what_cannot_fit_is_refused_and_the_rest_goes_on(engines: Any, directory: Path) -> None:
    generator = load_config(config(directory, vllm=VllmConfig(context=120)))
    long, short = generate(generator, [request(prefix="x" * 200), request()])
    assert isinstance(long, Failure)
    assert (long.kind, isinstance(short, Completion)) == ("too_long", True)
    assert "the engine takes 120" in long.message


def test_what_vllm_refuses_is_a_failure_with_its_words(engines: Any, directory: Path) -> None:
    generator = load_config(config(directory))
    hot, fine = generate(generator, [request(temperature=3.0), request()])
    assert hot == Failure(kind="refused", message="temperature must be in [0, 2], got 3.0.")
    assert isinstance(fine, Completion)


def test_sampling_that_vllm_refuses_is_found_before_a_model_loads(
    engines: Any, directory: Path
) -> None:
    hot = SAMPLING.model_copy(update={"temperature": 3.0})
    with pytest.raises(ConfigError, match=r"sampling: temperature must be in \[0, 2\]"):
        load_config(config(directory, sampling=hot))
    assert not engines.started


def test_an_engine_that_does_not_start_or_dies_is_one_line(
    engines: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "fault", RuntimeError("No CUDA GPUs are available\nat x.py"))
    with pytest.raises(ModelError, match=r"vLLM: No CUDA GPUs are available$"):
        load_config(config(directory))
    monkeypatch.setattr(engines, "fault", None)
    generator = load_config(config(directory))
    engines.started[0].dies_of = RuntimeError("EngineCore encountered an issue.")
    generator.submit(0, request())
    with pytest.raises(ModelError, match="vLLM's engine stopped: EngineCore encountered"):
        generator.collect()


def test_letting_go_of_the_generator_ends_the_engine(engines: Any, directory: Path) -> None:
    generator = load_config(config(directory))
    assert generator.collect() == []
    del generator
    gc.collect()
    assert engines.started[0].is_shut_down


def test_models_of_other_content_or_format_share_no_completions(
    engines: Any, directory: Path, tmp_path: Path
) -> None:
    other = tiny_backbone(tmp_path / directory.name, tiny_tokenizer("<extra>"))
    ids = {
        load_config(config(directory)).model_id,
        load_config(config(directory, vllm=VllmConfig(dtype="float16"))).model_id,
        load_config(config(other)).model_id,
    }
    assert len(ids) == 3


def test_a_recipe_chooses_vllm(engines: Any, directory: Path) -> None:
    sets = [f"policies.strong.model={directory}", "policies.strong.vllm={tensor_parallel: 2}"]
    chosen = load_recipe(TOY, sets).policies["strong"]
    check_config(chosen)
    load_config(chosen)
    assert engines.started[0].args["tensor_parallel_size"] == 2


def test_vllm_and_servers_exclude_each_other() -> None:
    sets = ["policies.strong.vllm={}", "policies.strong.base_url=http://localhost:1"]
    with pytest.raises(ConfigError, match="base_url and vllm are two places to decode"):
        load_recipe(TOY, sets)
