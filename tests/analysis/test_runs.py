"""Run against run, where the runs share only a part of what they measured."""

from collections.abc import Callable
from dataclasses import replace

from prmkit.analysis.result import Cell
from prmkit.analysis.runs import compare_runs
from prmkit.records import Estimate, Outcome, Solution
from prmkit.store import StoredRun


def compared(a: StoredRun, b: StoredRun) -> dict[str, tuple[Cell, ...]]:
    """Problems, both values, difference and verdict by figure."""
    return {str(row[0]): row[1:] for row in compare_runs(a, b).rows}


PARTS = ("process", "train")  # where the weak policy is measured


def unanswered(run: StoredRun, is_lost: Callable[[Solution], bool]) -> StoredRun:
    """The run with some answers unscored."""
    lost = {"outcome": Outcome.UNSCORED, "reason": "time-out"}
    changed = {
        part: [s.model_copy(update=lost) if is_lost(s) else s for s in of_part]
        for part, of_part in run.solutions.items()
    }
    return replace(run, solutions=changed)


def test_an_unscored_answer_is_in_no_share_of_right_ones(run: StoredRun) -> None:
    first, *others = [s for part in PARTS for s in run.solutions[part] if s.policy == "weak"]
    without = unanswered(run, lambda s: s.solution_id == first.solution_id)
    _, _, after, *_ = compared(run, without)["right answers of weak"]
    right = [float(s.outcome is Outcome.CORRECT) for s in others]
    assert isinstance(after, Estimate)
    assert abs(after.value - sum(right) / len(right)) < 1e-12


def test_a_problem_without_a_scored_answer_is_counted_as_unscored(run: StoredRun) -> None:
    lost = next(s for part in PARTS for s in run.solutions[part] if s.policy == "weak").problem_id
    name = "right answers of weak"
    before, *_ = compared(run, run)[name]
    after, first, second, gap, _ = compared(run, unanswered(run, lambda s: s.problem_id == lost))[
        name
    ]
    assert isinstance(before, int)
    assert after == before - 1
    for figure in (first, second, gap):
        assert isinstance(figure, Estimate)
        assert (figure.n, figure.n_unscored) == (after, 1)


def test_a_judge_without_a_verdict_on_a_problem_counts_it_as_unscored(run: StoredRun) -> None:
    lost = run.solutions["train"][0].problem_id
    ids = {s.solution_id for s in run.solutions["train"] if s.problem_id == lost}
    rows = [
        row.model_copy(update={"unscored": "unreadable", "first_error": None})
        if row.solution_id in ids
        else row
        for row in run.judged["train"]
    ]
    silent = replace(run, judged={**run.judged, "train": rows})
    _, first, *_ = compared(run, silent)["judge labels wrong"]
    assert isinstance(first, Estimate)
    assert first.n_unscored == 1


def test_an_arm_that_scored_no_samples_has_no_best_of_n_figure(run: StoredRun) -> None:
    scores = {arm: dict(parts) for arm, parts in run.scores.items()}
    scores["mc"]["best_of_n"] = []
    found = compared(run, replace(run, scores=scores))
    assert "prm@4 of mc, product" not in found
    assert "prm@4 of oracle, product" in found


def test_runs_without_samples_are_compared_by_their_labels_alone(run: StoredRun) -> None:
    labelled = replace(run, solutions={**run.solutions, "best_of_n": []})
    found = compared(labelled, labelled)
    assert "kept by the consensus filter" in found
    assert not [name for name in found if name.startswith(("maj@", "pass@", "prm@"))]


def test_a_figure_of_problems_that_only_one_run_has_is_left_out(run: StoredRun) -> None:
    labelled = {s.problem_id for s in run.solutions["train"]}
    reworded = {
        i: p.model_copy(update={"question": f"{p.question}!"}) if i in labelled else p
        for i, p in run.problems.items()
    }
    found = compared(run, replace(run, problems=reworded))
    assert "kept by the consensus filter" not in found
    assert "maj@4" in found


def test_a_figure_that_one_run_alone_can_have_has_no_difference(run: StoredRun) -> None:
    # no wrong solution is placed where the truth has none: F1 is undefined in that run
    right = [t.model_copy(update={"first_error": None}) for t in run.truth["process"]]
    found = compared(run, replace(run, truth={**run.truth, "process": right}))
    assert not [name for name in found if name.startswith("F1 of ")]
