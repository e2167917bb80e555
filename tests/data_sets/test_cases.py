"""Which files a path means, and what kind of table they hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from prmkit.datasets.cases import data_files, read_cases
from prmkit.datasets.processbench import read_processbench
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase
from prmkit.store import write_records

ROW: dict[str, Any] = {
    "id": "math-7",
    "generator": "m",
    "problem": "P?",
    "steps": ["a", "b"],
    "final_answer_correct": False,
    "label": 1,
}
CASE = BenchmarkCase(
    case_id="own-1", problem_id="p", subset="math", question="P?", steps=("a",), first_error=0
)


def test_a_folder_is_an_import_or_else_its_data_files_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.json", "notes.txt"):
        (tmp_path / name).write_text(json.dumps(ROW) + "\n")
    assert [file.name for file in data_files(tmp_path)] == ["a.json", "b.jsonl"]
    write_records(tmp_path / "cases.parquet", [CASE], BenchmarkCase)
    assert [file.name for file in data_files(tmp_path)] == ["cases.parquet"]


def test_a_folder_without_data_says_what_it_may_hold(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"holds no data file; allowed: \.json, "):
        data_files(tmp_path)


def test_a_table_of_ones_own_is_told_by_its_columns(tmp_path: Path) -> None:
    own, published = tmp_path / "cases.parquet", tmp_path / "math.jsonl"
    write_records(own, [CASE], BenchmarkCase)
    published.write_text(json.dumps(ROW) + "\n")
    assert read_cases([own], read_processbench).records == [CASE]
    (found,) = read_cases([published], read_processbench).records
    assert (found.case_id, found.first_error) == ("math-7", 1)


def test_files_without_a_row_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(DataError, match=r"empty\.jsonl: no rows"):
        read_cases([empty], read_processbench)
    with pytest.raises(DataError, match="no files given: no rows"):
        read_cases([], read_processbench)
