"""From a model's name in a recipe to its directory and its generator.

`synthetic:NAME` is a model that ships with the package; anything else is a directory, with `vllm`
also a hub name, or, where the settings have a `base_url`, the name that a server knows it by.
"""

import importlib.util
import json
import os
from importlib import resources
from pathlib import Path

from prmkit.config import ModelConfig
from prmkit.errors import MissingExtra, ModelError
from prmkit.generators.base import Generator

_SHIPPED = "synthetic:"
_SMALL_MODEL = 64 << 20  # bytes of weights that each core may have for itself
_NEEDED = ("config.json", "tokenizer.json", "tokenizer_config.json")


def resolve_model(model: str) -> Path:
    """The directory that a model's name means.

    Raises:
        ModelError: no model ships under that name, or there is no such directory.
    """
    if model.startswith(_SHIPPED):
        return _shipped(model.removeprefix(_SHIPPED))
    path = Path(model)
    if not path.is_dir():
        raise ModelError(
            f"model {model!r}: no such directory; allowed: a directory or synthetic:NAME"
        )
    return path


def _shipped(name: str) -> Path:
    weights = Path(str(resources.files("prmkit.synthetic"))) / "weights"
    known = sorted(p.name for p in weights.iterdir() if p.is_dir()) if weights.is_dir() else []
    if name not in known:
        shown = ", ".join(f"{_SHIPPED}{n}" for n in known) or "none"
        raise ModelError(f"model {_SHIPPED + name!r} does not ship; allowed: {shown}")
    return weights / name


def check_model(model: str) -> Path:
    """Find fault with a model's directory without loading it; the directory.

    Raises:
        ModelError: a file is missing or unreadable, there are no safetensors weights, or there is
            no chat template.
    """
    path = resolve_model(model)
    for name in _NEEDED:
        if not (path / name).is_file():
            raise ModelError(f"model {model!r}: {path / name} is missing")
    if not any(path.glob("*.safetensors")):
        raise ModelError(f"model {model!r}: {path} has no .safetensors weights")
    if (path / "chat_template.jinja").is_file():
        return path
    try:
        config = json.loads((path / "tokenizer_config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model {model!r}: {path / 'tokenizer_config.json'}: {error}") from error
    if not config.get("chat_template"):
        raise ModelError(
            f"model {model!r}: no chat template in tokenizer_config.json or chat_template.jinja"
        )
    return path


def load_generator(model: str, batch_size: int = 256, threads: int | None = None) -> Generator:
    """Load a model to decode here: a small one on a CPU in a process a core, else in this one.

    Args:
        model: A directory or `synthetic:NAME`.
        batch_size: The most completions decoded at once.
        threads: CPU cores to use; None = all, in this process as torch is set.

    Raises:
        ModelError: the model cannot be used.
        MissingExtra: torch or transformers is not installed.
    """
    path = check_model(model)
    try:
        from torch.cuda import is_available

        from prmkit.generators.hf_local import HfLocalGenerator
    except ImportError as error:
        raise MissingExtra.of(error.name or "torch", "local") from error
    n = min(threads or len(os.sched_getaffinity(0)), batch_size)
    n_bytes = sum(file.stat().st_size for file in path.glob("*.safetensors"))
    if n > 1 and n_bytes <= _SMALL_MODEL and not is_available():
        from prmkit.generators.crew import CrewGenerator

        return CrewGenerator(path, batch_size, n)
    return HfLocalGenerator(path, batch_size=batch_size, threads=threads)


def check_config(config: ModelConfig, *, completes: bool = False) -> None:
    """Find fault with a model's settings without loading it; servers are asked.

    Args:
        config: The settings.
        completes: Whether it will be asked to continue prefixes, as rollouts do.

    Raises:
        ModelError: the model or a server cannot be used.
        ConfigError: the environment variable of a key is not set.
        MissingExtra: transformers is needed for the tokenizer and is not installed.
    """
    if config.vllm:
        _check_vllm(config)
        return
    if not config.base_url:
        _check_room(check_model(config.model), config)
        return
    from prmkit.generators.openai_api.generator import check_servers

    checked = check_servers(config, _tokenizer(config))
    whole = [found for found in checked.findings if found.mode == "chat_whole"]
    if completes and whole:
        hint = "" if checked.side else "; with a tokenizer it would be asked by token ids or text"
        raise ModelError(
            f"{whole[0].base_url} cannot continue a prefix, which rollouts need: "
            f"{whole[0].mode_reason}{hint}"
        )


def _check_room(path: Path, config: ModelConfig) -> None:
    """Refuse a token limit that leaves no room for a prompt: every request would fail."""
    try:
        context = json.loads((path / "config.json").read_text(encoding="utf-8")).get(
            "max_position_embeddings"
        )
    except (ValueError, AttributeError) as error:
        raise ModelError(f"model {config.model!r}: {path / 'config.json'}: {error}") from error
    asked = config.sampling.max_new_tokens
    if isinstance(context, int) and asked >= context:
        raise ModelError(
            f"model {config.model!r}: sampling.max_new_tokens = {asked}; allowed: less than the "
            f"{context} tokens of its context"
        )


def load_config(config: ModelConfig, threads: int | None = None) -> Generator:
    """The generator of a model's settings: in this process (ours or vLLM's), or behind servers.

    Args:
        config: The settings; sampling is not part of a generator, but servers are checked by it.
        threads: CPU threads of a local model; None leaves the setting alone.

    Raises:
        ModelError: the model or a server cannot be used.
        ConfigError: the environment variable of a key is not set.
        MissingExtra: torch, transformers or vllm is needed and not installed.
    """
    if config.vllm:
        from prmkit.generators.vllm_local import VllmGenerator

        return VllmGenerator(_directory_or_hub(config.model), config, _vllm_tokenizer(config))
    if not config.base_url:
        return load_generator(config.model, config.batch_size, threads)
    from prmkit.generators.openai_api.generator import OpenAiGenerator, check_servers

    return OpenAiGenerator(config, check_servers(config, _tokenizer(config)))


def _tokenizer(config: ModelConfig) -> str | Path | None:
    """Where a served model's tokenizer is: a directory or a hub name; None if not given."""
    if config.tokenizer is None:
        return Path(config.model) if Path(config.model).is_dir() else None
    return _directory_or_hub(config.tokenizer)


def _check_vllm(config: ModelConfig) -> None:
    """Find fault with a model for vLLM without loading it; a hub name is looked up when loaded."""
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra.of("vllm", "vllm")
    found = _directory_or_hub(config.model)
    if isinstance(found, Path):
        check_model(config.model)


def _vllm_tokenizer(config: ModelConfig) -> str | Path:
    return _directory_or_hub(config.tokenizer or config.model)


def _directory_or_hub(name: str) -> str | Path:
    """A directory where the name means one, else the name, for the hub or its cache."""
    return resolve_model(name) if name.startswith(_SHIPPED) or Path(name).is_dir() else name
