import json
from pathlib import Path

import pytest
from run_prm import Prm

from prmkit.records import JudgeAnnotation, LabelledSolution, OracleAnnotation
from prmkit.store import write_records


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ids = [f"p{i}/policy/0" for i in range(4)]
    judged = [
        JudgeAnnotation(solution_id=s, first_error=e, judge="j", votes=())
        for s, e in zip(ids, (0, 1, None, None), strict=True)
    ]
    truth = [
        OracleAnnotation(solution_id=s, first_error=e)
        for s, e in zip(ids, (0, 2, None, 1), strict=True)
    ]
    write_records(tmp_path / "judge.train.parquet", judged, JudgeAnnotation)
    write_records(tmp_path / "truth.train.parquet", truth, OracleAnnotation)
    labelled = [
        LabelledSolution(
            solution_id=s, question="?", steps=("a",) * len(ls), labels=ls, source="mc"
        )
        for s, ls in zip(ids, ((0.0,), (1.0, 0.6, 0.1), (1.0,), (1.0, 0.0)), strict=True)
    ]
    write_records(tmp_path / "labelled.parquet", labelled, LabelledSolution)
    return tmp_path


def test_a_run_is_compared_with_its_truth(prm: Prm, folder: Path) -> None:
    (found,) = json.loads(prm("evaluate", "labels", folder, "--json").out)
    assert (found["a"], found["b"], found["n"]) == ("judge", "truth", 4)
    assert found["same_place"]["value"] == 50.0
    assert found["kinds"]["a_earlier"]["value"] == 25.0
    assert found["kinds"]["only_b"]["value"] == 25.0
    assert found["with_b_as_truth"]["error_accuracy"]["value"] == pytest.approx(100 / 3)
    shown = prm("evaluate", "labels", folder).out
    assert "With b as the truth, as on ProcessBench" in shown


def test_tables_of_all_kinds_are_compared_in_pairs(prm: Prm, folder: Path) -> None:
    said = folder / "said.jsonl"
    rows = [{"id": f"p{i}/policy/0", "prediction": p} for i, p in enumerate((0, 2, -1, None))]
    said.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tables = (f"mc={folder / 'labelled.parquet'}", said, folder / "judge.train.parquet")
    found = json.loads(prm("evaluate", "labels", *tables, "--json").out)
    assert [(pair["a"], pair["b"]) for pair in found] == [
        ("mc", "said"),
        ("mc", "judge"),
        ("said", "judge"),
    ]
    assert (found[0]["n"], found[0]["n_unscored"]) == (3, 1)
    assert found[0]["same_place"]["value"] == 100.0


def test_annotators_of_different_solutions_are_refused_or_marked(prm: Prm, folder: Path) -> None:
    few = folder / "few.jsonl"
    few.write_text('{"id": "p0/policy/0", "prediction": 0}\n{"id": "x", "prediction": 0}\n')
    arguments = ("evaluate", "labels", few, folder / "judge.train.parquet")
    done = prm(*arguments)
    assert done.code == 1
    assert "1 solutions that only the first has (x)" in done.err
    assert "3 solutions that only the second has (p1/policy/0, " in done.err
    assert "PARTIAL: 1 of 5 cases" in prm(*arguments, "--partial").out
    assert prm("evaluate", "labels", few).code == 1


def test_rows_that_cannot_be_read_are_not_called_none(prm: Prm, folder: Path) -> None:
    bad, empty = folder / "bad.jsonl", folder / "empty.jsonl"
    bad.write_text('{"id": "x", "prediction": "two"}\n{"id": "y", "first_error": NaN}\n')
    empty.write_text("")
    done = prm("evaluate", "labels", f"a={bad}", f"b={bad}")
    assert done.code == 1
    assert "no usable row: 2 unusable rows of the first" in done.err
    assert prm("evaluate", "labels", f"a={empty}", f"b={empty}").err.endswith("no rows\n")


def test_two_annotators_of_one_name_are_refused(prm: Prm, folder: Path) -> None:
    said = folder / "said.jsonl"
    said.write_text('{"id": "p0/policy/0", "prediction": 0}\n')
    done = prm("evaluate", "labels", said, said)
    assert done.code == 1
    assert "two annotators are called 'said'; name them: NAME=FILE" in done.err
