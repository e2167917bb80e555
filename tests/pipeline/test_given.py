"""Claims about solutions that come from elsewhere and how their problems are found."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prmkit.config import RolloutRecipe
from prmkit.errors import ConfigError, DataError
from prmkit.pipeline.given import Given, read_given
from prmkit.records import (
    BenchmarkCase,
    CheckedAnswer,
    LabelledSolution,
    Outcome,
    Problem,
    Record,
    Solution,
)
from prmkit.store import write_records


def check(text: str, problem: Problem) -> CheckedAnswer:
    right = text.endswith(problem.answer)
    return CheckedAnswer(Outcome.CORRECT if right else Outcome.INCORRECT, "", text[-1])


def problem(name: str, question: str, answer: str) -> Problem:
    return Problem(problem_id=name, question=question, answer=answer)


def labelled(name: str, question: str, *labels: float) -> LabelledSolution:
    steps = tuple(f"step {i}" for i in range(len(labels)))
    return LabelledSolution(
        solution_id=name, question=question, steps=steps, labels=labels, source="human"
    )


def solution(name: str, problem_id: str, *steps: str) -> Solution:
    return Solution(
        solution_id=name,
        problem_id=problem_id,
        policy="m",
        sample_index=0,
        steps=steps,
        outcome=Outcome.UNSCORED,
        reason="unfinished",
    )


def table(path: Path, *records: Record) -> str:
    path.parent.mkdir(exist_ok=True)
    write_records(path, records, type(records[0]))
    return str(path)


def read(solutions: str | Path, *problems: str, **rollouts: Any) -> Given:
    recipe: dict[str, Any] = {
        "name": "t",
        "solutions": str(solutions),
        "problems": problems,
        "completer": {"model": "m"},
        "rollouts": rollouts,
    }
    return read_given(RolloutRecipe.model_validate(recipe), check)


def test_a_problem_is_found_by_the_text_of_its_question(tmp_path: Path) -> None:
    own = problem("math/1", "What is  $1+1$ ?", "2")
    problems = table(tmp_path / "p.parquet", problem("math/0", "What is 1-1?", "0"), own)
    given = read(table(tmp_path / "l.parquet", labelled("s", "what is 1+1", 1, 0)), problems)
    (found,) = given.solutions
    assert (found.solution_id, found.problem_id) == ("s", "math/1")
    assert (found.outcome, found.reason) == (Outcome.UNSCORED, "cut at its first error")
    assert given.problems == [own]
    assert [(x.first_error, x.source) for x in given.labels] == [(1, "human")]


@pytest.mark.parametrize(
    ("last", "label", "known", "outcome"),
    [
        ("The answer is 2", 1, True, Outcome.CORRECT),
        ("The answer is 3", 1, True, Outcome.INCORRECT),
        ("so we have 3", 1, True, Outcome.UNSCORED),  # it may go on after that
        ("The answer is 3", 0, True, Outcome.UNSCORED),  # what followed was cut
        ("The answer is 2", 1, False, Outcome.UNSCORED),  # nobody needs it
    ],
)
def test_an_outcome_that_nobody_said_is_found_where_it_is_needed_and_stated(
    tmp_path: Path, last: str, label: float, *, known: bool, outcome: Outcome
) -> None:
    problems = table(tmp_path / "p.parquet", problem("p", "1+1?", "2"))
    row = LabelledSolution(
        solution_id="s", question="1+1?", steps=(last,), labels=(label,), source="human"
    )
    rows = table(tmp_path / "l.parquet", row)
    (found,) = read(rows, problems, finished_is_known=known).solutions
    assert found.outcome is outcome


def test_a_case_keeps_the_outcome_that_it_came_with(tmp_path: Path) -> None:
    case = BenchmarkCase(
        case_id="c",
        problem_id="other id",
        subset="gsm8k",
        question="1+1?",
        steps=("It is 2",),
        outcome=Outcome.INCORRECT,
    )
    problems = table(tmp_path / "p.parquet", problem("p", "1+1?", "2"))
    given = read(table(tmp_path / "c.parquet", case), problems)
    assert given.solutions[0].outcome is Outcome.INCORRECT
    assert (given.solutions[0].problem_id, given.labels[0].first_error) == ("p", None)


def test_what_cannot_be_rolled_out_is_rejected_and_the_rest_goes_on(tmp_path: Path) -> None:
    problems = table(
        tmp_path / "p.parquet",
        *(problem("a", "1+1?", "2"), problem("b", "Pick one", "A"), problem("c", "Pick one.", "B")),
    )
    rows = [
        labelled("good", "1+1?", 1),
        labelled("lost", "2+2?", 1),
        labelled("two", "pick one", 1),
    ]
    given = read(table(tmp_path / "l.parquet", *rows), problems)
    assert [s.solution_id for s in given.solutions] == ["good"]
    assert [(r.row, r.reason) for r in given.rejected] == [
        ("lost", "no problem with that question is given"),
        ("two", "its question has several answers: b, c"),
    ]


def test_a_runs_folder_gives_its_training_solutions_and_problems(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    table(folder / "problems.train.parquet", problem("p", "1+1?", "2"))
    rows = [solution("s", "p", "one"), solution("lost", "q", "one"), solution("blank", "p")]
    table(folder / "solutions.train.parquet", *rows)
    (folder / "manifest.json").write_text("{}")
    given = read(folder)
    assert [(s.solution_id, s.outcome) for s in given.solutions] == [("s", Outcome.UNSCORED)]
    assert [r.reason for r in given.rejected] == ["no problem with the id 'q' is given", "no steps"]


def test_an_imports_folder_is_read_for_what_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    table(folder / "problems.parquet", problem("p", "1+1?", "2"))
    table(folder / "labelled.parquet", labelled("s", "1+1?", 1))
    assert [s.solution_id for s in read(folder).solutions] == ["s"]


def test_tables_of_an_earlier_version_are_known_by_the_columns_they_have(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    problems = table(folder / "problems.parquet", problem("p", "1+1?", "2"))
    solutions = table(folder / "solutions.parquet", solution("s", "p", "1+1=2"))
    now = read(folder)
    for name, later in ((problems, ["spec", "answer_kind"]), (solutions, ["extracted", "usage"])):
        pq.write_table(pq.read_table(name).drop_columns(later), name)
    assert read(folder) == now
    assert [s.solution_id for s in now.solutions] == ["s"]


@pytest.mark.parametrize("kind", ["missing", "empty", "problems", "twice", "torn", "none"])
def test_a_table_that_is_no_use_is_one_line_with_what_is_allowed(tmp_path: Path, kind: str) -> None:
    problems = table(tmp_path / "p.parquet", problem("p", "1+1?", "2"))
    found, message = {
        "missing": (str(tmp_path / "absent"), "absent: no such folder or table"),
        "empty": (str(tmp_path), r"holds no solutions; allowed: a folder with solutions\.parquet"),
        "problems": (problems, "found another record's columns; allowed: those of Solution"),
        "twice": (
            table(tmp_path / "t.parquet", *[labelled("s", "1+1?", 1)] * 2),
            "solution id 's' occurs twice",
        ),
        "torn": (str(tmp_path / "torn.parquet"), "not a readable Parquet file"),
        "none": (
            table(tmp_path / "n.parquet", labelled("s", "2+2?", 1)),
            "no solution can be rolled out: no problem with that question is given",
        ),
    }[kind]
    (tmp_path / "torn.parquet").write_bytes(Path(problems).read_bytes()[:-9])
    with pytest.raises(DataError, match=message) as caught:
        read(found, problems)
    assert "\n" not in str(caught.value)


def test_problems_that_are_not_there_are_named(tmp_path: Path) -> None:
    rows = table(tmp_path / "l" / "labelled.parquet", labelled("s", "1+1?", 1))
    with pytest.raises(DataError, match="holds no problems; name folders or tables of them"):
        read(rows)
    with pytest.raises(DataError, match="no such folder or table of problems"):
        read(rows, str(tmp_path / "absent"))


def test_solutions_without_labels_are_nothing_to_verify(tmp_path: Path) -> None:
    solutions = table(tmp_path / "s.parquet", solution("s", "p", "so 4"))
    problems = table(tmp_path / "p.parquet", problem("p", "2 + 2?", "4"))
    with pytest.raises(
        ConfigError, match=r"annotator verify: .*s\.parquet has no labels to verify"
    ):
        read(solutions, problems, annotator="verify")
