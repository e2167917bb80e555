import pytest

from prmkit.intervals import Bootstrap
from prmkit.pipeline.distinct import (
    Completed,
    Tally,
    complaint,
    distinct,
    of_rollouts,
    of_solutions,
    of_votes,
)
from prmkit.records import (
    JudgeAnnotation,
    McAnnotation,
    Outcome,
    Solution,
    StepEstimate,
    Verdict,
)

INTERVAL = Bootstrap(seed=0, resamples=200)


def solution(problem: str, index: int, *steps: str) -> Solution:
    return Solution(
        solution_id=f"{problem}/m/{index}",
        problem_id=problem,
        policy="m",
        sample_index=index,
        steps=steps,
        outcome=Outcome.CORRECT,
    )


def step(n_completions: int, n_distinct: int) -> StepEstimate:
    return StepEstimate(
        outcomes=(Outcome.CORRECT,) * n_completions,
        hard=True,
        n_completions=n_completions,
        n_distinct=n_distinct,
    )


def annotation(solution_id: str, *steps: StepEstimate) -> McAnnotation:
    return McAnnotation(
        solution_id=solution_id, annotator="exhaustive", k=8, threshold=0, steps=steps
    )


def test_the_solutions_of_a_problem_complete_one_prefix() -> None:
    drawn = [
        *(solution("p", 0, "a", "b"), solution("p", 1, "a", "b"), solution("p", 2, "a b")),
        solution("q", 0, "a", "b"),  # drawn once: cannot repeat
    ]
    assert of_solutions(drawn) == [Completed("p", 3, 2)]


def test_the_whole_solution_is_no_prefix_and_one_draw_no_repetition() -> None:
    rows = [annotation("p/m/0", step(8, 5), step(1, 1), step(8, 1))]
    by_id = {"p/m/0": solution("p", 0, "a", "b", "c")}
    assert of_rollouts(rows, by_id) == [Completed("p", 8, 5)]


def test_readable_and_unreadable_votes_are_texts() -> None:
    votes = (Verdict(text="x"), Verdict(text="x", unscored="no box"), Verdict(unscored="server"))
    row = JudgeAnnotation(solution_id="p/m/0", judge="j", votes=votes)
    assert of_votes([row], {"p/m/0": solution("p", 0, "a")}) == [Completed("p", 2, 1)]


def test_the_share_is_distinct_over_all_completions() -> None:
    # (5 + 3 + 8) distinct of 24
    found = distinct([Completed("p", 8, 5), Completed("p", 8, 3), Completed("q", 8, 8)], INTERVAL)
    assert found is not None
    assert found.share.value == pytest.approx(16 / 24)
    assert found.share.n == 24
    assert (found.n_prefixes, found.n_distinct, found.too_few) == (3, 16, False)
    assert found.share.low == pytest.approx(0.5)  # p alone: 8 of 16
    assert found.share.high == pytest.approx(1.0)


def test_nothing_drawn_twice_has_no_share() -> None:
    assert distinct([], INTERVAL) is None
    assert complaint("x", Tally.of([])) == ""


@pytest.mark.parametrize(
    ("prefixes", "too_few"),
    [
        ([Completed("p", 8, 1)] * 3, True),  # eight draws, one text
        ([Completed("p", 2, 1)] * 3, True),  # half of all are distinct, and yet all are repeated
        ([Completed("p", 9, 3)], False),  # 2 new ones in 8 further draws: the bound itself
        ([Completed("p", 9, 2)], True),
        ([Completed("p", 8, 8)], False),
    ],
)
def test_the_bound_is_a_new_text_in_four_draws_after_the_first(
    prefixes: list[Completed], *, too_few: bool
) -> None:
    assert Tally.of(prefixes).too_few == too_few
    found = distinct(prefixes, INTERVAL)
    assert found is not None
    assert found.too_few == too_few
    assert bool(complaint("m: rollouts", Tally.of(prefixes))) == too_few


def test_the_complaint_states_the_counts() -> None:
    said = complaint("strong: rollouts", Tally.of([Completed("p", 8, 1)] * 3))
    assert said.startswith("strong: rollouts: only 3 of 24 completions of 3 prefixes are distinct")
