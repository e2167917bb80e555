"""What a run is and where it ran: the recipe, the code, the libraries, what each stage gave."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

import prmkit
from prmkit.config import RunConfig, recipe_digest
from prmkit.errors import DataError, RunError
from prmkit.faults import first_fault
from prmkit.records import Record
from prmkit.store.files import read_json

_LIBRARIES = (
    "accelerate", "math-verify", "numpy", "peft", "pyarrow", "pydantic", "ray", "safetensors",
    "sympy", "tokenizers", "torch", "transformers", "vllm",
)  # fmt: skip
_GIT_TIMEOUT_S = 30


class Environment(Record):
    """Code and libraries that a run was started or resumed with."""

    prmkit: str
    """Version of prmkit."""
    commit: str | None
    """Git commit of the code; None where it does not run from a checkout."""
    dirty: bool | None
    """Whether the package's files differ from the commit; None where there is no commit."""
    python: str
    """Version of Python."""
    platform: str
    """Operating system and processor."""
    libraries: dict[str, str]
    """Version by name of each library that can change a result, where installed."""


class StageEntry(Record):
    """A finished stage."""

    status: Literal["done"] = "done"
    """A stage that is not done has no entry."""
    counts: dict[str, int]
    """Rows in, kept, unscored and so on, by the stage's own words."""
    has_table: bool
    """Whether the stage left a Parquet file under its name."""


class Manifest(Record):
    """The content of manifest.json."""

    format: Literal[1] = 1
    """Of the run folder."""
    created: str
    """When the run was first started, UTC, ISO 8601."""
    recipe: dict[str, Any]
    """The recipe with all defaults."""
    recipe_digest: str
    """SHA-256 of the recipe."""
    seed: int
    """The recipe's seed."""
    environments: tuple[Environment, ...] = Field(min_length=1)
    """Each environment in turn, the first one's first; more than one if a resume changed it."""
    stages: dict[str, StageEntry] = Field(default_factory=dict)
    """Finished stages by name."""
    findings: tuple[str, ...] = ()
    """What a finished run found, in sentences; empty until then."""


def new_manifest(recipe: RunConfig) -> Manifest:
    """The manifest of a run that starts now, here."""
    return Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        recipe=recipe.model_dump(mode="json"),
        recipe_digest=recipe_digest(recipe),
        seed=recipe.seed,
        environments=(environment(),),
    )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder.

    Raises:
        RunError: there is none, or it is damaged or of another format.
    """
    path = folder / "manifest.json"
    if not path.exists():
        raise RunError(f"{folder}: not a run folder, it has no manifest.json")
    try:
        return Manifest.model_validate(read_json(path))
    except DataError as error:
        raise RunError(str(error)) from error
    except ValidationError as error:
        fault = first_fault(error, Manifest)
        raise RunError(f"{path}: {fault.key}: {fault.problem}") from error


def with_defaults(recipe: Mapping[str, Any], kind: type[RunConfig]) -> dict[str, Any]:
    """A stored recipe with today's defaults for keys that came after it was stored.

    One that is no such recipe today (a key is gone, a value not allowed any more) stays as it is.
    """
    try:
        return kind.model_validate_json(json.dumps(recipe), strict=True).model_dump(mode="json")
    except ValidationError:
        return dict(recipe)


def environment() -> Environment:
    """The environment of this process, found without importing any library."""
    commit = _commit()
    return Environment(
        prmkit=prmkit.__version__,
        commit=commit,
        dirty=None if commit is None else bool(_git("status", "--porcelain", "--", ".")),
        python=platform.python_version(),
        platform=platform.platform(),
        libraries={name: version for name in _LIBRARIES if (version := _version(name))},
    )


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    # an installed copy may lie in some other project's checkout, which does not track it
    if _git("ls-files", "--error-unmatch", "--", "__init__.py") is None:
        return None
    return _git("rev-parse", "HEAD")


def _git(*arguments: str) -> str | None:
    """What git says of the package's folder; None if it fails or is not there."""
    # a git hook sets GIT_DIR and others, which would point git at another repository
    settings = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", str(Path(prmkit.__file__).parent), *arguments]
    try:
        done = subprocess.run(
            command, env=settings, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
