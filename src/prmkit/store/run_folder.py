"""The folder of one run.

    manifest.json     recipe, code, libraries, finished stages
    <stage>.parquet   one table a stage, written when the stage ends
    journal.sqlite    paid completions and finished rows, written while it works
    timing.json       seconds and starts a stage, apart from all that is reproducible
    run.lock          one process at a time

A run that was killed is opened again with the same recipe: stages that are done are skipped, the
others go on from the journal. Where its servers are may have changed.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from prmkit.closing import Closing
from prmkit.config import RunConfig, recipe_differences, recipe_digest
from prmkit.errors import DataError, RunError
from prmkit.store.files import is_temporary, read_json, write_json
from prmkit.store.journal import Journal
from prmkit.store.lock import Lock
from prmkit.store.manifest import (
    Manifest,
    StageEntry,
    environment,
    new_manifest,
    read_manifest,
    with_defaults,
)

_log = logging.getLogger(__name__)

_LOCK = "run.lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MAX_NAMED = 10
# how servers are reached, which decides no result: they may move while a run goes on
_WHERE = re.compile(r"\.(?:base_url\.\d+|api_key_env|max_in_flight|timeout_s)$")


class RunFolder(Closing):
    """A run folder that this process has to itself; made by `open`, ended by `close` or `with`."""

    path: Path
    """The folder; models and reports of the run go under it too."""
    journal: Journal
    """The run's journal, open."""

    def __init__(self, path: Path, lock: Lock, manifest: Manifest) -> None:
        self.path = path
        self._lock = lock
        self._manifest = manifest
        self.journal = Journal(path / "journal.sqlite")

    @classmethod
    def open(cls, path: Path, recipe: RunConfig) -> "RunFolder":
        """Start a run in a new or empty folder, or resume the one that is there.

        Raises:
            RunError: the folder holds something else, a damaged run, or a run with another recipe
                (the keys that differ are named, old -> new), or another process has it open.
        """
        _refuse_foreign(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: cannot be made: {error.strerror}") from error
        lock = Lock(path / _LOCK)
        try:
            for leftover in filter(is_temporary, path.iterdir()):
                leftover.unlink()
            return cls(path, lock, _manifest(path, recipe))
        except BaseException:
            lock.close()
            raise

    @property
    def manifest(self) -> Manifest:
        """What manifest.json holds now."""
        return self._manifest

    def stage_path(self, stage: str) -> Path:
        """Where a stage's table is.

        Raises:
            ValueError: the name could lead out of the folder.
        """
        if not _NAME.fullmatch(stage):
            raise ValueError(f"stage {stage!r}: allowed: letters, digits and _ . - inside")
        return self.path / f"{stage}.parquet"

    def is_done(self, stage: str) -> bool:
        """Whether the stage is finished; one whose table was deleted is to be done again."""
        entry = self._manifest.stages.get(stage)
        return entry is not None and (not entry.has_table or self.stage_path(stage).exists())

    def finish(self, stage: str, counts: Mapping[str, int]) -> None:
        """Mark a stage as done, after its table, if it has one, was written."""
        entry = StageEntry(counts=dict(counts), has_table=self.stage_path(stage).exists())
        stages = {**self._manifest.stages, stage: entry}
        self._manifest = self._manifest.model_copy(update={"stages": stages})
        _save(self.path, self._manifest)

    def conclude(self, findings: Sequence[str]) -> None:
        """Note what the finished run found."""
        self._manifest = self._manifest.model_copy(update={"findings": tuple(findings)})
        _save(self.path, self._manifest)

    def seconds(self) -> dict[str, float]:
        """Seconds spent on each stage so far, over all resumes; without what a kill cut off."""
        return {stage: entry["seconds"] for stage, entry in self._timing().items()}

    @contextmanager
    def timed(self, stage: str) -> Iterator[Callable[[], None]]:
        """Count a block's seconds to a stage, in timing.json.

        Yields:
            A function that saves the seconds so far; what came after its last call is lost in a
            kill, and `starts` in timing.json, one more than the resumes, tells of it.
        """
        self._count(stage, 0.0, starts=1)
        last = time.monotonic()

        def lap() -> None:
            nonlocal last
            now = time.monotonic()
            self._count(stage, now - last, starts=0)
            last = now

        try:
            yield lap
        finally:
            lap()

    def close(self) -> None:
        """Let others in; closing twice is allowed."""
        self.journal.close()
        self._lock.close()

    def _timing(self) -> dict[str, dict[str, float]]:
        path = self.path / "timing.json"
        if not path.exists():
            return {}
        try:
            timing: dict[str, dict[str, float]] = read_json(path)
            return {
                stage: {"seconds": float(entry["seconds"]), "starts": int(entry["starts"])}
                for stage, entry in timing.items()
            }
        except (DataError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path}: damaged; delete it to go on without past times") from error

    def _count(self, stage: str, seconds: float, starts: int) -> None:
        timing = self._timing()
        entry = timing.get(stage, {"seconds": 0.0, "starts": 0})
        timing[stage] = {
            "seconds": round(entry["seconds"] + seconds, 3),
            "starts": entry["starts"] + starts,
        }
        write_json(self.path / "timing.json", timing)


def _refuse_foreign(path: Path) -> None:
    """Touch nothing in a folder that is not ours."""
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"{path}: not a folder")
    if (path / "manifest.json").exists():
        return
    foreign = sorted(p.name for p in path.iterdir() if p.name != _LOCK and not is_temporary(p))
    if foreign:
        raise RunError(f"{path}: not empty and not a run folder: it holds {foreign[0]}")


def _manifest(path: Path, recipe: RunConfig) -> Manifest:
    """The folder's manifest, new or found, with this process's environment noted."""
    if not (path / "manifest.json").exists():
        manifest = new_manifest(recipe)
        _save(path, manifest)
        return manifest
    manifest = read_manifest(path)
    _refuse_other_recipe(path, manifest, recipe)
    if manifest.recipe != (now := recipe.model_dump(mode="json")):
        changed = {"recipe": now, "recipe_digest": recipe_digest(recipe)}
        manifest = manifest.model_copy(update=changed)
        _save(path, manifest)
    here = environment()
    if here != manifest.environments[-1]:
        _log.warning("%s: resumed with other code or libraries; see its manifest.json", path)
        environments = (*manifest.environments, here)
        manifest = manifest.model_copy(update={"environments": environments})
        _save(path, manifest)
    return manifest


def _refuse_other_recipe(path: Path, manifest: Manifest, recipe: RunConfig) -> None:
    stored = with_defaults(manifest.recipe, type(recipe))
    differences = [
        difference
        for difference in recipe_differences(stored, recipe.model_dump(mode="json"))
        if not _WHERE.search(difference.split(":", 1)[0])
    ]
    if differences:
        named = "; ".join(differences[:_MAX_NAMED])
        more = (
            f"; and {len(differences) - _MAX_NAMED} more" if len(differences) > _MAX_NAMED else ""
        )
        raise RunError(f"{path}: the run has another recipe (its -> yours): {named}{more}")


def _save(path: Path, manifest: Manifest) -> None:
    write_json(path / "manifest.json", manifest.model_dump(mode="json"))
