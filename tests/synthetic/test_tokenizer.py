import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from prmkit.synthetic.examples import judge_example, policy_example
from prmkit.synthetic.tokenizer import SPECIAL_TOKENS, build_tokenizer, save_tokenizer

TOKENIZER = build_tokenizer()


@given(st.text(max_size=80))
def test_any_text_survives_encoding(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    if not any(token in text for token in SPECIAL_TOKENS):
        assert TOKENIZER.decode(ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("example", [policy_example, judge_example])
def test_the_worlds_language_needs_no_spelling_in_bytes(example: object) -> None:
    # a token spelt in bytes would be a single character that is not a digit, letter or sign
    assert callable(example)
    rng = random.Random(4)
    for _ in range(30):
        text = "".join(segment.text for segment in example(rng, 1.0))
        words = [w for w in text.replace("\n", " ").split(" ") if w.isalpha() and len(w) > 1]
        pieces = {TOKENIZER.decode([i]).strip() for i in TOKENIZER.encode(text).ids}
        assert {w for w in words if w not in pieces} == set()


def test_each_digit_is_a_token_and_the_delimiter_is_one() -> None:
    tokens = [TOKENIZER.decode([i]) for i in TOKENIZER.encode("a 123\n\n45").ids]
    assert tokens == ["a", " 1", "2", "3", "\n\n", "4", "5"]


def test_special_tokens_are_single_ids_and_the_template_renders(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for token in SPECIAL_TOKENS:
        assert len(tokenizer.encode(token, add_special_tokens=False)) == 1
    chat = [{"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.eos_token == "<|im_end|>"
