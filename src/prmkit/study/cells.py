"""Train a PRM on labels and see where it places first errors: one cell of a study.

A cell is named after everything that it depends on, so a study that is killed, or asked again with
more settings or another judge, trains what is new and nothing twice.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from prmkit.errors import DataError
from prmkit.evaluation.processbench import ProcessCase
from prmkit.generators.load import resolve_model
from prmkit.pipeline.models import score_in_chunks
from prmkit.records import LabelledSolution
from prmkit.store.files import read_json, write_json
from prmkit.study.runs import StudyRun


def cell_key(run: StudyRun, rows: Sequence[LabelledSolution]) -> str:
    """SHA-256 of all that a cell depends on, in hex, shortened."""
    what = {
        "rows": [row.model_dump(mode="json", exclude={"source"}) for row in rows],
        "validation": [row.model_dump(mode="json") for row in run.validation],
        "process": [
            [s.solution_id, list(s.steps), run.process.problems[s.problem_id].question]
            for s in run.process.solutions
        ],
        "base": run.base,
        "training": run.training.model_dump(mode="json"),
        "seed": run.seed,
        "decision": run.decision,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def is_trained(folder: Path, key: str) -> bool:
    """Whether a cell is done."""
    return _path(folder, key).exists()


def train_cell(folder: Path, key: str, run: StudyRun, rows: Sequence[LabelledSolution]) -> None:
    """Train and predict, and keep the predictions; the PRM itself is not kept.

    Args:
        folder: Of all cells.
        key: From `cell_key`.
        run: What to validate and predict on.
        rows: At least one.
    """
    from prmkit.scoring.hf import PrmScorer
    from prmkit.training.trainer import TrainOptions, train_prm

    folder.mkdir(parents=True, exist_ok=True)
    prm = folder / f"{key}.prm"
    config = run.training.model_copy(update={"base": str(resolve_model(run.training.base))})
    if not prm.exists():
        train_prm(rows, run.validation, config, prm, run.seed, TrainOptions(resume=True))
    chunks = score_in_chunks(PrmScorer(prm), run.process.solutions, run.process.problems)
    cases = run.process.from_scores(chain.from_iterable(chunks), run.decision)
    write_json(
        _path(folder, key),
        {case.case_id: {"predicted": case.predicted, "unscored": case.unscored} for case in cases},
    )
    shutil.rmtree(prm)


def read_cell(folder: Path, key: str, run: StudyRun) -> list[ProcessCase]:
    """The cases with a cell's predictions; ids are made unique over runs by the run's name.

    Raises:
        DataError: the file is damaged.
    """
    path = _path(folder, key)
    stored: dict[str, Any] = read_json(path)
    try:
        cases = [
            run.process.case(s, row["predicted"], row["unscored"])
            for s in run.process.solutions
            for row in (stored[s.solution_id],)
        ]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: not the predictions of a cell: {error!r}; delete it") from error
    return [
        case._replace(
            case_id=f"{run.name}/{case.case_id}", problem_id=f"{run.name}/{case.problem_id}"
        )
        for case in cases
    ]


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"
