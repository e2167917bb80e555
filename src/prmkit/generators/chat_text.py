"""Between text and token ids: a chat rendered with the model's own template, and what it wrote.

A completion continues its prefix exactly: the template's text and the prefix are joined before they
are encoded, with no special tokens added, so the ids are those of the whole text and a template
that writes a begin token is the only one to write it.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from prmkit.errors import ModelError
from prmkit.generators.base import Message, Request

_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>")
"""End-of-turn tokens that many generation configs leave out (ChatML, Llama 3, Gemma)."""
_REMEMBERED = 4096  # encoded prompts kept; the draws of one prefix ask for the same one


class ChatText:
    """The text side of one model.

    Args:
        tokenizer: A transformers tokenizer with a chat template.
        end_ids: End tokens from the model's configs.
        where: The model directory, for messages.

    Raises:
        ModelError: no chat template.
    """

    def __init__(self, tokenizer: Any, end_ids: set[int], where: str) -> None:
        if not tokenizer.chat_template:
            raise ModelError(
                f"{where}: no chat template (tokenizer_config.json, chat_template.jinja)"
            )
        self._tokenizer = tokenizer
        self._backend = _backend(tokenizer)
        vocabulary = tokenizer.get_vocab()
        named = {vocabulary[name] for name in _TURN_ENDS if name in vocabulary}
        self.end_ids = frozenset(end_ids | named | {tokenizer.eos_token_id} - {None})
        """Tokens that end a completion."""
        self._rendered = lru_cache(_REMEMBERED)(self._render)
        self._encoded: dict[str, tuple[int, ...]] = {}

    def encode(self, request: Request) -> tuple[int, ...]:
        """Ids of the rendered chat, the open assistant turn and the prefix.

        Raises:
            ModelError: the template refuses these messages.
        """
        text = self.render(request)
        found = self._encoded.get(text)
        return self._encode([text])[0] if found is None else found

    def encode_ahead(self, requests: Sequence[Request]) -> None:
        """Encode several together, on all cores, for `encode` to find.

        Raises:
            ModelError: the template refuses a request's messages.
        """
        texts = dict.fromkeys(self.render(request) for request in requests)
        self._encode([text for text in texts if text not in self._encoded])

    def render(self, request: Request) -> str:
        """Text of the rendered chat, the open assistant turn and the prefix.

        Raises:
            ModelError: the template refuses these messages.
        """
        return self._rendered(request.messages) + request.prefix

    def decode(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """The text that `ids` add after the tokens `before`, special tokens left out."""
        start = self._text(before)
        whole = self._text([*before, *ids])
        return whole[len(start) :] if whole.startswith(start) else self._text(ids)

    def may_end(self, stops: tuple[str, ...], n_tokens: int) -> list[bool]:
        """For each token id, whether a stop text may end within that token's text.

        A superset: tokens with the last character of a stop text, and parts of characters.
        """
        last = {stop[-1] for stop in stops if stop} | {"\ufffd"}
        anchor = tuple(self._ids(["a"])[0])[-1:]
        start = len(self._text(anchor))
        texts = self._tokenizer.batch_decode(
            [[*anchor, token] for token in range(n_tokens)], **_PLAIN
        )
        return [not last.isdisjoint(text[start:]) for text in texts]

    def _render(self, messages: tuple[Message, ...]) -> str:
        chat = [{"role": m.role, "content": m.content} for m in messages]
        try:
            text = self._tokenizer.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # templates are programs: they raise anything
            raise ModelError(f"the chat template refuses these messages: {error}") from error
        return str(text)

    def _encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Encode and remember; the oldest are forgotten when there are too many."""
        found = [tuple(ids) for ids in self._ids(texts)]
        self._encoded.update(zip(texts, found, strict=True))
        for text in list(islice(self._encoded, max(0, len(self._encoded) - _REMEMBERED))):
            del self._encoded[text]
        return found

    def _ids(self, texts: Sequence[str]) -> list[Sequence[int]]:
        if self._backend is None:
            return [self._tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts]
        encoded = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [one.ids for one in encoded]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), **_PLAIN))


_PLAIN = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}


def _backend(tokenizer: Any) -> Any | None:
    """The compiled tokenizer, if calling transformers' one adds masks and offsets to it, no more.

    Those cost as much as the ids.
    """
    backend, encode = (getattr(tokenizer, n, None) for n in ("backend_tokenizer", "_encode_plus"))
    is_own = not getattr(encode, "__module__", "").startswith("transformers.tokenization_utils")
    if backend is None or is_own or tokenizer.split_special_tokens:
        return None
    tokenizer("")  # takes off what truncation and padding its file may ask for, as any call does
    return backend


def cut_at_stop(text: str, stops: tuple[str, ...]) -> str | None:
    """The text before the earliest stop text in it; None if there is none."""
    found = [at for at in (text.find(stop) for stop in stops if stop) if at >= 0]
    return text[: min(found)] if found else None
