"""Claims about F1 of several trainings and its interval."""

from collections.abc import Sequence

import numpy as np
import pytest

from prmkit.errors import NothingScored
from prmkit.evaluation.processbench import ProcessCase, compare, evaluate
from prmkit.intervals import Bootstrap
from prmkit.study.chance import Trained

HOW = Bootstrap(0, 2000)


def cases(hits: Sequence[bool], run: str = "a", split: str = "easy") -> list[ProcessCase]:
    """A wrong and a right solution a problem; both are predicted rightly, or neither."""
    return [
        ProcessCase(
            case_id=f"{run}/{split}/{p}/{kind}",
            problem_id=f"{run}/{split}/{p}",
            subset=split,
            first_error=first_error,
            predicted=first_error if hit else 5,
            unscored="",
        )
        for p, hit in enumerate(hits)
        for kind, first_error in (("wrong", 1), ("right", None))
    ]


def drawn(rng: np.random.Generator, n: int, chance: float) -> list[bool]:
    return list(rng.random(n) < chance)


def test_f1_of_one_training_a_run_is_that_of_the_cases_with_the_interval_over_problems() -> None:
    rng = np.random.default_rng(1)
    prms = [[cases(drawn(rng, 60, 0.4), run)] for run in ("a", "b")]
    found = Trained.of(prms).f1(HOW)
    same = evaluate([c for own in prms for c in own[0]], seed=0, resamples=2000).mean_f1
    assert found.value == same.value
    assert (found.low, found.high) == pytest.approx((same.low, same.high), abs=0.02)
    assert (found.n, found.n_unscored) == (240, 0)
    assert "over problems," in found.method


def test_trainings_are_pooled_and_each_and_each_runs_are_told() -> None:
    # F1 is the share of hits, as the wrong and the right solution of a problem go together
    of_a = [cases([True] * 8 + [False] * 2), cases([True] * 4 + [False] * 6)]
    of_b = [cases([True, False], "b"), cases([False, False], "b")]
    trained = Trained.of([of_a, of_b])
    assert trained.single == [pytest.approx([0.8, 0.4]), pytest.approx([0.5, 0.0])]
    assert trained.by_run == pytest.approx([0.6, 0.25])
    assert trained.f1(HOW).value == pytest.approx(13 / 24)


def test_where_only_trainings_differ_the_interval_is_that_of_their_mean() -> None:
    # two trainings, one right on all of many problems and one on none: the mean of two draws is
    # 0, 1/2 or 1 with chances 1/4, 1/2, 1/4
    trained = Trained.of([[cases([True] * 50), cases([False] * 50)]])
    found = trained.f1(HOW)
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)
    assert "over problems and trainings" in found.method
    over_problems = evaluate(
        [
            c._replace(case_id=f"{i}{c.case_id}")
            for i, hit in enumerate((True, False))
            for c in cases([hit] * 50)
        ],
        seed=0,
    ).mean_f1
    assert over_problems.high - over_problems.low < 0.01  # says nothing of it


def test_a_difference_is_on_the_same_problems_but_each_with_its_own_trainings() -> None:
    rng = np.random.default_rng(2)
    hits = drawn(rng, 80, 0.5)
    better = [hit or rng.random() < 0.3 for hit in hits]
    one, other = Trained.of([[cases(better)]]), Trained.of([[cases(hits)]])
    found = one.minus(other, HOW)
    paired = compare(cases(better), cases(hits), seed=0, resamples=2000).mean_f1
    assert found.value == pytest.approx(paired.value)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high), abs=0.02)
    assert one.minus(one, HOW).low == one.minus(one, HOW).high == 0.0
    chance = Trained.of([[cases([True] * 50), cases([False] * 50)]])
    apart = chance.minus(chance, HOW)  # as if both had been trained anew
    assert (apart.low, apart.value, apart.high) == (-1.0, 0.0, 1.0)


def test_intervals_cover_the_mean_over_problems_and_trainings() -> None:
    rng = np.random.default_rng(3)
    n_covered = 0
    for _ in range(100):
        chances = np.clip(0.4 + 0.15 * rng.standard_normal(6), 0, 1)
        prms = [[cases(drawn(rng, 40, chance)) for chance in chances]]
        found = Trained.of(prms).f1(Bootstrap(0, 200))
        n_covered += found.low <= 0.4 <= found.high
    assert n_covered >= 85  # of 95 meant; six trainings make it somewhat narrow


def test_a_run_without_a_prm_and_a_split_of_one_kind_are_not_scored() -> None:
    with pytest.raises(NothingScored, match="no PRM"):
        Trained.of([[cases([True])], []])
    wrong_only = [case for case in cases([True, False]) if case.first_error is not None]
    trained = Trained.of([[wrong_only]])
    with pytest.raises(NothingScored, match="one kind"):
        trained.f1(HOW)
    assert trained.single == [[None]]


def test_a_run_may_lack_a_split_that_another_has() -> None:
    one = [*cases([True, False]), *cases([True, True], split="hard")]
    trained = Trained.of([[one], [cases([False, False], "b")]])
    assert trained.by_run == pytest.approx([0.75, 0.0])
    assert trained.f1(HOW).value == pytest.approx((1 / 4 + 1) / 2)


def test_unscored_cases_are_counted_and_left_out() -> None:
    one, *others = cases([True, True, False])
    trained = Trained.of([[[one._replace(predicted=None, unscored="cut off"), *others]]])
    found = trained.f1(HOW)
    assert (found.n, found.n_unscored) == (5, 1)
    # of wrong ones 1 of 2 placed, of right ones 2 of 3 cleared: 2 (1/2) (2/3) / (7/6)
    assert found.value == pytest.approx(4 / 7)
