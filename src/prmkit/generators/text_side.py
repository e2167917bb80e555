"""The tokenizer of a model that is decoded elsewhere, by a server or by vLLM's engine."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from prmkit.errors import MissingExtra, ModelError
from prmkit.generators.chat_text import ChatText


class TextSide(NamedTuple):
    """A tokenizer with its template, ready to write prompts."""

    text: ChatText
    """Renders and encodes."""
    tokenizer: Any
    """The transformers tokenizer itself."""
    digest: str
    """First 16 hex digits of a hash of its vocabulary, merges and template."""
    context: int | None
    """Positions in the config.json beside it, if any."""


def load_text_side(name: str | Path) -> TextSide:
    """Load a tokenizer from a directory, or by its name on the hub or in the hub's cache.

    Raises:
        ModelError: there is none, or it has no chat template.
        MissingExtra: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer

        from prmkit.generators.quiet import quiet
    except ImportError as error:
        raise MissingExtra.of(error.name or "transformers", "local") from error
    path = Path(name)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=path.is_dir())
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = str(error).strip().split("\n", 1)[0]
        where = "no such directory, and the hub's library says: "
        if path.is_dir():
            where = "the directory holds no tokenizer that can be read: "
        raise ModelError(f"tokenizer {str(name)!r}: {where}{first}") from error
    configs = [_read(path / "config.json"), _read(path / "generation_config.json")]
    end_ids = {i for config in configs for i in _ids(config.get("eos_token_id"))}
    context = configs[0].get("max_position_embeddings")
    return TextSide(
        ChatText(tokenizer, end_ids, str(name)),
        tokenizer,
        _digest(tokenizer),
        context if isinstance(context, int) else None,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from error
    return found if isinstance(found, dict) else {}


def _ids(value: Any) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, int)]


def _digest(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else json.dumps(sorted(tokenizer.get_vocab()))
    text = f"{rules}\n{tokenizer.chat_template}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
