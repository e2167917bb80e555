"""Decode many short completions: `HfLocalGenerator` against the decoders of transformers.

The work is the mix of a small Monte-Carlo annotation: prompts of 60 to 200 tokens in groups of
equal ones, completions of 5 to 90 tokens, lengths forced so that every engine writes the same
number of tokens. The model has Qwen2's architecture, about 1.0 M random weights, and no end token.

    python benchmarks/decode.py [--requests 2000] [--rounds 3] [--threads 2] [--engines ours,...]

Each round runs every engine once, in turn, so that a busy machine slows them alike. Printed are the
medians over rounds: tokens a second of wall time, tokens a second of CPU time, and the ratio of CPU
times to the first engine's.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    ContinuousBatchingConfig,
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.utils import logging

from prmkit.generators.base import Completion, Message, Request, Sampling, generate
from prmkit.generators.hf_local import HfLocalGenerator

BATCH = 256
VOCABULARY = 448


class Job(NamedTuple):
    """One completion to write."""

    text: str
    ids: list[int]
    n_new: int


class Timing(NamedTuple):
    """What one engine took for all jobs."""

    wall_s: float
    cpu_s: float


def build_model(directory: Path) -> PreTrainedTokenizerFast:
    """Random weights and a tokenizer with one token a character."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = alphabet + [f"<{i}>" for i in range(VOCABULARY - len(alphabet))]
    inner = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=384,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    Qwen2ForCausalLM(config).save_pretrained(directory)
    return tokenizer


def build_jobs(tokenizer: PreTrainedTokenizerFast, n: int, group: int) -> list[Job]:
    """The mix; `group` jobs in a row have equal prompts."""
    chance = random.Random(0)
    jobs = []
    for _ in range(-(-n // group)):
        text = "".join(chance.choices("0123456789 +-=", k=chance.randint(60, 200)))
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        for _ in range(group):
            jobs.append(Job(text, ids, min(90, 5 + int(chance.expovariate(1 / 30)))))
    return jobs[:n]


def ours(directory: Path) -> Callable[[list[Job]], int]:
    """`HfLocalGenerator`."""
    generator = HfLocalGenerator(directory, batch_size=BATCH)

    def run(jobs: list[Job]) -> int:
        requests = [
            Request(
                messages=(Message(role="user", content=job.text),),
                seed=seed,
                sampling=Sampling(max_new_tokens=job.n_new),
            )
            for seed, job in enumerate(jobs)
        ]
        replies = generate(generator, requests)
        return sum(r.usage.generated_tokens for r in replies if isinstance(r, Completion))

    return run


class RowLimits(StoppingCriteria):  # type: ignore[misc]  # transformers is untyped here
    """Ends each row of a `generate` call at its own length."""

    def __init__(self, jobs: list[Job], n_prompt: int) -> None:
        self._limits = torch.tensor([n_prompt + job.n_new for job in jobs])

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Which rows are done."""
        return self._limits <= input_ids.shape[1]


def hf_generate(cache: str) -> Callable[[Path], Callable[[list[Job]], int]]:
    """`model.generate` on left-padded batches of prompts sorted by length."""

    def load(directory: Path) -> Callable[[list[Job]], int]:
        model = AutoModelForCausalLM.from_pretrained(directory).eval()

        def run(jobs: list[Job]) -> int:
            jobs = sorted(jobs, key=lambda job: len(job.ids))
            return sum(batch(jobs[at : at + BATCH]) for at in range(0, len(jobs), BATCH))

        def batch(jobs: list[Job]) -> int:
            width = max(len(job.ids) for job in jobs)
            rows = [[0] * (width - len(job.ids)) + job.ids for job in jobs]
            seen = [[0] * (width - len(job.ids)) + [1] * len(job.ids) for job in jobs]
            with torch.inference_mode():
                model.generate(
                    input_ids=torch.tensor(rows),
                    attention_mask=torch.tensor(seen),
                    do_sample=True,
                    top_k=0,
                    max_new_tokens=max(job.n_new for job in jobs),
                    cache_implementation=cache,
                    stopping_criteria=StoppingCriteriaList([RowLimits(jobs, width)]),
                    disable_compile=True,
                )
            return sum(job.n_new for job in jobs)

        return run

    return load


def hf_continuous(directory: Path) -> Callable[[list[Job]], int]:
    """Transformers' own continuous batching, with its prefix sharing."""
    model = AutoModelForCausalLM.from_pretrained(directory).eval()

    def run(jobs: list[Job]) -> int:
        manager = model.init_continuous_batching(
            generation_config=GenerationConfig(do_sample=True, top_k=0, eos_token_id=-1),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=32, num_blocks=4096, max_batch_tokens=4096, max_requests_per_batch=BATCH
            ),
        )
        manager.start()
        for job in jobs:
            manager.add_request(job.ids, max_new_tokens=job.n_new)
        n_tokens = 0
        for _ in jobs:
            result = manager.get_result(timeout=600)
            if result is None:
                raise RuntimeError("transformers' continuous batching stopped")
            n_tokens += len(result.generated_tokens)
        manager.stop(block=True)
        return n_tokens

    return run


ENGINES: dict[str, Callable[[Path], Callable[[list[Job]], int]]] = {
    "ours": ours,
    "generate": hf_generate("dynamic"),
    "generate_static": hf_generate("static"),
    "continuous": hf_continuous,
}


def timed(run: Callable[[list[Job]], int], jobs: list[Job]) -> Timing:
    """Run once and check the amount of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    n_tokens = run(jobs)
    timing = Timing(time.perf_counter() - wall, time.process_time() - cpu)
    expected = sum(job.n_new for job in jobs)
    if n_tokens != expected:
        raise RuntimeError(f"{n_tokens} tokens written, {expected} asked for")
    return timing


def report(timings: dict[str, list[Timing]], n_tokens: int) -> None:
    """Print medians over rounds."""
    print(f"{'engine':18}{'tokens/s':>10}{'tokens/CPU s':>14}{'CPU time ratio':>16}")
    base = statistics.median(t.cpu_s for t in next(iter(timings.values())))
    for name, rounds in timings.items():
        wall = statistics.median(t.wall_s for t in rounds)
        cpu = statistics.median(t.cpu_s for t in rounds)
        print(f"{name:18}{n_tokens / wall:10.0f}{n_tokens / cpu:14.0f}{cpu / base:16.2f}")


def main() -> None:
    """Read options, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--group", type=int, default=8, help="equal prompts in a row")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engines", default=",".join(ENGINES))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        jobs = build_jobs(build_model(Path(folder)), options.requests, options.group)
        engines = {name: ENGINES[name](Path(folder)) for name in options.engines.split(",")}
        timings: dict[str, list[Timing]] = {name: [] for name in engines}
        for run in engines.values():
            run(jobs[:16])
        for _ in range(options.rounds):
            for name, run in engines.items():
                timings[name].append(timed(run, jobs))
    n_tokens = sum(job.n_new for job in jobs)
    n_prompt = sum(len(job.ids) for job in jobs)
    print(f"{len(jobs)} requests, {n_prompt} prompt tokens, {n_tokens} new, batch {BATCH}")
    report(timings, n_tokens)


if __name__ == "__main__":
    main()
