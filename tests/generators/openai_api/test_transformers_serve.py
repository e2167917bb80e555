"""Against a real server: `transformers serve` of the installed transformers, on loopback.

It is started without a model and loads each one that a request names, in the number format that
`hf_local` decodes in on a CPU: rounding to another one would change greedy choices.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from stub_servers import QUICK_FAULTS, FaultyProxy
from tiny_models import tiny_llama

from prmkit.answers.extract import extract_answer
from prmkit.config import ModelConfig, RolloutConfig
from prmkit.generators.base import (
    Completion,
    Generator,
    Message,
    Reply,
    Request,
    Sampling,
    generate,
)
from prmkit.generators.drive import drive
from prmkit.generators.load import load_config, resolve_model
from prmkit.generators.openai_api.client import Patience
from prmkit.generators.openai_api.generator import OpenAiGenerator, check_servers
from prmkit.records import CheckedAnswer, McAnnotation, Outcome, Problem, Solution, Usage
from prmkit.rollouts.draws import Rollouts
from prmkit.rollouts.sequential import annotate_sequential
from prmkit.sampling import Policy, sample_solutions
from prmkit.synthetic.problems import make_parts

pytest.importorskip("fastapi", reason="transformers serve needs fastapi, uvicorn and openai")
pytest.importorskip("uvicorn", reason="transformers serve needs fastapi, uvicorn and openai")
pytest.importorskip("openai", reason="transformers serve needs fastapi, uvicorn and openai")

pytestmark = pytest.mark.slow
START_S = 180


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program = Path(sys.executable).with_name("transformers")
    where = ["--host", "127.0.0.1", "--port", port]
    command = [str(program), "serve", *where, "--device", "cpu", "--dtype", "float32"]
    log = tmp_path_factory.mktemp("log") / "serve.txt"
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(command, env=settings, stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the server answers."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health") as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"transformers serve did not start: {log.read_text()[-2000:]}")


def requests(sampling: Sampling) -> list[Request]:
    """Whole answers and continued prefixes, with and without a stop text."""
    return [
        Request(
            messages=(Message(role="user", content=f"What is {i} + {i * i}?"),),
            prefix=prefix,
            seed=i,
            sampling=sampling.model_copy(update={"stop": stop}),
        )
        for i in range(8)
        for prefix in ("", "We add them.\n\n", f"It is {i}", "abcdefgh"[: i + 1])
        for stop in ((), ("9", "G", "z"))
    ]


def endings(replies: list[Reply]) -> list[tuple[str, str]]:
    """Text and finish reason of replies that must all be completions."""
    assert all(isinstance(r, Completion) for r in replies), replies
    return [(r.text, r.finish_reason) for r in replies if isinstance(r, Completion)]


def test_greedy_completions_are_those_of_the_local_engine(model: Path, base_url: str) -> None:
    greedy = Sampling(temperature=0.0, max_new_tokens=12)
    config = ModelConfig(model=str(model), sampling=greedy, base_url=(base_url,), max_in_flight=4)
    served = load_config(config)
    assert isinstance(served, OpenAiGenerator)
    (finding,) = served.findings
    assert (finding.kind, finding.mode, finding.adds_special) == ("transformers", "text", False)
    assert (finding.n_honoured, finding.tokenizer_checked) == (False, "count")
    assert "prompt must be a string" in finding.mode_reason
    local = load_config(ModelConfig(model=str(model), sampling=greedy))
    theirs = endings(generate(served, requests(greedy)))
    assert theirs == endings(generate(local, requests(greedy)))
    assert len(set(theirs)) > 10
    assert {reason for _, reason in theirs} == {"stop", "length"}
    served.close()


def test_faults_on_the_way_change_nothing(model: Path, base_url: str) -> None:
    greedy = Sampling(temperature=0.0, max_new_tokens=12)
    asked = requests(greedy)[::2]
    direct = ModelConfig(model=str(model), sampling=greedy, base_url=(base_url,), max_in_flight=4)
    served = load_config(direct)
    assert isinstance(served, OpenAiGenerator)
    expected = generate(served, asked)
    with FaultyProxy(int(base_url.rpartition(":")[2])) as proxy:
        assert isinstance(proxy, FaultyProxy)
        config = direct.model_copy(update={"base_url": (proxy.base_url,), "timeout_s": 120.0})
        checked = check_servers(config, model)
        faced = OpenAiGenerator(config, checked, Patience(tries=20, first_s=0.01))
        proxy.kinds, proxy.is_armed = QUICK_FAULTS, True
        proxy.whole.clear()
        assert generate(faced, asked) == expected
        assert sum(proxy.faults.values()) > 5
        assert set(proxy.whole.values()) == {1}
        faced.close()
    served.close()


def test_sampled_draws_repeat_with_their_seeds_one_at_a_time(model: Path, base_url: str) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.95, top_k=50, max_new_tokens=8)
    config = ModelConfig(model=str(model), sampling=sampling, base_url=(base_url,), max_in_flight=1)
    served = load_config(config)
    assert isinstance(served, OpenAiGenerator)
    # the seed is set for the whole process, so that it decides a draw only alone
    assert served.findings[0].seed in ("alone", "honoured")
    asked = requests(sampling)[::6]
    first, again = generate(served, asked), generate(served, asked[::-1])[::-1]
    assert endings(first) == endings(again)
    served.close()


def labels(generator: Generator) -> list[tuple[Solution, McAnnotation]]:
    """Solutions of a few problems and their Monte-Carlo labels, all drawn greedily."""
    greedy = Sampling(temperature=0.0, max_new_tokens=120)
    problems = make_parts(4, {"train": 1})["train"]
    by_id = {problem.problem_id: problem for problem in problems}

    def check(text: str, problem: Problem) -> CheckedAnswer:
        found = extract_answer(text)
        outcome = Outcome.CORRECT if found == problem.answer else Outcome.INCORRECT
        return CheckedAnswer(outcome, "", found)

    tasks = sample_solutions(problems, Policy("weak", greedy, 0, check), 1)
    rows = [row for _, row in sorted(drive(tasks, generator), key=lambda pair: pair[0])]
    written = [row for row in rows if isinstance(row, Solution)]
    assert len(written) == len(problems)
    config = RolloutConfig(k=2)
    annotations = dict(
        drive(
            (
                annotate_sequential(Rollouts(s, by_id[s.problem_id], 0, greedy, check), config)
                for s in written
            ),
            generator,
        )
    )
    return [(solution, annotations[at]) for at, solution in enumerate(written)]


def test_labels_of_a_shipped_policy_are_those_of_the_local_engine(base_url: str) -> None:
    directory = str(resolve_model("synthetic:policy-weak"))
    sampling = Sampling(temperature=0.0, max_new_tokens=120)
    config = ModelConfig(model=directory, sampling=sampling, base_url=(base_url,), max_in_flight=2)
    served = load_config(config)
    assert isinstance(served, OpenAiGenerator)
    local = load_config(ModelConfig(model=directory, sampling=sampling))
    # what the local engine found in its cache is its own affair
    theirs, ours = ([_bare(pair) for pair in labels(g)] for g in (served, local))
    assert theirs == ours
    served.close()


def _bare(labelled: tuple[Solution, McAnnotation]) -> tuple[Solution, McAnnotation]:
    """Without the count of cached tokens."""
    solution, annotation = labelled
    return (
        solution.model_copy(update={"usage": _uncached(solution.usage)}),
        annotation.model_copy(
            update={
                "usage": _uncached(annotation.usage),
                "steps": tuple(
                    step.model_copy(update={"usages": tuple(map(_uncached, step.usages))})
                    for step in annotation.steps
                ),
            }
        ),
    )


def _uncached(usage: Usage) -> Usage:
    return usage.model_copy(update={"cached_prompt_tokens": 0})
