import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import NothingScored
from prmkit.evaluation.processbench import predict_first_error
from prmkit.evaluation.threshold import ScoredCase, best_threshold


def f1(cases: list[ScoredCase], threshold: float) -> float:
    right = [predict_first_error(c.scores, threshold) == c.first_error for c in cases]
    kinds = [c.first_error is None for c in cases]
    error = sum(r for r, k in zip(right, kinds, strict=True) if not k) / kinds.count(False)
    correct = sum(r for r, k in zip(right, kinds, strict=True) if k) / kinds.count(True)
    return 2 * error * correct / (error + correct) if error + correct else 0.0


def test_the_threshold_lies_between_the_scores_that_it_divides() -> None:
    cases = [ScoredCase(1, [4.0, 2.0]), ScoredCase(None, [3.0, 5.0])]
    assert best_threshold(cases) == (2.5, 1.0)


def test_a_threshold_needs_cases_of_both_kinds() -> None:
    with pytest.raises(NothingScored):
        best_threshold([ScoredCase(0, [0.1])])
    with pytest.raises(NothingScored):
        best_threshold([ScoredCase(None, [0.1])])


SCORES = st.lists(st.integers(-3, 3).map(lambda n: n / 2), min_size=1, max_size=4)
CASES = SCORES.flatmap(
    lambda scores: st.builds(
        ScoredCase, st.none() | st.integers(0, len(scores) - 1), st.just(scores)
    )
)


@given(st.lists(CASES, min_size=2, max_size=8))
def test_no_threshold_is_better(cases: list[ScoredCase]) -> None:
    if len({case.first_error is None for case in cases}) < 2:
        return
    best = best_threshold(cases)
    assert best.f1 == pytest.approx(f1(cases, best.value))
    assert best.f1 == pytest.approx(max(f1(cases, n / 4) for n in range(-8, 9)))
