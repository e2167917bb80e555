"""Benchmark cases from files as published or from folders of `prm import`, told by content.

A folder is an import if it holds cases.parquet; else its data files are read in the order of their
names. A file is a table of prmkit's own if its first row has a `case_id`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from prmkit.datasets.folder import TABLES
from prmkit.datasets.importing import Imported
from prmkit.datasets.own import read_own
from prmkit.datasets.rows import BadRow, Row, read_rows
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase, Outcome, Question, Solution

CaseReader = Callable[[Iterable[Row | BadRow]], Imported[BenchmarkCase]]
"""How a benchmark's published rows become cases."""

NOT_SAID = "not said"
"""Reason of an outcome that a data set does not tell."""

_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".parquet")
_TABLE = f"{TABLES[BenchmarkCase][0]}.parquet"


def read_cases(paths: Sequence[Path], reader: CaseReader) -> Imported[BenchmarkCase]:
    """Read all cases of files and folders; a row that cannot be used is among the rejected.

    Args:
        paths: Files or folders, each in the published format or one of prmkit's own tables.
        reader: Reads the published format.

    Raises:
        DataError: a file or folder is missing or holds no data file, or no row at all was found.
    """
    files = [file for path in paths for file in data_files(path)]
    rows = read_rows(files)
    head = next(rows, None)
    if head is None:
        raise DataError(f"{_named(paths)}: no rows")
    rows = chain([head], rows)
    if isinstance(head, Row) and "case_id" in head.values:
        return _own_cases(rows)
    return reader(rows)


def data_files(path: Path) -> list[Path]:
    """The data files that a path means: itself, an import's table, or a folder's files by name.

    Raises:
        DataError: there is none.
    """
    if not path.is_dir():
        return [path]
    if (path / _TABLE).is_file():
        return [path / _TABLE]
    files = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS))
    if not files:
        raise DataError(f"{path}: holds no data file; allowed: {', '.join(_ENDINGS)}")
    return files


def case_question(case: BenchmarkCase) -> Question:
    """The question of a benchmark's case."""
    return Question(problem_id=case.problem_id, question=case.question, split=case.subset)


def case_solution(case: BenchmarkCase) -> Solution:
    """The solution of a benchmark's case; its id is the case's."""
    return Solution(
        solution_id=case.case_id,
        problem_id=case.problem_id,
        policy=case.policy,
        sample_index=0,
        steps=case.steps,
        outcome=case.outcome,
        reason=case.reason or (NOT_SAID if case.outcome is Outcome.UNSCORED else ""),
    )


def _own_cases(rows: Iterator[Row | BadRow]) -> Imported[BenchmarkCase]:
    found = read_own(rows)
    cases = [record for record in found.records if isinstance(record, BenchmarkCase)]
    return Imported(cases, found.rejected, found.n_rows, found.n_used, found.dropped, found.notes)


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths) or "no files given"
