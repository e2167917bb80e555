"""Against a real server: `transformers serve` of the installed transformers, on loopback."""

from pathlib import Path

import pytest
from stub_servers import QUICK_FAULTS, FaultyProxy
from tiny_models import tiny_llama

from prmkit.config import ModelConfig
from prmkit.errors import ModelError
from prmkit.generators.base import (
    Completion,
    Message,
    Reply,
    Request,
    Sampling,
    generate,
)
from prmkit.generators.load import check_config, load_config, resolve_model
from prmkit.generators.openai_api.client import Patience
from prmkit.generators.openai_api.generator import OpenAiGenerator, check_servers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("served"))


def refusal(model: str, url: str, tokenizer: Path) -> str:
    with pytest.raises(ModelError) as caught:
        check_config(ModelConfig(model=model, base_url=(url,), tokenizer=str(tokenizer)))
    return str(caught.value)


def test_another_tokenizer_and_a_model_that_is_not_there_are_told_before_anything_is_drawn(
    model: Path, served_url: str
) -> None:
    synthetic = resolve_model("synthetic:policy-weak")
    another = "has another tokenizer than the one given: of a text of"
    assert another in refusal(str(model), served_url, synthetic)
    assert another in refusal(str(synthetic), served_url, model)
    message = refusal("no-such-model", served_url, model)
    assert "cannot load the model 'no-such-model'" in message
    assert "couldn't find them in the cached files" in message  # the server's words
    assert "\n" not in message


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


def test_greedy_completions_are_those_of_the_local_engine(model: Path, served_url: str) -> None:
    greedy = Sampling(temperature=0.0, max_new_tokens=12)
    config = ModelConfig(model=str(model), sampling=greedy, base_url=(served_url,), max_in_flight=4)
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


def test_faults_on_the_way_change_nothing(model: Path, served_url: str) -> None:
    greedy = Sampling(temperature=0.0, max_new_tokens=12)
    asked = requests(greedy)[::2]
    direct = ModelConfig(model=str(model), sampling=greedy, base_url=(served_url,), max_in_flight=4)
    served = load_config(direct)
    assert isinstance(served, OpenAiGenerator)
    expected = generate(served, asked)
    with FaultyProxy(int(served_url.rpartition(":")[2])) as proxy:
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


def test_sampled_draws_repeat_with_their_seeds_one_at_a_time(model: Path, served_url: str) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.95, top_k=50, max_new_tokens=8)
    config = ModelConfig(
        model=str(model), sampling=sampling, base_url=(served_url,), max_in_flight=1
    )
    served = load_config(config)
    assert isinstance(served, OpenAiGenerator)
    # the seed is set for the whole process, so that it decides a draw only alone
    assert served.findings[0].seed in ("alone", "honoured")
    asked = requests(sampling)[::6]
    first, again = generate(served, asked), generate(served, asked[::-1])[::-1]
    assert endings(first) == endings(again)
    served.close()
