"""A run folder as it lies there, read and never written: what analyses and reports start from.

Whatever tables a finished or unfinished run has are taken; a stage that was not reached is empty.
`report.json` and `timing.json` stay plain JSON, so that a folder of another version reads as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from prmkit.errors import RunError
from prmkit.records import (
    BenchmarkCase,
    Dropped,
    GivenLabel,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Problem,
    Record,
    Rejected,
    Solution,
    StepScores,
)
from prmkit.store.files import read_json
from prmkit.store.manifest import Manifest, read_manifest
from prmkit.store.tables import read_records

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class StoredRun:
    """Everything that a run left behind, in memory."""

    path: Path
    """The folder."""
    manifest: Manifest
    """Recipe, environment, counts."""
    report: Mapping[str, Any]
    """report.json; empty if the run is not finished."""
    cost: Mapping[str, Any]
    """cost.json: estimated and real cost by stage and model; empty if there is none."""
    timing: Mapping[str, Mapping[str, float]]
    """timing.json: `seconds` and `starts` by stage."""
    problems: Mapping[str, Problem]
    """Every problem of the run by id."""
    cases: Sequence[BenchmarkCase]
    """Imported solutions with known first errors; none in the synthetic world."""
    solutions: Mapping[str, Sequence[Solution]]
    """By part: train, validation, process, best_of_n; and grown, which the annotator `tree` made of
    rollouts of the ones to label."""
    rejected: Mapping[str, Sequence[Rejected]]
    """Solutions that could not be drawn, by part."""
    given: Sequence[GivenLabel]
    """First errors that came with the solutions of `prm rollout`; none in other runs."""
    mc: Sequence[McAnnotation]
    """Monte-Carlo annotations."""
    judged: Mapping[str, Sequence[JudgeAnnotation]]
    """The judge's annotations by part: train, process."""
    truth: Mapping[str, Sequence[OracleAnnotation]]
    """Exact first errors by part: train, validation, process, written."""
    consensus: Sequence[LabelledSolution]
    """What the consensus filter kept."""
    dropped: Sequence[Dropped]
    """What it did not."""
    scores: Mapping[str, Mapping[str, Sequence[StepScores]]]
    """Step scores by arm, then part: process, best_of_n, and labelled: some of the solutions that
    were labelled, on which nothing is evaluated."""
    training: Mapping[str, Mapping[str, Any]]
    """By arm, what its training said of itself (training.json)."""

    @property
    def name(self) -> str:
        """The folder's name, by which a person tells runs apart."""
        return self.path.resolve().name

    @property
    def only_labels(self) -> bool:
        """Whether it is a run of `prm rollout`: given solutions, labelled by rollouts."""
        return "completer" in self.recipe

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe with every default written out."""
        return self.manifest.recipe

    @property
    def arms(self) -> dict[str, str]:
        """Which labels each arm learns from, by the arm's name."""
        return {arm["name"]: arm["labels"] for arm in self.recipe.get("arms", ())}


def read_run(path: Path) -> StoredRun:
    """Read a run folder.

    Raises:
        RunError: it is no run folder, or its manifest is damaged.
        DataError: a table or file in it is damaged; names file, row and column.
    """
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder; make one with prm run RECIPE --out {path}")
    manifest = read_manifest(path)
    arms = [arm["name"] for arm in manifest.recipe.get("arms", ())]
    parts = ("train", "validation", "process", "best_of_n")
    problems, solutions = _parts(path, "problems", parts, Problem), _solutions(path, parts)
    problems["train"] = [*problems["train"], *_table(path / "problems.parquet", Problem)]
    return StoredRun(
        path=path,
        manifest=manifest,
        report=_json(path / "report.json"),
        cost=_json(path / "cost.json"),
        timing=_json(path / "timing.json"),
        problems={p.problem_id: p for of_part in problems.values() for p in of_part},
        cases=_table(path / "problems.cases.parquet", BenchmarkCase),
        solutions=solutions,
        rejected=_parts(path, "rejected", parts, Rejected),
        given=_table(path / "given.parquet", GivenLabel),
        mc=_table(path / "rollouts.parquet", McAnnotation),
        judged=_parts(path, "judge", ("train", "process"), JudgeAnnotation),
        truth=_parts(
            path, "truth", ("train", "validation", "process", "written"), OracleAnnotation
        ),
        consensus=_table(path / "consensus.parquet", LabelledSolution),
        dropped=_table(path / "dropped.parquet", Dropped),
        scores={
            arm: _parts(path, f"scores.{arm}", ("process", "best_of_n", "labelled"), StepScores)
            for arm in arms
        },
        training={
            arm: found for arm in arms if (found := _json(path / "prms" / arm / "training.json"))
        },
    )


def _solutions(path: Path, parts: tuple[str, ...]) -> dict[str, Sequence[Solution]]:
    """By part; those that a run of `prm rollout` was given are the ones to label."""
    found = _parts(path, "solutions", (*parts, "grown"), Solution)
    found["train"] = [*found["train"], *_table(path / "solutions.parquet", Solution)]
    return found


def _parts(
    path: Path, stage: str, parts: tuple[str, ...], row_type: type[R]
) -> dict[str, Sequence[R]]:
    return {part: _table(path / f"{stage}.{part}.parquet", row_type) for part in parts}


def _table(path: Path, row_type: type[R]) -> list[R]:
    return read_records(path, row_type) if path.exists() else []


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found = read_json(path)
    if not isinstance(found, dict):
        raise RunError(f"{path}: found a {type(found).__name__}; allowed: an object")
    return found
