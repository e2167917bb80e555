"""PRM directories: safetensors, tokenizer with chat template, and `prm.json`, the formatter's row.

A directory without `prm.json` is read as published: `Qwen2ForProcessRewardModel` in the format of
the Qwen2.5-Math-PRM cards. Code that a directory brings along (`auto_map`) is never run, and
weights are read from safetensors only, never from pickles.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from prmkit.errors import MissingExtra, ModelError
from prmkit.generators.quiet import quiet
from prmkit.scoring.families import FAMILIES, Family, Formatter
from prmkit.scoring.head import HEAD_TENSORS, N_CLASSES, Qwen2ForProcessRewardModel
from prmkit.store.files import write_json

try:
    import torch
    from safetensors import safe_open
    from transformers import AutoModelForTokenClassification, AutoTokenizer
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error

FORMAT_FILE = "prm.json"
_CONTENT = frozenset({".safetensors", ".json", ".jinja", ".txt"})
_OURS = Qwen2ForProcessRewardModel.__name__


class Checkpoint(NamedTuple):
    """A PRM ready to score."""

    model: Any
    """In evaluation mode, on its device."""
    formatter: Formatter
    """Bound to the checkpoint's own tokenizer."""
    model_id: str
    """Directory name and the first 12 digits of the content's hash."""


def save_checkpoint(model: Any, formatter: Formatter, directory: Path) -> None:
    """Write a PRM directory that `load_checkpoint`, transformers and vLLM read.

    Args:
        model: A `Qwen2ForProcessRewardModel` or a `*ForTokenClassification` with two labels.
        formatter: How it was trained; its tokenizer and its row are saved.
        directory: Made if absent.
    """
    with quiet():
        model.save_pretrained(directory)
    formatter.tokenizer.save_pretrained(directory)
    write_json(directory / FORMAT_FILE, formatter.family.model_dump(mode="json"))


def load_checkpoint(
    directory: Path, family: Family | None = None, device: str | None = None
) -> Checkpoint:
    """Load a PRM directory.

    Args:
        directory: A local directory; nothing is downloaded.
        family: How to write solutions; None = as `prm.json` says, or as the published family does.
        device: Where to put the model; None = the accelerator if there is one, else the CPU.

    Raises:
        ModelError: files or tensors are missing, the head has not two outputs, or the tokenizer
            does not fit the family.
    """
    architecture = _architecture(directory)
    tensors = stored_tensors(directory)
    _check_head(directory, architecture, tensors)
    formatter = Formatter(load_tokenizer(directory), family or _saved_family(directory))
    model = _load_model(directory, architecture).eval().to(device or default_device())
    model.config.use_cache = False
    return Checkpoint(model, formatter, f"{directory.resolve().name}@{_digest(directory)[:12]}")


def load_tokenizer(directory: Path) -> Any:
    """The tokenizer of a model directory.

    Raises:
        ModelError: there is none, or it cannot be read without running the directory's own code.
    """
    try:
        return AutoTokenizer.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{directory}: no usable tokenizer: {error}") from error


def stored_tensors(directory: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor in the directory's safetensors files, without loading them.

    Raises:
        ModelError: there is no such file.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in names}
    if not shapes:
        pickles = sorted(p.name for p in directory.glob("*.bin"))
        hint = f"; {', '.join(pickles)} is a pickle and not read" if pickles else ""
        raise ModelError(f"{directory}: no safetensors file{hint}")
    return shapes


def default_device() -> str:
    """The accelerator if there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _architecture(directory: Path) -> str:
    path = directory / "config.json"
    try:
        named = json.loads(path.read_text()).get("architectures") or []
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: not a model configuration: {error}") from error
    if len(named) != 1 or not (named[0] == _OURS or named[0].endswith("ForTokenClassification")):
        raise ModelError(f"{path}: architectures {named} is neither {_OURS} nor a token classifier")
    return str(named[0])


def _check_head(directory: Path, architecture: str, tensors: dict[str, tuple[int, ...]]) -> None:
    needed = HEAD_TENSORS if architecture == _OURS else ("score.weight",)
    missing = [name for name in needed if name not in tensors]
    if missing:
        raise ModelError(f"{directory}: tensor {', '.join(missing)} is missing")
    last = "score.2.weight" if architecture == _OURS else "score.weight"
    if tensors[last][0] != N_CLASSES:
        raise ModelError(f"{directory}: {last} has {tensors[last][0]} outputs, not {N_CLASSES}")


def _load_model(directory: Path, architecture: str) -> Any:
    """The model in the precision that it is stored in; every one of its tensors must be there."""
    kind = Qwen2ForProcessRewardModel if architecture == _OURS else AutoModelForTokenClassification
    with quiet():
        model, report = kind.from_pretrained(
            directory,
            dtype="auto",
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            trust_remote_code=False,
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(f"{directory}: tensor {', '.join(missing)} is missing")
    return model


def _saved_family(directory: Path) -> Family:
    path = directory / FORMAT_FILE
    if not path.exists():
        return FAMILIES["qwen2.5-math-prm"]
    try:
        return Family.model_validate_json(path.read_text())
    except ValidationError as error:
        raise ModelError(f"{path}: {error}") from error


def _digest(directory: Path) -> str:
    """Hash of everything that decides a score."""
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix in _CONTENT and path.name != "training.json":
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
