"""PRM800K, Math-Shepherd, TRL's format and our own tables."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from prmkit.datasets.importing import Imported
from prmkit.datasets.math_shepherd import MARK, read_math_shepherd
from prmkit.datasets.own import read_own
from prmkit.datasets.prm800k import Prm800kOptions, read_prm800k
from prmkit.datasets.rows import read_rows, rows_of
from prmkit.datasets.trl import read_trl, trl_rows
from prmkit.records import BenchmarkCase, LabelledSolution, Problem, Record
from prmkit.store import write_records

PUBLISHED = Path(__file__).parent / "rows"


def prm800k(**options: Any) -> Imported[LabelledSolution]:
    return read_prm800k(read_rows([PUBLISHED / "prm800k.jsonl"]), Prm800kOptions(**options))


def by_name(found: Imported[LabelledSolution]) -> dict[str, tuple[float, ...]]:
    return {row.solution_id.removeprefix("prm800k/prm800k/"): row.labels for row in found.records}


# Three published records, ratings by step, the chosen completion last (h: a person's step):
# 0  phase 1: 1>0 | -1 -1 -1 -1 -1 >h | 1>0 | 1>0 | 1>0 | 0 1 1 1 1 >4
# 1  phase 2: 1>0 | 0>0 | 1>0 | 1>0 | 1>0 | 1>0 | -1 1 1 1 > nothing
# 2  phase 1: 1>0 seven times | -1 six times >h | nothing at all


def test_a_record_gives_its_path_and_one_row_for_each_alternative() -> None:
    found = prm800k()
    rows = by_name(found)
    assert rows == {
        **{f"0/1.{i}": (1.0, 0.0) for i in range(5)},
        **{f"0/5.{i}": (1.0,) * 6 for i in range(4)},
        "0/path": (1.0,) * 6,
        "1/6.0": (1.0,) * 6 + (0.0,),
        **{f"1/6.{i}": (1.0,) * 7 for i in (1, 2, 3)},
        **{f"2/7.{i}": (1.0,) * 7 + (0.0,) for i in range(6)},
        "2/path": (1.0,) * 8,
    }
    assert found.notes["labels 0"] == 5 + 1 + 6
    assert found.notes["labels 1"] == (5 + 4 * 6 + 6) + (4 * 7 - 1) + (6 * 7 + 8)
    assert {row.source for row in found.records} == {"human"}
    # an alternative follows the path up to its step; what a person wrote is on it
    human = next(r for r in found.records if r.solution_id.endswith("0/path")).steps[1]
    assert human == "We have $3p+e=1.24$ and $5p+e=1.82$."


def test_every_rating_is_counted_whatever_becomes_of_it() -> None:
    for options in ({}, {"neutral": "dropped"}, {"neutral": "negative"}):
        notes = prm800k(**options).notes
        assert {name: notes[name] for name in ("rated +1", "rated 0", "rated -1")} == {
            "rated +1": 4 + 4 + 5 + 3 + 7,
            "rated 0": 2,
            "rated -1": 5 + 1 + 6,
        }
        assert (notes["phase 1 records"], notes["phase 2 records"]) == (2, 1)
        assert (notes["steps"], notes["steps written by people"]) == (6 + 7 + 9, 2)
        assert notes["complete solutions"] == 1


def test_neutral_can_be_negative() -> None:
    rows = by_name(prm800k(neutral="negative"))
    assert rows["0/5.0"] == (1.0,) * 5 + (0.0,)
    assert rows["1/6.1"] == (1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_a_path_ends_before_its_first_step_without_label() -> None:
    found = prm800k(neutral="dropped")
    rows = by_name(found)
    assert "0/5.0" not in rows
    assert {name: row for name, row in rows.items() if name.startswith("1/")} == {"1/path": (1.0,)}
    assert found.notes["paths cut at a step without label"] == 1
    unlabelled = by_name(prm800k(human="unlabelled"))
    assert {name for name in unlabelled if name.startswith("0/")} == {f"0/1.{i}" for i in range(5)}


def record(steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"question": {"problem": "P"}, "label": {"steps": steps}, **more}


def step(*ratings: int | None, chosen: int | None = None, flagged: bool = False) -> dict[str, Any]:
    completions = [
        {"text": f"s{i}", "rating": rating, "flagged": flagged} for i, rating in enumerate(ratings)
    ]
    return {"completions": completions, "human_completion": None, "chosen_completion": chosen}


def read(*records: dict[str, Any], **options: Any) -> Imported[LabelledSolution]:
    return read_prm800k(rows_of([("f", records)]), Prm800kOptions(**options))


def test_no_rating_is_no_label_and_never_a_negative_one() -> None:
    found = read(record([step(1, chosen=0), step(None, -1, 1, chosen=2)]))
    assert [row.labels for row in found.records] == [(1.0, 0.0), (1.0, 1.0)]
    assert found.notes["rated none"] == 1


def test_quality_control_and_screening_can_be_dropped_and_are_counted() -> None:
    records = (
        record([step(1, chosen=0)]),
        record([step(1, chosen=0)], is_quality_control_question=True),
        record([step(1, chosen=0)], is_initial_screening_question=True),
    )
    assert read(*records).n_used == 3
    found = read(*records, quality_control="drop", screening="drop")
    assert (found.n_rows, found.n_used) == (3, 1)
    assert found.dropped == {"quality_control": 1, "screening": 1}


def test_flagged_alternatives_can_be_dropped() -> None:
    flagged = record([step(1, chosen=0), step(-1, 1, chosen=1, flagged=True)])
    assert len(read(flagged).records) == 2
    found = read(flagged, flagged="drop")
    assert [row.labels for row in found.records] == [(1.0,)]
    assert found.notes["flagged"] == 2


def test_a_record_without_any_label_is_counted_as_such() -> None:
    assert read(record([])).dropped == {"no labelled step": 1}


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"label": {"steps": []}}, "question: found no such column"),
        (record([step(2, chosen=0)]), "label.steps.0.completions.0.rating: found 2; allowed: 1, 0"),
        (record([step(1, chosen=1)]), "label.steps.0.chosen_completion: found 1; allowed: a whole"),
        (
            record([{"completions": [{"text": "t"}]}]),
            "label.steps.0.completions.0.rating: found no",
        ),
    ],
)
def test_a_bad_record_names_the_place_in_its_tree(bad: dict[str, Any], expected: str) -> None:
    (reject,) = read(bad).rejected
    assert reject.reason.startswith(expected)


def test_prm800k_agrees_with_the_counts_of_its_phase_1_test_set() -> None:
    file = shared("step_labels/prm800k_phase1_test_trajectories.jsonl.gz")
    found = read_prm800k(read_rows([file]))
    assert (found.n_rows, found.rejected) == (106, [])
    assert found.notes == {
        "phase 1 records": 106,
        "complete solutions": 90,
        "steps": 1860,
        "steps written by people": 257,
        "rated +1": 2245,
        "rated 0": 867,
        "rated -1": 1970,
        "rated none": 110,
        "flagged": 0,
        "paths cut at a step without label": 0,
        "labels 1": found.notes["labels 1"],
        "labels 0": found.notes["labels 0"],
    }


def shepherd(text: str, signs: str, **more: Any) -> Imported[LabelledSolution]:
    label = text
    for sign in signs:
        label = label.replace(MARK, sign, 1)
    row = {"input": text, "label": label, "task": "GSM8K", **more}
    return read_math_shepherd(rows_of([("f", [row])]))


def test_published_math_shepherd_rows_are_read() -> None:
    first, second = read_math_shepherd(read_rows([PUBLISHED / "math_shepherd.jsonl"])).records
    assert first.question.startswith("Janet pays $40/hour")
    assert first.question.endswith("in a year?")
    assert first.labels == (1.0, 1.0, 1.0, 1.0, 0.0)
    assert first.steps[0].startswith("Step 1: Janet spends 3 hours")
    assert first.steps[-1].endswith("The answer is: 13520")
    assert second.labels == (0.0, 0.0, 0.0)


def test_a_plus_in_the_text_is_no_label() -> None:
    (row,) = shepherd(f"Q + 1? Step 1: 1 + 1 - 2 {MARK}\nStep 2: so {MARK}", "-+").records
    assert (row.question, row.labels) == ("Q + 1?", (0.0, 1.0))
    assert row.steps == ("Step 1: 1 + 1 - 2", "Step 2: so")


@pytest.mark.parametrize(
    ("text", "signs", "expected"),
    [
        ("Q Step 1: a", "", "input: found no mark at its end"),
        (f"Q Step 1: a {MARK} rest", "+", "input: found no mark at its end"),
        (f"Q Step 2: a {MARK}", "+", "input: found no question before `Step 1:`"),
        (f"Step 1: a {MARK}", "+", "input: found no question before `Step 1:`"),
        (f"Q Step 1: a {MARK}\n{MARK}", "++", "input: found a mark without a step before it"),
        (f"Q Step 1: a {MARK}", "?", "label: found another text than input up to mark 1"),
    ],
)
def test_marks_that_do_not_fit_reject_the_row(text: str, signs: str, expected: str) -> None:
    (bad,) = shepherd(text, signs).rejected
    assert bad.reason.startswith(expected)


def test_a_label_text_that_differs_elsewhere_rejects_the_row() -> None:
    (bad,) = shepherd(f"Q Step 1: a {MARK}", "+", label="Q Step 1: a + more").rejected
    assert bad.reason == "label: found text after the last mark; allowed: the text of input"
    (bad,) = shepherd(f"Q Step 1: a {MARK}", "+", label="Q Step 1: b +").rejected
    assert bad.field == "label"


def test_real_math_shepherd_rows_are_all_read() -> None:
    found = read_math_shepherd(read_rows([shared("step_labels/math_shepherd_7.jsonl")]))
    assert (found.n_used, found.notes) == (7, {"steps +": 5, "steps -": 20})


SOLUTION = LabelledSolution(
    solution_id="s", question="Q", steps=("a", "b", "c"), labels=(1.0, 0.9, 0.0), source="mc"
)


def test_shares_leave_in_a_column_of_their_own_and_labels_stay_true_or_false() -> None:
    assert trl_rows([SOLUTION]) == [
        {
            "prompt": "Q",
            "completions": ["a", "b", "c"],
            "labels": [True, True, False],
            "label_probs": [1.0, 0.9, 0.0],
        }
    ]
    assert trl_rows([SOLUTION], threshold=0.9)[0]["labels"] == [True, False, False]
    hard = SOLUTION.model_copy(update={"labels": (1.0, 0.0, 0.0)})
    assert trl_rows([hard]) == [
        {"prompt": "Q", "completions": ["a", "b", "c"], "labels": [True, False, False]}
    ]


SOLUTIONS = st.builds(
    lambda question, pairs: LabelledSolution(
        solution_id="s",
        question=question,
        steps=tuple(step for step, _ in pairs),
        labels=tuple(label for _, label in pairs),
        source="mc",
    ),
    st.text(min_size=1).filter(str.strip),
    st.lists(st.tuples(st.text(min_size=1).filter(str.strip), st.floats(0, 1)), min_size=1),
)


@given(st.lists(SOLUTIONS, max_size=4))
def test_trl_rows_read_back_give_equal_labels(solutions: list[LabelledSolution]) -> None:
    back = read_trl(rows_of([("f", trl_rows(solutions))])).records
    assert [(row.question, row.steps, row.labels) for row in back] == [
        (row.question, row.steps, row.labels) for row in solutions
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"labels": [True]}, "labels: found 1 labels; allowed: 2, one a completion"),
        ({"labels": [True, "yes"]}, "labels.1: found 'yes'; allowed: a list of true, false"),
        ({"labels": [True, -100]}, "labels.1: found -100; allowed: a list of true, false"),
        ({"labels": [True, float("nan")]}, "labels.1: found nan"),
        ({}, "labels: found no such column among prompt, completions"),
    ],
)
def test_a_bad_trl_row_names_its_field(row: dict[str, Any], expected: str) -> None:
    full = {"prompt": "P", "completions": ["a", "b"], **row}
    (bad,) = read_trl(rows_of([("f", [full])])).rejected
    assert bad.reason.startswith(expected)


def test_our_own_tables_are_read_from_parquet_and_json(tmp_path: Path) -> None:
    write_records(tmp_path / "own.parquet", [SOLUTION], LabelledSolution)
    (tmp_path / "own.jsonl").write_text(SOLUTION.model_dump_json() + "\n")
    for name in ("own.parquet", "own.jsonl"):
        found = read_own(read_rows([tmp_path / name]))
        assert found.records == [SOLUTION]
        assert found.notes == {"LabelledSolution": 1}


def test_our_own_rows_are_read_strictly_and_one_table_holds_one_kind() -> None:
    problem = Problem(problem_id="p", question="Q", answer="1").model_dump()
    rows = [problem, {**problem, "problem_id": 7}, SOLUTION.model_dump(), {"x": 1}]
    found = read_own(rows_of([("f", rows)]))
    assert [type(record) for record in found.records] == [Problem]
    assert [bad.field for bad in found.rejected] == ["problem_id", "solution_id", "x"]
    unknown = read_own(rows_of([("f", [{"x": 1}])]))
    assert unknown.rejected[0].reason.startswith(
        "found columns x; allowed: those of Problem, Labelled"
    )


CASE = BenchmarkCase(case_id="c-1", problem_id="p", subset="s", question="Q", steps=("a", "b"))


def own(*rows: dict[str, Any]) -> Imported[Record]:
    return read_own(rows_of([("f", list(rows))]))


def test_a_case_whose_label_is_absent_is_rejected_and_one_whose_label_is_null_has_no_error() -> (
    None
):
    said = CASE.model_dump(mode="json")
    silent = {name: value for name, value in said.items() if name != "first_error"}
    found = own({**silent, "case_id": "c-0"}, said, {**silent, "case_id": "c-2"})
    assert found.records == [CASE]
    assert [bad.row for bad in found.rejected] == ["f, row 1", "f, row 3"]
    assert {bad.field for bad in found.rejected} == {"first_error"}
    assert found.rejected[0].reason.startswith("first_error: found no such column among case_id,")
    assert found.rejected[0].reason.endswith("allowed: a whole number, at least 0, or null")


def test_columns_of_our_own_tables_that_came_later_may_be_absent() -> None:
    row = CASE.model_dump(mode="json")
    del row["wrong_steps"], row["policy"]
    assert own(row).records == [CASE]
