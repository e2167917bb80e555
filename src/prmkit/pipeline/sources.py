"""Where a run's problems come from: the synthetic world, or folders that `prm import` made.

Of imported problems those that share a question with the evaluation are left out of training. A
folder's name is the split of its problems. Which problems a part gets is decided by a hash of their
ids, so that more of them later means the same ones and others.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from prmkit.config import ProblemsConfig
from prmkit.datasets.decontaminate import EvaluationIndex, EvaluationProblem, Match, decontaminate
from prmkit.datasets.folder import TABLES
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase, Problem
from prmkit.store import read_records
from prmkit.synthetic.problems import make_parts


class Source(NamedTuple):
    """The problems and cases of a run."""

    parts: dict[str, list[Problem]]
    """Problems by what they are used for: train, validation, process, best_of_n."""
    cases: list[BenchmarkCase]
    """Imported solutions with known first errors; none in the synthetic world, which makes them."""
    contaminated: list[Match]
    """Training problems that were left out because the evaluation has them."""


def draw_source(config: ProblemsConfig, seed: int) -> Source:
    """Draw or read the problems of a run.

    Raises:
        DataError: a folder is missing, is no import, or has no such table; two problems share an
            id; no training problem is left.
    """
    if config.source == "synthetic":
        sizes = {
            "train": config.n_train,
            "validation": config.n_validation,
            "process": config.n_process,
            "best_of_n": config.n_best_of_n,
        }
        return Source(make_parts(seed, sizes), [], [])
    best_of_n = [p for f in config.best_of_n for p in _chosen(_problems(f), config.n_best_of_n)]
    cases = [c for folder in config.process for c in _cases(folder, config.n_process)]
    train, validation, contaminated = _clean(config, _index(best_of_n, cases))
    if not train:
        raise DataError(f"{', '.join(config.train)}: no training problem is left; import more")
    parts = {"train": train, "validation": validation, "process": [], "best_of_n": best_of_n}
    _check_ids(p for of_part in parts.values() for p in of_part)
    return Source(parts, cases, contaminated)


class _Clean(NamedTuple):
    """Problems to train with that the evaluation does not have, and those that it has."""

    train: list[Problem]
    validation: list[Problem]
    contaminated: list[Match]


def _index(problems: Iterable[Problem], cases: Iterable[BenchmarkCase]) -> EvaluationIndex:
    return EvaluationIndex(
        [
            *(EvaluationProblem(p.problem_id, p.question) for p in problems),
            *(EvaluationProblem(c.case_id, c.question) for c in cases),
        ]
    )


def _clean(config: ProblemsConfig, index: EvaluationIndex) -> _Clean:
    found = _Clean([], [], [])
    for folder in config.train:
        clean = decontaminate(
            _problems(folder), lambda p: EvaluationProblem(p.problem_id, p.question), index
        )
        chosen = _chosen(clean.kept, config.n_validation + config.n_train)
        found.validation.extend(chosen[: config.n_validation])
        found.train.extend(chosen[config.n_validation :])
        found.contaminated.extend(clean.removed)
    return found


def check_source(config: ProblemsConfig) -> None:
    """Find fault with the folders of imported problems without reading their tables.

    Raises:
        DataError: a folder is missing, is no import, or has no such table.
    """
    for folder in (*config.train, *config.best_of_n):
        _table(folder, Problem)
    for folder in config.process:
        _table(folder, BenchmarkCase)


def rows_held(folder: str, kind: type[Problem] | type[BenchmarkCase], otherwise: int) -> int:
    """Rows of a folder's table, or `otherwise` if there is no such table."""
    path = Path(folder) / f"{TABLES[kind][0]}.parquet"
    return int(pq.read_metadata(path).num_rows) if path.is_file() else otherwise


def _problems(folder: str) -> list[Problem]:
    found = read_records(_table(folder, Problem), Problem)
    return [p.model_copy(update={"split": Path(folder).name}) for p in found]


def _cases(folder: str, n_per_subset: int) -> list[BenchmarkCase]:
    by_subset: dict[str, list[BenchmarkCase]] = {}
    for case in read_records(_table(folder, BenchmarkCase), BenchmarkCase):
        by_subset.setdefault(case.subset, []).append(case)
    return [
        case
        for cases in by_subset.values()
        for case in sorted(cases, key=lambda c: _hash(c.case_id))[:n_per_subset]
    ]


def _table(folder: str, kind: type[Problem] | type[BenchmarkCase]) -> Path:
    path = Path(folder) / f"{TABLES[kind][0]}.parquet"
    if path.is_file():
        return path
    if not Path(folder).is_dir():
        raise DataError(f"{folder}: no such folder; make it with prm import")
    raise DataError(f"{folder}: has no {path.name}; allowed: an import of {TABLES[kind][0]}")


def _chosen(problems: Iterable[Problem], n: int) -> list[Problem]:
    return sorted(problems, key=lambda p: _hash(p.problem_id))[:n]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _check_ids(problems: Iterable[Problem]) -> None:
    split_of: dict[str, str] = {}
    for problem in problems:
        other = split_of.setdefault(problem.problem_id, problem.split)
        if other != problem.split:
            raise DataError(
                f"problem {problem.problem_id!r} is in {other} and in {problem.split}; "
                "allowed: each in one folder"
            )
