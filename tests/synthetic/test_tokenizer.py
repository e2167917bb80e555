import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, Qwen2Config

from prmkit.synthetic.examples import judge_example, policy_example
from prmkit.synthetic.tokenizer import SPECIAL_TOKENS, build_tokenizer, save_tokenizer

TOKENIZER = build_tokenizer()


@given(st.text(max_size=80))
def test_any_text_survives_encoding_up_to_unicode_normal_form(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    if not any(token in text for token in SPECIAL_TOKENS):
        composed = unicodedata.normalize("NFC", text)  # as Qwen2's tokenizer does
        assert TOKENIZER.decode(ids, skip_special_tokens=False) == composed


@pytest.mark.parametrize("example", [policy_example, judge_example])
def test_the_worlds_language_needs_no_spelling_in_bytes(example: object) -> None:
    # a token spelt in bytes would be a single character that is not a digit, letter or sign
    assert callable(example)
    rng = random.Random(4)
    for _ in range(30):
        text = "".join(segment.text for part in example(rng, 1.0) for segment in part)
        words = [w for w in text.replace("\n", " ").split(" ") if w.isalpha() and len(w) > 1]
        pieces = {TOKENIZER.decode([i]).strip() for i in TOKENIZER.encode(text).ids}
        assert {w for w in words if w not in pieces} == set()


def test_each_digit_is_a_token_and_the_delimiter_is_one() -> None:
    tokens = [TOKENIZER.decode([i]) for i in TOKENIZER.encode("Ana has 123.\n\n45").ids]
    assert tokens == ["Ana", " has", " ", "1", "2", "3", ".", "\n\n", "4", "5"]


def test_transformers_reads_the_same_ids_from_a_qwen2_checkpoint(tmp_path: Path) -> None:
    # transformers puts its own pre-tokenizer in place of a qwen2 checkpoint's: ids must survive it
    save_tokenizer(tmp_path)
    Qwen2Config(vocab_size=TOKENIZER.get_vocab_size()).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == TOKENIZER.get_vocab_size()
    rng = random.Random(3)
    for example in (policy_example, judge_example):
        text = "".join(segment.text for part in example(rng, 1.0) for segment in part)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == TOKENIZER.encode(text, add_special_tokens=False).ids


def test_segments_encode_as_their_whole_does() -> None:
    # a model is trained on segments and asked with whole texts
    rng = random.Random(6)
    for example in (policy_example, judge_example):
        segments = [s for part in example(rng, 1.0) for s in part]
        pieces = [i for s in segments for i in TOKENIZER.encode(s.text).ids]
        assert pieces == TOKENIZER.encode("".join(s.text for s in segments)).ids


def test_special_tokens_are_single_ids_and_the_template_renders(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for token in SPECIAL_TOKENS:
        assert len(tokenizer.encode(token, add_special_tokens=False)) == 1
    chat = [{"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.eos_token == "<|im_end|>"
