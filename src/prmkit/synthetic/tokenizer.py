"""A word-level fast tokenizer that can still spell any text.

Every word of the world's language is one token, every digit is one token, and whatever else comes
is spelt in bytes: byte-level BPE with a fixed vocabulary, no merges, and whole pre-tokens looked up
first (`ignore_merges`). Decoding gives back the exact text.
"""

import json
from pathlib import Path
from typing import Any

from prmkit.errors import MissingExtra
from prmkit.synthetic.language import vocabulary_text
from prmkit.synthetic.world import ITEMS, LETTERS, NAMES

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
_PRE_TOKEN = (
    r"\n\n|</?paragraph_| ?\\boxed\{| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]|\s"  # order matters
)


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtra.of("tokenizers", "local") from error
    return tokenizers


def _words() -> list[str]:
    """Every pre-token of the world's language, with and without the space before it."""
    lib = _library()
    split = lib.pre_tokenizers.Split(lib.Regex(_PRE_TOKEN), "isolated")
    text = "\n".join(
        [vocabulary_text(), " ".join(NAMES), " ".join(ITEMS), "system user assistant"]
        + [f"{d} ( {letter} )" for d, letter in zip("0123456789", LETTERS * 3, strict=False)]
        + [
            "\n\n </paragraph_ <paragraph_ \\boxed{odd} \\boxed{even} \\boxed{-1}"
            " > < -1 0:1. right wrong"
        ]
    )
    pieces = {piece.strip(" ") for piece, _ in split.pre_tokenize_str(text)}
    return sorted(p for p in pieces if p) + [f" {p}" for p in sorted(pieces) if p.strip()]


def build_tokenizer() -> Any:
    """The tokenizer, as a `tokenizers.Tokenizer`."""
    lib = _library()
    byte_level = lib.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pieces = sorted(lib.pre_tokenizers.ByteLevel.alphabet())
    for word in _words():
        piece = byte_level.pre_tokenize_str(word)[0][0]
        if piece not in pieces:
            pieces.append(piece)
    vocabulary = {piece: i for i, piece in enumerate([*SPECIAL_TOKENS, *pieces])}
    tokenizer = lib.Tokenizer(lib.models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    split = lib.pre_tokenizers.Split(lib.Regex(_PRE_TOKEN), "isolated")
    tokenizer.pre_tokenizer = lib.pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = lib.decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """Write tokenizer files that `AutoTokenizer.from_pretrained(folder)` reads."""
    build_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "additional_special_tokens": [TURN_START, STEP_TOKEN],
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
    }
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
