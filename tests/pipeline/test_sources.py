"""Claims about where a run's problems come from."""

from pathlib import Path

import pytest

from prmkit.config import ProblemsConfig
from prmkit.datasets.cases import case_question, case_solution
from prmkit.errors import DataError
from prmkit.pipeline.sources import check_source, draw_source
from prmkit.records import BenchmarkCase, Outcome, Problem
from prmkit.store import write_records

SIZES = {"n_train": 3, "n_validation": 2, "n_process": 2, "n_best_of_n": 2}


def problems(folder: Path, questions: list[str]) -> str:
    rows = [
        Problem(problem_id=f"{folder.name}/{i}", question=text, answer="1", split="test")
        for i, text in enumerate(questions)
    ]
    folder.mkdir()
    write_records(folder / "problems.parquet", rows, Problem)
    return str(folder)


def cases(folder: Path, n: int) -> str:
    rows = [
        BenchmarkCase(
            case_id=f"{subset}-{i}",
            problem_id=f"p{i}",
            subset=subset,
            question=f"Which case is {subset} {i}?",
            steps=("a", "b"),
            first_error=1 if i % 2 else None,
        )
        for subset in ("gsm8k", "math")
        for i in range(n)
    ]
    folder.mkdir()
    write_records(folder / "cases.parquet", rows, BenchmarkCase)
    return str(folder)


def imported(**folders: tuple[str, ...]) -> ProblemsConfig:
    return ProblemsConfig.model_validate({"source": "imported", **SIZES, **folders})


def test_a_folder_is_a_split_and_no_problem_is_in_two_parts(tmp_path: Path) -> None:
    train = [problems(tmp_path / name, [f"{name} {i}?" for i in range(9)]) for name in "ab"]
    test = problems(tmp_path / "held", [f"held {i}?" for i in range(9)])
    source = draw_source(imported(train=tuple(train), best_of_n=(test,)), 0)
    assert {part: len(found) for part, found in source.parts.items()} == {
        "train": 6,
        "validation": 4,
        "process": 0,
        "best_of_n": 2,
    }
    assert {p.split for p in source.parts["train"]} == {"a", "b"}
    ids = [p.problem_id for found in source.parts.values() for p in found]
    assert len(set(ids)) == len(ids) == 12


def test_training_problems_that_the_evaluation_has_are_left_out_and_named(tmp_path: Path) -> None:
    train = problems(tmp_path / "a", ["What is 1+1?", "What is 2+2?"])
    test = problems(tmp_path / "b", ["what is  1+1"])
    config = imported(train=(train,), best_of_n=(test,)).model_copy(update={"n_validation": 0})
    source = draw_source(config, 0)
    assert [p.question for p in source.parts["train"]] == ["What is 2+2?"]
    assert [(m.row, m.evaluation) for m in source.contaminated] == [("a/0", "b/0")]


def test_cases_are_at_most_so_many_a_subset(tmp_path: Path) -> None:
    train = problems(tmp_path / "a", [f"a {i}?" for i in range(9)])
    source = draw_source(imported(train=(train,), process=(cases(tmp_path / "pb", 5),)), 0)
    assert sorted(c.subset for c in source.cases) == ["gsm8k", "gsm8k", "math", "math"]


def test_a_case_is_a_question_and_a_solution_under_its_own_ids() -> None:
    case = BenchmarkCase(
        case_id="c", problem_id="p", subset="math", question="q?", steps=("a",), first_error=0
    )
    question, solution = case_question(case), case_solution(case)
    assert (question.problem_id, question.split, question.question) == ("p", "math", "q?")
    assert (solution.solution_id, solution.problem_id, solution.steps) == ("c", "p", ("a",))
    assert (solution.outcome, solution.reason) == (Outcome.UNSCORED, "not said")


def test_a_folder_that_is_no_import_is_refused_saying_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; make it with prm import"):
        check_source(imported(train=(str(tmp_path / "absent"),)))
    held = cases(tmp_path / "pb", 1)
    with pytest.raises(DataError, match=r"no problems\.parquet; allowed: an import of problems"):
        check_source(imported(train=(held,)))


def test_one_id_in_two_folders_is_refused(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        row = Problem(problem_id="same", question=f"In {folder.name}?", answer="1")
        folder.mkdir()
        write_records(folder / "problems.parquet", [row], Problem)
    config = imported(train=(str(a),), best_of_n=(str(b),)).model_copy(update={"n_validation": 0})
    with pytest.raises(DataError, match="'same' is in a and in b"):
        draw_source(config, 0)


def test_a_training_set_that_the_evaluation_holds_whole_is_an_error(tmp_path: Path) -> None:
    a = problems(tmp_path / "a", ["What is 1+1?"])
    b = problems(tmp_path / "b", ["What is 1+1?"])
    with pytest.raises(DataError, match="no training problem is left"):
        draw_source(imported(train=(a,), best_of_n=(b,)), 0)
