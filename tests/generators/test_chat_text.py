import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_tokenizer

from prmkit.errors import ModelError
from prmkit.generators.base import Message, Request
from prmkit.generators.chat_text import ChatText, cut_at_stop

TOKENIZER = tiny_tokenizer()
TEXT = ChatText(TOKENIZER, set(), "here")


def ask(prefix: str = "", question: str = "1 + 1?") -> Request:
    return Request(messages=(Message(role="user", content=question),), prefix=prefix, seed=0)


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_ids_are_those_of_the_whole_rendered_text(question: str, prefix: str) -> None:
    rendered = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{prefix}"
    ids = TEXT.encode(ask(prefix, question))
    assert ids == tuple(TOKENIZER(rendered, add_special_tokens=False)["input_ids"])


@given(st.lists(st.text(max_size=5), max_size=6))
def test_prompts_encoded_together_have_the_ids_of_each_alone(prefixes: list[str]) -> None:
    together, alone = (ChatText(TOKENIZER, set(), "here") for _ in range(2))
    requests = [ask(prefix) for prefix in prefixes]
    together.encode_ahead(requests)
    assert [together.encode(r) for r in requests] == [alone.encode(r) for r in requests]


def test_no_more_prompts_are_remembered_than_are_wanted() -> None:
    text = ChatText(TOKENIZER, set(), "here")
    first, last = ask("first"), ask("last")
    text.encode_ahead([first, *(ask(str(i)) for i in range(5000)), last])
    assert len(text._encoded) == 4096
    assert text.encode(first) == TEXT.encode(first)
    assert text.encode(last) == TEXT.encode(last)


def test_truncation_and_padding_that_a_tokenizers_file_asks_for_are_not_applied() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.enable_truncation(3)
    tokenizer.backend_tokenizer.enable_padding(length=500)
    assert ChatText(tokenizer, set(), "here").encode(ask("so on")) == TEXT.encode(ask("so on"))


def test_a_tokenizer_that_reads_special_tokens_as_text_is_asked_itself() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.split_special_tokens = True
    text = ChatText(tokenizer, set(), "here")
    ids = tokenizer(text.render(ask()), add_special_tokens=False)["input_ids"]
    assert text.encode(ask()) == tuple(ids) != TEXT.encode(ask())


def test_a_begin_token_is_written_by_the_template_alone() -> None:
    template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    tokenizer = tiny_tokenizer(template=template)
    tokenizer.bos_token = "<|im_start|>"
    ids = ChatText(tokenizer, set(), "here").encode(ask())
    assert ids.count(tokenizer.bos_token_id) == 1


@given(st.text(max_size=30))
def test_decoding_gives_back_what_was_encoded(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert TEXT.decode(TEXT.encode(ask())[-1:], ids) == text


def test_end_tokens_are_those_of_tokenizer_template_and_config() -> None:
    end = TOKENIZER.convert_tokens_to_ids("<|im_end|>")
    assert ChatText(TOKENIZER, {5}, "here").end_ids == {5, end}


def test_no_chat_template_is_an_error() -> None:
    with pytest.raises(ModelError, match="here: no chat template"):
        ChatText(tiny_tokenizer(template=None), set(), "here")


def test_a_template_that_refuses_is_an_error_of_the_model() -> None:
    picky = tiny_tokenizer(template="{{ raise_exception('no system turn') }}")
    with pytest.raises(ModelError, match="no system turn"):
        ChatText(picky, set(), "here").encode(ask())


def test_tokens_that_may_end_a_stop_text_hold_its_last_character() -> None:
    may_end = TEXT.may_end(("ab", "\n\n"), len(TOKENIZER))
    ids = {c: TOKENIZER(c, add_special_tokens=False)["input_ids"][-1] for c in "ab\n"}
    assert [may_end[ids[c]] for c in "ab\n"] == [False, True, True]
    # "é" is two bytes, each a part of a character: either may end a stop text
    assert all(may_end[i] for i in TOKENIZER("é", add_special_tokens=False)["input_ids"])


def test_the_earliest_stop_text_cuts() -> None:
    assert cut_at_stop("one two three", ("three", "two")) == "one "
    assert cut_at_stop("one", ("two",)) is None
    assert cut_at_stop("one", ("",)) is None
