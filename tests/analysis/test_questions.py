"""Every question on a whole made run, against counts made here by plain loops."""

from dataclasses import replace

import pytest

from prmkit.analysis.aggregation import aggregation
from prmkit.analysis.detection import detection
from prmkit.analysis.filtering import filtering
from prmkit.analysis.position import position
from prmkit.analysis.process_errors import process_errors
from prmkit.analysis.questions import QUESTIONS
from prmkit.analysis.result import Analysis, Cell, Table
from prmkit.analysis.soft_labels import soft_labels
from prmkit.analysis.threshold import threshold
from prmkit.analysis.view import learnt_from
from prmkit.records import Estimate, Outcome, Solution
from prmkit.store import StoredRun


def cell(table: Table, row: str, column: str) -> Cell:
    names = [c.name for c in table.columns]
    (found,) = (r for r in table.rows if r[0] == row)
    return found[names.index(column)]


def value(found: Cell) -> float:
    assert isinstance(found, Estimate)
    return found.value


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_an_answer_with_sound_intervals(run: StoredRun, name: str) -> None:
    answer = QUESTIONS[name](run, None)
    assert answer.name == name
    assert not answer.is_empty
    estimates = [c for t in answer.tables for r in t.rows for c in r if isinstance(c, Estimate)]
    assert estimates
    slack = 1e-9  # rounding of sums
    assert all(e.low - slack <= e.value <= e.high + slack and e.n > 0 for e in estimates)
    assert Analysis.model_validate_json(answer.model_dump_json()) == answer


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_run_that_has_only_begun_gives_a_note_and_no_number(run: StoredRun, name: str) -> None:
    nothing: dict[str, list[Solution]] = {part: [] for part in run.solutions}
    begun = replace(
        run,
        report={},
        solutions=nothing,
        mc=[],
        judged={"train": [], "process": []},
        truth={part: [] for part in run.truth},
        consensus=[],
        dropped=[],
        scores={arm: {"process": [], "best_of_n": []} for arm in run.scores},
    )
    answer = QUESTIONS[name](begun, None)
    assert answer.notes
    estimates = [c for t in answer.tables for r in t.rows for c in r if isinstance(c, Estimate)]
    assert estimates == []


def test_process_errors_are_counted_among_right_answers(run: StoredRun) -> None:
    truth = {t.solution_id: t.first_error for t in run.truth["written"]}
    right = [
        s
        for part in ("process", "best_of_n")
        for s in run.solutions[part]
        if s.outcome is Outcome.CORRECT and s.policy == "strong"
    ]
    wrong = sum(truth[s.solution_id] is not None for s in right)
    assert 0 < wrong < len(right)
    found = cell(process_errors(run).tables[0], "strong", "all")
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(wrong / len(right))
    assert found.n == len(right)


def test_process_errors_agree_with_the_report(run: StoredRun) -> None:
    for policy, splits in run.report["policies"].items():
        for split, quality in splits.items():
            found = cell(process_errors(run).tables[0], policy, split)
            assert value(found) == pytest.approx(quality["process_error"]["value"])


def test_detection_wants_the_exact_place(run: StoredRun) -> None:
    truth = {t.solution_id: t.first_error for t in run.truth["written"]}
    scores = {s.solution_id: s.scores for s in run.scores["mc"]["best_of_n"]}
    hits = [
        next((i for i, x in enumerate(scores[s.solution_id]) if x < 0.5), None)
        == truth[s.solution_id]
        for s in run.solutions["best_of_n"]
        if s.outcome is Outcome.CORRECT and truth[s.solution_id] is not None
    ]
    (table,) = (t for t in detection(run).tables if t.title.endswith("samples"))
    assert value(cell(table, "mc", "all")) == pytest.approx(sum(hits) / len(hits))


def test_the_null_of_a_random_place_is_the_mean_of_one_over_the_steps(run: StoredRun) -> None:
    lengths = [len(s.steps) for s in run.solutions["best_of_n"] if len(s.steps) > 1]
    found = cell(position(run).tables[0], "a random place", "on the last step")
    assert value(found) == pytest.approx(sum(1 / n for n in lengths) / len(lengths))


def test_the_lowest_score_on_the_last_step_is_counted(run: StoredRun) -> None:
    rows = [r.scores for r in run.scores["oracle"]["best_of_n"] if len(r.scores) > 1]
    last = sum(r[-1] == min(r) and r.count(min(r)) == 1 for r in rows)
    ties = sum(1 / r.count(min(r)) for r in rows if r[-1] == min(r) and r.count(min(r)) > 1)
    found = cell(position(run).tables[0], "oracle", "on the last step")
    assert value(found) == pytest.approx((last + ties) / len(rows))


def test_aggregation_agrees_with_the_report(run: StoredRun) -> None:
    table = aggregation(run).tables[0]
    for how in ("product", "min", "last"):
        stored = run.report["best_of_n"][f"consensus prm@4 {how}"]
        assert value(cell(table, "consensus", how)) == pytest.approx(stored["value"])


def test_the_threshold_is_swept_over_all_that_k_allows(run: StoredRun) -> None:
    (table,) = threshold(run).tables
    assert [row[0] for row in table.rows] == ["0", "1", "2", "3"]
    # more draws are asked for, so more steps are negative
    wrong = [value(cell(table, str(t), "called wrong somewhere")) for t in range(4)]
    assert wrong == sorted(wrong)
    stored = sum(mc.first_error is not None for mc in run.mc) / len(run.mc)
    assert wrong[0] == pytest.approx(stored)


def test_a_sequential_annotation_serves_its_own_threshold_alone(sequential: StoredRun) -> None:
    answer = threshold(sequential)
    (table,) = answer.tables
    assert [row[0] for row in table.rows] == ["0"]
    assert "sequential" in answer.notes[0]
    assert "rollouts.annotator=exhaustive" in answer.notes[0]


def test_sequential_draws_are_no_soft_labels(sequential: StoredRun, run: StoredRun) -> None:
    def titles(of: StoredRun) -> list[str]:
        return [table.title for table in soft_labels(of).tables]

    # a sequential annotation makes all K draws only of steps where most of them fail
    assert "Share of draws that reach the answer" in titles(run)
    assert "Share of draws that reach the answer" not in titles(sequential)
    assert any("exhaustive" in note for note in soft_labels(sequential).notes)


def test_filtering_shares_out_what_was_labelled(run: StoredRun) -> None:
    kept, reasons, *_ = filtering(run).tables
    rows = [row for row in kept.rows if row[0] == "split"]
    assert sum(row[2] for row in rows if isinstance(row[2], int)) == len(run.mc)
    n_kept = sum(row[2] * value(row[3]) for row in rows if isinstance(row[2], int))
    assert n_kept == pytest.approx(len(run.consensus))
    dropped = sum(row[1] for row in reasons.rows if isinstance(row[1], int))
    assert dropped == len(run.mc) - len(run.consensus)


def test_scores_of_labelled_solutions_change_no_figure(run: StoredRun) -> None:
    without = {arm: {**parts, "labelled": []} for arm, parts in run.scores.items()}
    for name, ask in QUESTIONS.items():
        assert ask(replace(run, scores=without), None) == ask(run, None), name


def test_who_learnt_from_what_is_told_by_the_kind_of_labels(run: StoredRun) -> None:
    train = {s.solution_id for s in run.solutions["train"]}
    assert learnt_from(run, "mc") == {r.solution_id for r in run.mc if not r.unscored} <= train
    assert learnt_from(run, "consensus") == {row.solution_id for row in run.consensus}
    first, *rest = run.mc
    undecided = first.model_copy(update={"first_error": None, "unscored": "all draws failed"})
    assert first.solution_id not in learnt_from(replace(run, mc=[undecided, *rest]), "mc")
    assert first.solution_id in learnt_from(replace(run, mc=[undecided, *rest]), "oracle")
