"""Folders of imports, exports, and where rows come from."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prmkit.datasets.decontaminate import EvaluationIndex, EvaluationProblem
from prmkit.datasets.exporting import EXPORTS, export_table
from prmkit.datasets.folder import (
    check_folder,
    evaluation_questions,
    remove_contaminated,
    write_import,
)
from prmkit.datasets.formats import FORMATS, expected_rows, read_options, source_rows
from prmkit.datasets.importing import Imported
from prmkit.datasets.prm800k import Prm800kOptions
from prmkit.datasets.problems import PROBLEM_SETS
from prmkit.datasets.rows import BadRow
from prmkit.errors import ConfigError, DataError, RunError
from prmkit.records import LabelledSolution, Outcome, Problem, Record, Solution
from prmkit.store import read_records, write_records

PUBLISHED = Path(__file__).parent / "rows"

PROBLEMS: list[Record] = [
    Problem(problem_id=f"p{i}", question=f"Question {i}?", answer="1") for i in range(3)
]
BAD = BadRow(row="f, line 4", reason="torn", field="answer", content="{\u2028")
SOLUTION = LabelledSolution(
    solution_id="s", question="Question 1", steps=("a", "b"), labels=(1.0, 0.25), source="mc"
)


def imported(records: list[Record]) -> Imported[Record]:
    return Imported(records, [BAD], len(records) + 1, len(records), {}, {"seen": 1})


def test_tables_rejects_and_counts_lie_in_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    summary = write_import(out, imported([*PROBLEMS, SOLUTION]), [], {"format": "x"})
    assert read_records(out / "problems.parquet", Problem) == PROBLEMS
    assert read_records(out / "labelled.parquet", LabelledSolution) == [SOLUTION]
    (line,) = (out / "rejects.jsonl").read_bytes().decode().split("\n")[:-1]
    assert BadRow.model_validate_json(line) == BAD
    assert json.loads((out / "import.json").read_bytes()) == summary
    assert summary["rows"] == {"in": 5, "used": 4, "dropped": {}, "rejected": 1}
    assert summary["tables"] == {"problems.parquet": 3, "labelled.parquet": 1}


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    check_folder(tmp_path / "absent", force=False)
    write_import(tmp_path / "a", imported([SOLUTION]), [], {})
    with pytest.raises(RunError, match="holds an import"):
        check_folder(tmp_path / "a", force=False)
    check_folder(tmp_path / "a", force=True)
    (tmp_path / "a" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"not an import: it holds notes\.txt"):
        check_folder(tmp_path / "a", force=True)
    with pytest.raises(RunError, match="not a folder"):
        check_folder(tmp_path / "a" / "notes.txt", force=True)


def test_a_replaced_import_leaves_no_old_table(tmp_path: Path) -> None:
    write_import(tmp_path, imported([SOLUTION]), [], {})
    write_import(tmp_path, imported(PROBLEMS), [], {})
    assert not (tmp_path / "labelled.parquet").exists()


def test_evaluation_problems_are_left_out_and_listed(tmp_path: Path) -> None:
    index = EvaluationIndex([EvaluationProblem("e", "question 1")])
    kept, removed = remove_contaminated(imported(PROBLEMS), index)
    summary = write_import(tmp_path, kept, removed, {})
    assert [record.problem_id for record in read_records(tmp_path / "problems.parquet", Problem)]
    assert summary["records"] == {"written": 2, "contaminated": 1}
    (line,) = (tmp_path / "contaminated.jsonl").read_text().splitlines()
    assert json.loads(line) == {"row": "p1", "evaluation": "e", "rule": "exact", "ratio": 1.0}


def test_evaluation_tables_of_any_of_our_records_are_read(tmp_path: Path) -> None:
    write_records(tmp_path / "a.parquet", [SOLUTION], LabelledSolution)
    (tmp_path / "b.jsonl").write_text('{"question": "Q?"}\n{"question": "Question 1"}\n')
    found = evaluation_questions([tmp_path / "a.parquet", tmp_path / "b.jsonl"])
    assert found == [
        EvaluationProblem("s", "Question 1"),
        EvaluationProblem(f"{tmp_path / 'b.jsonl'}, line 1", "Q?"),
    ]


@pytest.mark.parametrize("line", ['{"q": "Q"}', '{"question": 1}', '{"question'])
def test_an_evaluation_row_that_cannot_be_read_stops_the_work(tmp_path: Path, line: str) -> None:
    (tmp_path / "e.jsonl").write_text(line)
    with pytest.raises(DataError, match=r"e\.jsonl, line 1"):
        evaluation_questions([tmp_path / "e.jsonl"])


def test_records_without_a_question_cannot_be_compared() -> None:
    solution = Solution(
        solution_id="p/m/0",
        problem_id="p",
        policy="m",
        sample_index=0,
        steps=("a",),
        outcome=Outcome.CORRECT,
    )
    with pytest.raises(DataError, match="a Solution holds no question"):
        remove_contaminated(imported([solution]), EvaluationIndex([]))


def test_a_table_leaves_in_each_file_kind_and_comes_back(tmp_path: Path) -> None:
    write_records(tmp_path / "t.parquet", [SOLUTION], LabelledSolution)
    for name in ("out.jsonl", "out.json", "out.parquet"):
        assert export_table(tmp_path / "t.parquet", EXPORTS["trl"], tmp_path / name) == 1
        source = source_rows(FORMATS["trl"], "trl", [tmp_path / name], None, from_hub=False)
        (back,) = FORMATS["trl"].read(source.rows, source.split, None).records
        assert (back.question, back.steps, back.labels) == ("Question 1", ("a", "b"), (1.0, 0.25))
    columns = pq.read_schema(tmp_path / "out.parquet")
    assert str(columns.field("labels").type.value_type) == "bool"
    assert str(columns.field("label_probs").type.value_type) == "double"


def test_processbench_goes_through_a_table_unchanged(tmp_path: Path) -> None:
    source = source_rows(
        FORMATS["processbench"],
        "processbench",
        [PUBLISHED / "processbench.json"],
        None,
        from_hub=False,
    )
    found = FORMATS["processbench"].read(source.rows, source.split, None)
    write_import(tmp_path / "a", found, [], {})
    export_table(tmp_path / "a" / "cases.parquet", EXPORTS["processbench"], tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_bytes()) == json.loads(
        (PUBLISHED / "processbench.json").read_bytes()
    )


def test_an_export_refuses_other_records_and_other_endings(tmp_path: Path) -> None:
    write_records(tmp_path / "t.parquet", [SOLUTION], LabelledSolution)
    with pytest.raises(DataError, match="column"):
        export_table(tmp_path / "t.parquet", EXPORTS["processbench"], tmp_path / "o.json")
    with pytest.raises(DataError, match=r"ending '\.csv'; allowed: \.jsonl, \.json, \.parquet"):
        export_table(tmp_path / "t.parquet", EXPORTS["trl"], tmp_path / "o.csv")


@pytest.mark.parametrize("name", sorted(path.stem for path in PUBLISHED.glob("*.json*")))
def test_published_rows_of_every_committed_format_are_read(name: str) -> None:
    (file,) = PUBLISHED.glob(f"{name}.json*")
    known = FORMATS[name]
    source = source_rows(known, name, [file], None, from_hub=False)
    found = known.read(source.rows, source.split, read_options(known, name, []))
    assert found.rejected == []
    assert found.n_used == found.n_rows > 0
    if name in PROBLEM_SETS:
        assert all(record.split == "test" for record in found.records)


def test_a_split_is_the_first_of_a_problem_set_and_none_of_many_files() -> None:
    def split(name: str, given: str | None) -> str:
        return source_rows(FORMATS[name], name, [Path("f")], given, from_hub=False).split

    assert (split("gsm8k", None), split("gsm8k", "train")) == ("test", "train")
    assert (split("processbench", None), split("prmbench", None)) == ("", "test")
    assert expected_rows(FORMATS["gsm8k"], "train") == 7473
    assert expected_rows(FORMATS["processbench"], "") is None


def test_a_source_that_makes_no_sense_is_an_error() -> None:
    for name, files, split, from_hub, message in (
        ("gsm8k", [], None, False, "give either files or --hub"),
        ("gsm8k", [Path("f")], None, True, "give either files or --hub"),
        ("gsm8k", [Path("f")], "dev", False, "--split 'dev': allowed are test, train"),
        ("prmbench", [], None, True, "the hub does not have it"),
    ):
        with pytest.raises(ConfigError, match=message):
            source_rows(FORMATS[name], name, files, split, from_hub=from_hub)


def test_options_are_checked_like_a_recipe() -> None:
    known = FORMATS["prm800k"]
    assert read_options(known, "prm800k", ["neutral=negative"]) == Prm800kOptions(
        neutral="negative"
    )
    for text, message in (
        ("neutral=bad", "--set neutral: found 'bad'; allowed: one of positive, negative, dropped"),
        ("neutrl=positive", "neutrl"),
        ("neutral", "allowed: key=value"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_options(known, "prm800k", [text])
    with pytest.raises(ConfigError, match="gsm8k has no options"):
        read_options(FORMATS["gsm8k"], "gsm8k", ["a=b"])
