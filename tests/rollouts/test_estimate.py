from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import ConfigError, DataError
from prmkit.records import (
    LabelledSolution,
    McAnnotation,
    Outcome,
    Problem,
    Rejected,
    Solution,
    StepEstimate,
)
from prmkit.rollouts.estimate import (
    Decision,
    Tally,
    first_error,
    hard_label,
    labels_from_mc,
    relabel,
    relabel_by_progress,
    soft_label,
)

C, W, U = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNSCORED

PROBLEM = Problem(problem_id="p", question="2 + 2?", answer="4")
SOLUTION = Solution(
    solution_id="p/m/0",
    problem_id="p",
    policy="m",
    sample_index=0,
    steps=("one", "two", "three"),
    outcome=C,
)


def estimate(*outcomes: Outcome, threshold: int = 0, k: int = 4) -> StepEstimate:
    return StepEstimate(outcomes=outcomes, hard=hard_label(outcomes, k, threshold))


def annotation(*steps: StepEstimate, annotator: str = "exhaustive") -> McAnnotation:
    found = first_error(step.hard for step in steps)
    return McAnnotation(
        solution_id="p/m/0",
        first_error=found.step,
        unscored="" if found.undecided is None else "undecided",
        annotator=annotator,
        k=4,
        threshold=0,
        steps=steps,
    )


@pytest.mark.parametrize(
    ("outcomes", "threshold", "hard"),
    [
        ((C, W, W, W), 0, True),  # 1 of 4 > 0
        ((W, W, W, W), 0, False),  # 0 of 4
        ((C, C, W, W), 2, False),  # 2 is not more than 2
        ((C, C, C, W), 2, True),
        ((W, W, W, U), 0, None),  # the unscored one could have been the correct one
        ((C, W, W, U), 2, False),  # even 2 of 4 would not be more than 2
        ((C, C, W, U), 2, None),  # 2 or 3 of 4
        ((C, C, C, U), 2, True),  # 3 or 4 of 4
        ((U, U, U, U), 3, None),
    ],
)
def test_unscored_draws_leave_a_step_undecided_only_if_they_could_decide_it(
    outcomes: tuple[Outcome, ...],
    threshold: int,
    hard: bool | None,  # noqa: FBT001  a column of the table
) -> None:
    assert hard_label(outcomes, 4, threshold) is hard


def test_more_draws_than_k_are_refused() -> None:
    with pytest.raises(DataError, match="3 draws of at most 2"):
        hard_label([C, C, C], 2, 0)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_a_decision_is_final_and_comes_as_soon_as_it_is(k: int) -> None:
    # The definition by enumeration: a prefix of draws decides if and only if all of its
    # completions to K draws carry the same label under the plain rule with unscored draws.
    for threshold, n_made in product(range(k), range(k + 1)):
        for made in product((C, W, U), repeat=n_made):
            labels = {
                hard_label([*made, *rest], k, threshold)
                for rest in product((C, W, U), repeat=k - n_made)
            }
            decision = Tally.of(made, k).decide(threshold)
            if len(labels) > 1:
                assert decision is Decision.OPEN
            else:
                assert decision is not Decision.OPEN
                assert {decision.hard} == labels


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_no_draw_that_is_asked_for_can_turn_out_superfluous(k: int) -> None:
    for threshold, n_made in product(range(k), range(k)):
        for made in product((C, W, U), repeat=n_made):
            tally = Tally.of(made, k)
            if tally.decide(threshold) is not Decision.OPEN:
                continue
            n_asked = tally.n_needed(threshold)
            assert 1 <= n_asked <= k - n_made
            for more in product((C, W, U), repeat=n_asked - 1):
                assert Tally.of([*made, *more], k).decide(threshold) is Decision.OPEN


def test_whole_batches_are_asked_where_all_are_needed() -> None:
    assert Tally.of([], 8).n_needed(0) == 1  # one correct draw would do
    assert Tally.of([], 8).n_needed(3) == 4  # four correct ones would do, five wrong ones too
    assert Tally.of([], 8).n_needed(7) == 1  # one wrong draw would do
    assert Tally.of([C, W, C], 8).n_needed(3) == 2  # two more correct ones would do


def test_an_undecided_step_hides_later_errors_but_not_earlier_ones() -> None:
    assert first_error([True, False, None]) == (1, None)
    assert first_error([True, None, False]) == (None, 1)
    assert first_error([True, True]) == (None, None)


def test_soft_label_is_the_share_of_scored_draws() -> None:
    assert soft_label(estimate(C, W, W, U)) == pytest.approx(1 / 3)
    assert soft_label(estimate(U, U, U, U)) is None
    assert soft_label(StepEstimate(outcomes=(), hard=True, known=True)) == 1.0
    assert soft_label(StepEstimate(outcomes=(), hard=False, known=True)) == 0.0


def test_a_higher_threshold_moves_the_first_error_without_new_draws() -> None:
    stored = annotation(estimate(C, C, C, W), estimate(C, C, W, W), estimate(C, W, W, W))
    assert [relabel(stored, t, 3).first_error for t in range(4)] == [None, 2, 1, 0]
    assert relabel(stored, 2, 3).threshold == 2
    assert relabel(stored, 0, 3) == stored


def test_a_threshold_that_a_stopped_annotator_cannot_answer_is_unscored() -> None:
    stopped = annotation(estimate(C), estimate(W, W, W, W), annotator="sequential")
    assert relabel(stopped, 0, 3).first_error == 1
    assert relabel(stopped, 1, 3).unscored == "step 0: the draws made do not decide it"
    lower = annotation(estimate(C, C, C, W), estimate(C, W, W, W), annotator="sequential")
    assert relabel(lower, 0, 3).unscored == "step 2: no draws were made"


def test_a_known_step_has_the_same_label_at_every_threshold() -> None:
    known = annotation(estimate(C, C, C, C), StepEstimate(outcomes=(), hard=False, known=True))
    assert [relabel(known, t, 2).first_error for t in range(4)] == [1, 1, 1, 1]


def test_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"threshold 4 must be in \[0, k = 4\)"):
        relabel(annotation(estimate(C)), 4, 3)


def test_hard_labels_are_one_before_the_first_error_and_zero_at_it() -> None:
    stored = annotation(estimate(C, W, W, W), estimate(W, W, W, W), estimate(C, C, C, C))
    labelled = labels_from_mc(stored, SOLUTION, PROBLEM, "hard")
    assert isinstance(labelled, LabelledSolution)
    assert (labelled.steps, labelled.labels) == (("one", "two"), (1.0, 0.0))
    assert labelled.source == "mc"


def test_soft_labels_are_shares_up_to_the_first_error() -> None:
    stored = annotation(estimate(C, W, W, W), estimate(W, W, W, W), estimate(C, C, C, C))
    labelled = labels_from_mc(stored, SOLUTION, PROBLEM, "soft")
    assert isinstance(labelled, LabelledSolution)
    assert labelled.labels == (0.25, 0.0)


def test_an_unscored_annotation_gives_no_labels_but_its_reason() -> None:
    stored = annotation(estimate(U, W, W, W), estimate(W, W, W, W), estimate(C, C, C, C))
    rejected = labels_from_mc(stored, SOLUTION, PROBLEM, "hard")
    assert rejected == Rejected(row="p/m/0", reason="undecided")


def test_soft_labels_of_a_stopped_annotator_are_refused() -> None:
    stopped = annotation(estimate(C), estimate(W, W, W, W), annotator="sequential")
    with pytest.raises(ConfigError, match="need all 4 draws of step 0, sequential made 1"):
        labels_from_mc(stopped, SOLUTION, PROBLEM, "soft")


def test_labels_refuse_another_solutions_annotation() -> None:
    other = SOLUTION.model_copy(update={"solution_id": "p/m/1"})
    with pytest.raises(DataError, match="annotation of p/m/0 given for p/m/1"):
        labels_from_mc(annotation(estimate(C)), other, PROBLEM, "hard")


@given(st.lists(st.sampled_from([C, W]), min_size=8, max_size=8), st.integers(0, 7))
def test_scored_draws_follow_the_plain_rule(outcomes: list[Outcome], threshold: int) -> None:
    assert hard_label(outcomes, 8, threshold) is (outcomes.count(C) > threshold)


def shares(*n_correct: int) -> McAnnotation:
    """An exhaustive annotation with so many correct draws of ten at each step."""
    steps = (estimate(*[C] * n, *[W] * (10 - n), k=10) for n in n_correct)
    return annotation(*steps).model_copy(update={"k": 10})


@pytest.mark.parametrize(
    ("n_correct", "least", "expected"),
    [
        ((9, 8, 7), 0.8, None),  # 8/9 and 7/8 are above 0.8
        ((10, 8, 6), 0.8, 2),  # 8/10 just is enough, 6/8 = 0.75 is not
        ((10, 8, 6), 0.75, None),
        ((10, 7, 7), 0.8, 1),
        ((1, 5, 5), 0.8, None),  # the first step needs one correct draw; progress may exceed 1
        ((0, 5, 5), 0.8, 0),
        ((5, 0, 0), 0.1, 1),
    ],
)
def test_a_step_is_positive_if_enough_of_the_value_before_it_is_left(
    n_correct: tuple[int, ...], least: float, expected: int | None
) -> None:
    found = relabel_by_progress(shares(*n_correct), least, 3)
    assert (found.first_error, found.unscored) == (expected, "")


def test_relative_progress_needs_every_draw_and_a_share_before() -> None:
    short = annotation(estimate(C, C, C, C), estimate(C, C, C))
    with pytest.raises(ConfigError, match=r"needs all 4 draws of step 1, .* made 3"):
        relabel_by_progress(short, 0.8, 2)
    with pytest.raises(ConfigError, match=r"relative progress 0 must be in \(0, 1\]"):
        relabel_by_progress(shares(5), 0, 1)
    unscored = annotation(estimate(U, U, U, U), estimate(C, C, C, C))
    assert relabel_by_progress(unscored, 0.8, 2).unscored.startswith("step 0")


def test_a_step_without_a_scored_draw_has_no_soft_label() -> None:
    row = annotation(estimate(C, C, C, W), estimate(C, C, C, C), estimate(C, C, C, C))
    lost = row.steps[1].model_copy(update={"outcomes": (U, U, U, U)})
    row = row.model_copy(update={"steps": (row.steps[0], lost, row.steps[2])})
    found = labels_from_mc(row, SOLUTION, PROBLEM, "soft")
    assert found == Rejected(row="p/m/0", reason="step 1: no draw was scored")
