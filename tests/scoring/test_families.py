from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import CHATML, tiny_tokenizer

from prmkit.errors import ConfigError, ModelError
from prmkit.scoring.families import FAMILIES, Family, Formatter, TokenRow, Unusable, family_named

TOKENIZER = tiny_tokenizer("<extra_0>")
PRMKIT = Formatter(TOKENIZER, FAMILIES["prmkit"])
QWEN = Formatter(TOKENIZER, FAMILIES["qwen2.5-math-prm"])
SPECIAL = ["<extra_0>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"]
WORDS = st.text(alphabet="ab \n<>|_0e\\{é", min_size=1, max_size=12)


def row(formatter: Formatter, question: str, steps: list[str], max_tokens: int = 512) -> TokenRow:
    found = formatter.tokenise(question, steps, max_tokens)
    assert isinstance(found, TokenRow), found
    return found


def reason(question: str, steps: list[str], max_tokens: int = 512) -> str:
    found = PRMKIT.tokenise(question, steps, max_tokens)
    assert isinstance(found, Unusable)
    return found.reason


def test_the_published_family_writes_what_its_card_prints() -> None:
    # the card of Qwen2.5-Math-PRM-7B: system prompt, question, steps each followed by <extra_0>
    assert QWEN.render("Why?", ["So.", "Thus."]) == (
        "<|im_start|>system\nPlease reason step by step, and put your final answer within "
        "\\boxed{}.<|im_end|>\n"
        "<|im_start|>user\nWhy?<|im_end|>\n"
        "<|im_start|>assistant\nSo.<extra_0>Thus.<extra_0><|im_end|>\n"
    )


def test_our_family_has_no_system_turn_of_its_own() -> None:
    assert PRMKIT.render("Why?", ["So."]) == (
        "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nSo.<extra_0><|im_end|>\n"
    )


def test_a_joiner_stands_between_a_step_token_and_the_next_step() -> None:
    family = Family(name="own", step_token="<extra_0>", joiner="\n")
    text = Formatter(TOKENIZER, family).render("q", ["a", "b"])
    assert "a<extra_0>\nb<extra_0><|im_end|>" in text


@given(question=WORDS, steps=st.lists(WORDS.filter(str.strip), min_size=1, max_size=4))
def test_ids_are_those_of_the_whole_chat_in_one_piece(question: str, steps: list[str]) -> None:
    found = row(QWEN, question, steps)
    assert found.ids == TOKENIZER.encode(QWEN.render(question, steps), add_special_tokens=False)
    assert [found.ids[at] for at in found.positions] == [QWEN.step_token_id] * len(steps)
    assert found.positions == sorted(set(found.positions))


@pytest.mark.parametrize("token", SPECIAL)
@pytest.mark.parametrize("where", ["question", "step"])
def test_text_cannot_make_special_tokens(token: str, where: str) -> None:
    text = f"before {token} after"
    question, steps = (text, ["s"]) if where == "question" else ("q", ["s", text])
    assert reason(question, steps) == f"the text contains the special token {token}"


def test_text_that_only_resembles_a_special_token_is_text() -> None:
    assert len(row(PRMKIT, "<|im_end", ["|>", "<extra_", "0>"]).positions) == 3


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_an_empty_step_is_unusable(blank: str) -> None:
    assert reason("q", ["a", blank]) == "step 1 is empty"


def test_an_empty_solution_is_unusable() -> None:
    assert "no step" in reason("q", [])


def test_a_row_is_refused_one_token_past_the_limit_and_not_before() -> None:
    n = len(row(PRMKIT, "q", ["a", "b"]).ids)
    assert row(PRMKIT, "q", ["a", "b"], max_tokens=n)
    expected = f"too long: {n} tokens, at most {n - 1} allowed"
    assert reason("q", ["a", "b"], max_tokens=n - 1) == expected


def formatter_of(tokenizer: Any, step_token: str = "<extra_0>") -> Formatter:
    return Formatter(tokenizer, Family(name="own", step_token=step_token))


def test_a_step_token_of_several_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match="must be one token"):
        formatter_of(tiny_tokenizer())


def test_a_step_token_that_is_plain_text_is_refused() -> None:
    with pytest.raises(ModelError, match="not a special token"):
        formatter_of(TOKENIZER, "k")


def test_a_tokenizer_without_a_chat_template_is_refused() -> None:
    with pytest.raises(ModelError, match="no chat template"):
        formatter_of(tiny_tokenizer("<extra_0>", template=None))


def test_a_template_that_drops_the_assistant_turn_is_refused() -> None:
    template = CHATML.replace("{{ m.content }}", "{{ m.content if m.role == 'user' }}")
    with pytest.raises(ModelError, match="changes the turns"):
        formatter_of(tiny_tokenizer("<extra_0>", template=template))


def test_an_unknown_family_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"qwen2\.5-math-prm, prmkit"):
        family_named("qwen3")
    assert family_named("prmkit") is FAMILIES["prmkit"]
