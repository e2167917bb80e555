"""ProcessBench and PRMBench."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from shared_data import shared

from prmkit.datasets.prmbench import read_prmbench
from prmkit.datasets.processbench import (
    prediction_row,
    processbench_row,
    read_predictions,
    read_processbench,
)
from prmkit.datasets.rows import Row, read_rows, rows_of
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase, Outcome

PUBLISHED = Path(__file__).parent / "rows"

CASE: dict[str, Any] = {
    "id": "math-7",
    "generator": "m",
    "problem": "P?",
    "steps": ["a", "b", "c"],
    "final_answer_correct": False,
    "label": 1,
}
CHANGED: dict[str, Any] = {
    "original_question": "P?",
    "modified_question": "P!",
    "original_process": ["a"],
    "modified_process": ["a", "b", "c"],
    "error_steps": [2, 3],
    "idx": "x",
    "classification": "deception",
}


def cases(*rows: dict[str, Any]) -> list[BenchmarkCase]:
    return read_processbench(rows_of([("f", rows)])).records


def reason(row: dict[str, Any]) -> str:
    (bad,) = read_processbench(rows_of([("f", [row])])).rejected
    return bad.reason


def test_published_processbench_rows_are_read() -> None:
    wrong, right = read_processbench(read_rows([PUBLISHED / "processbench.json"])).records
    assert (wrong.case_id, wrong.subset, wrong.first_error) == ("gsm8k-147", "gsm8k", 1)
    assert (wrong.outcome, wrong.policy) == (Outcome.INCORRECT, "Qwen2-1.5B-Instruct")
    assert (right.case_id, right.first_error, right.outcome) == (
        "gsm8k-386",
        None,
        Outcome.CORRECT,
    )
    assert [len(wrong.steps), len(right.steps)] == [4, 5]


def test_a_case_goes_out_as_it_came_in() -> None:
    rows = [row for row in read_rows([PUBLISHED / "processbench.json"]) if isinstance(row, Row)]
    assert [processbench_row(case) for case in cases(*(row.values for row in rows))] == [
        row.values for row in rows
    ]


def test_a_case_without_outcome_cannot_go_out() -> None:
    unknown = cases(CASE)[0].model_copy(update={"outcome": Outcome.UNSCORED})
    with pytest.raises(DataError, match="math-7: outcome"):
        processbench_row(unknown)


def test_cases_of_one_problem_share_its_id_whatever_the_white_space() -> None:
    a, b, c = cases(
        CASE,
        {**CASE, "id": "math-8", "problem": " P?\n"},
        {**CASE, "id": "math-9", "problem": "Q?"},
    )
    assert a.problem_id == b.problem_id != c.problem_id


def test_ids_that_are_numbers_take_the_files_name() -> None:
    assert cases({**CASE, "id": 7})[0].case_id == "f-7"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"label": 3}, "label: found 3; allowed: a whole number from -1 to 2"),
        ({"label": True}, "label: found True; allowed: a whole number from -1 to 2"),
        ({"label": "1"}, "label: found '1'; allowed: a whole number from -1 to 2"),
        ({"steps": []}, "steps: found an empty list; allowed: a list of texts"),
        ({"steps": "a"}, "steps: found 'a'; allowed: a list of texts"),
        ({"final_answer_correct": 1}, "final_answer_correct: found 1; allowed: true or false"),
    ],
)
def test_a_bad_case_names_its_field(change: dict[str, Any], expected: str) -> None:
    assert reason({**CASE, **change}).startswith(expected)


# error, correct; mean steps of each to one decimal; right answers with a wrong process, percent
PROCESSBENCH = {
    "gsm8k": (207, 193, 5.3, 5.1, 3.5),
    "math": (594, 406, 6.8, 6.0, 18.8),
    "olympiadbench": (661, 339, 8.9, 8.7, 32.2),
    "omnimath": (759, 241, 8.6, 7.4, 51.8),
}


@pytest.mark.parametrize("subset", PROCESSBENCH)
def test_processbench_agrees_with_the_counts_of_its_paper(subset: str) -> None:
    found = read_processbench(read_rows([shared(f"processbench/{subset}.json")])).records
    wrong = [case for case in found if case.first_error is not None]
    correct = [case for case in found if case.first_error is None]
    answered = [case for case in found if case.outcome is Outcome.CORRECT]
    slips = sum(case.first_error is not None for case in answered)
    assert {case.subset for case in found} == {subset}
    assert (
        len(wrong),
        len(correct),
        round(sum(len(case.steps) for case in wrong) / len(wrong), 1),
        round(sum(len(case.steps) for case in correct) / len(correct), 1),
        round(100 * slips / len(answered), 1),
    ) == PROCESSBENCH[subset]


def test_published_prmbench_rows_are_read() -> None:
    found = read_prmbench(read_rows([PUBLISHED / "prmbench.jsonl"]))
    # errors [3]; then [9, 16] of 11 steps, of which 16 marks nothing; then a row without errors
    assert [(case.case_id, case.wrong_steps, len(case.steps)) for case in found.records] == [
        ("redundency_prm_train_p1_375", (2,), 4),
        ("correct_prm_train_p1_375", (), 3),
        ("confidence_prm_test_p1_87", (8,), 11),
        ("multi_solutions_prm_test_p1_45", (), 4),
    ]
    assert found.records[2].first_error == 8
    assert found.notes["rows with error steps beyond the last"] == 1
    assert (found.notes["steps"], found.notes["wrong steps"]) == (4 + 11 + 4, 2)


def prmbench(*rows: dict[str, Any]) -> Any:
    return read_prmbench(rows_of([("f", rows)]))


def test_error_steps_count_from_one_and_the_changed_question_is_asked() -> None:
    (case,) = prmbench(CHANGED).records
    assert (case.first_error, case.wrong_steps, case.question) == (1, (1, 2), "P!")


def test_a_second_solution_under_a_key_is_kept_and_the_same_one_rejected() -> None:
    other = {**CHANGED, "modified_process": ["x", "y", "z"]}
    found = prmbench(CHANGED, other, CHANGED)
    assert [case.case_id for case in found.records] == ["deception_x", "deception_x~2"]
    assert "'deception_x' again" in found.rejected[0].reason


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"classification": "new"}, "classification: found 'new'; allowed: redundency, circular"),
        ({"error_steps": [0]}, "error_steps.0: found 0; allowed: a list of whole numbers"),
        ({"error_steps": None}, "error_steps: found null; allowed: a list of whole numbers"),
    ],
)
def test_a_bad_prmbench_row_names_its_field(change: dict[str, Any], expected: str) -> None:
    (bad,) = prmbench({**CHANGED, **change}).rejected
    assert bad.reason.startswith(expected)


def test_prmbench_agrees_with_its_published_counts() -> None:
    found = read_prmbench(read_rows([shared("prmbench/prmbench_6216.jsonl.gz")]))
    assert (found.n_rows, len(found.records), found.rejected) == (6216, 6216 + 758, [])
    assert found.notes["steps"] == 83456
    assert Counter(case.subset for case in found.records) == {
        "redundency": 758,
        "circular": 758,
        "counterfactual": 757,
        "step_contradiction": 758,
        "domain_inconsistency": 757,
        "confidence": 757,
        "missing_condition": 756,
        "deception": 750,
        "multi_solutions": 165,
        "correct": 758,
    }


def test_a_case_refuses_errors_that_are_no_steps() -> None:
    (case,) = prmbench(CHANGED).records
    for change in ({"wrong_steps": [1, 3]}, {"wrong_steps": [2, 1]}, {"first_error": 0}):
        with pytest.raises(ValueError, match="wrong_steps"):
            BenchmarkCase.model_validate({**case.model_dump(), **change})
    with pytest.raises(ValueError, match="first_error 3 of 3 steps"):
        BenchmarkCase.model_validate({**case.model_dump(), "wrong_steps": None, "first_error": 3})


def test_predictions_go_out_as_they_came_in_and_hold_one_of_two_things() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "scores": [0.5, 0.25]},
        {"id": "b", "prediction": 2},
        {"id": "c", "prediction": -1},
        {"id": "d", "prediction": None},
    ]
    found = read_predictions(rows_of([("f", rows)])).records
    assert [prediction_row(row) for row in found] == rows
    (bad,) = read_predictions(
        rows_of([("f", [{"id": "e", "prediction": 0, "scores": [1]}])])
    ).rejected
    assert "found both prediction and scores; allowed: one of the two" in bad.reason
