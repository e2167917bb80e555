"""A word-level fast tokenizer that can still spell any text, in the form of Qwen2's.

Every word of the world's language is one token, every digit is one token, and whatever else comes
is spelt in bytes. Normaliser and pre-tokenizer are those of `Qwen2Tokenizer` in transformers, which
puts its own in place of what a checkpoint of model type qwen2 brings along; so the vocabulary is
byte-level BPE whose merges are trained, within words only, until each word is whole.
"""

import json
from functools import lru_cache
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from prmkit.errors import MissingExtra
from prmkit.synthetic.language import vocabulary_text
from prmkit.synthetic.world import ITEMS, NAMES

END_OF_TEXT, TURN_START, TURN_END, STEP_TOKEN = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<extra_0>",
)
SPECIAL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END, STEP_TOKEN)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# the pre-tokenizer of Qwen2Tokenizer (transformers, tokenization_qwen2.py)
_PRE_TOKEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MARKUP = ("\n\n", "</", "paragraph", "boxed", " \\", "right", "wrong", "system", "user")


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtra.of("tokenizers", "local") from error
    return tokenizers


def _words() -> list[str]:
    """Every word of the language, with and without the space before it, and the markup."""
    text = " ".join([vocabulary_text(), *NAMES, *ITEMS, "right wrong assistant odd even"])
    letters = "".join(c if c.isalpha() else " " for c in text)
    words = sorted({word for word in letters.split() if len(word) > 1})
    singles = [f" {letter}" for letter in f"ABCD({ascii_lowercase}"]
    return [*words, *(f" {word}" for word in words), *singles, *_MARKUP]


def _pipeline(lib: Any) -> Any:
    split = lib.pre_tokenizers.Split(lib.Regex(_PRE_TOKEN), "isolated")
    byte_level = lib.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return lib.pre_tokenizers.Sequence([split, byte_level])


@lru_cache(maxsize=1)
def _serialised() -> str:
    lib = _library()
    tokenizer = lib.Tokenizer(lib.models.BPE())
    # while merges are trained each word is a text of its own, so that none crosses a word's edge
    tokenizer.pre_tokenizer = lib.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = lib.trainers.BpeTrainer(
        vocab_size=1 << 14,
        min_frequency=1,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(lib.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_words(), trainer)
    tokenizer.normalizer = lib.normalizers.NFC()
    tokenizer.pre_tokenizer = _pipeline(lib)
    tokenizer.decoder = lib.decoders.ByteLevel()
    return str(tokenizer.to_str())


def build_tokenizer() -> Any:
    """The tokenizer, as a `tokenizers.Tokenizer`."""
    return _library().Tokenizer.from_str(_serialised())


def save_tokenizer(folder: Path) -> None:
    """Write tokenizer files that `AutoTokenizer.from_pretrained(folder)` reads."""
    build_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "additional_special_tokens": [TURN_START, STEP_TOKEN],
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
    }
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


VERDICTS = (" right", " wrong")
"""What a judge calls a paragraph."""


@lru_cache(maxsize=1)
def verdict_ids() -> tuple[int, int]:
    """Token ids of `VERDICTS`."""
    tokenizer = build_tokenizer()
    right, wrong = (tokenizer.encode(word, add_special_tokens=False).ids for word in VERDICTS)
    return right[0], wrong[0]


@lru_cache(maxsize=1)
def tag_mark_id() -> int:
    """Token id of the "_" that stands before the index of a paragraph in its tags."""
    (mark,) = build_tokenizer().encode("_", add_special_tokens=False).ids
    return int(mark)
