import json
import math
import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import DataError, NothingScored
from prmkit.evaluation.best_of_n import (
    Aggregator,
    Sample,
    SampledProblem,
    best_of_n,
    maj_at_n,
    pass_at_k,
    prm_at_n,
    weighted_majority,
)
from prmkit.intervals import paired_difference
from prmkit.records import Outcome, StepScores

AGGREGATES: Mapping[str, Aggregator] = {
    "product": math.prod,
    "min": min,
    "last": lambda scores: scores[-1],
}
OUTCOMES = {"+": Outcome.CORRECT, "-": Outcome.INCORRECT, "?": Outcome.UNSCORED}


def samples(*words: str, problem: str = "p") -> list[Sample]:
    """Samples from words such as `+4`, `-5`, `?4`, and `-` for a wrong one without an answer."""
    return [
        Sample(f"{problem}/m/{index}", OUTCOMES[word[0]], word[1:] or None)
        for index, word in enumerate(words)
    ]


def scored(rows: Sequence[tuple[float, ...]], problem: str = "p") -> dict[str, StepScores]:
    """Step scores of the samples in order; an empty row is unscored."""
    return {
        f"{problem}/m/{index}": StepScores(
            solution_id=f"{problem}/m/{index}",
            model="prm",
            scores=row,
            unscored="" if row else "too_long",
        )
        for index, row in enumerate(rows)
    }


def test_pass_at_k_is_the_share_of_k_subsets_with_a_right_sample() -> None:
    # 1 right of 4: C(3, 2) / C(4, 2) = 3 / 6 subsets of two have none
    of_four = samples("+1", "-2", "-3", "-4")
    assert pass_at_k(of_four, 1) == 0.25
    assert pass_at_k(of_four, 2) == 0.5
    assert pass_at_k(of_four, 4) == 1.0


@given(st.lists(st.sampled_from(["+a", "-b"]), min_size=1, max_size=7), st.integers(1, 7))
def test_pass_at_k_equals_enumeration(words: list[str], k: int) -> None:
    drawn = samples(*words)
    subsets = list(combinations([word == "+a" for word in words], k))
    expected = sum(map(any, subsets)) / len(subsets) if subsets else None
    assert pass_at_k(drawn, k) == (None if expected is None else pytest.approx(expected))


def test_unscored_samples_are_left_out_of_pass_at_k() -> None:
    assert pass_at_k(samples("+1", "?2", "-3"), 1) == 0.5
    assert pass_at_k(samples("+1", "?2", "-3"), 3) is None
    assert pass_at_k(samples("?1"), 1) is None
    with pytest.raises(ValueError, match="k must be at least 1"):
        pass_at_k(samples("+1"), 0)


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["-5", "+4", "+4"], 1.0),
        (["+4", "-5", "-5"], 0.0),
        (["-5", "+4"], 0.0),  # a tie: the answer that comes first
        (["+4", "-5", "-5", "+4"], 1.0),  # the same; not the one that is first to have two
        (["?5", "?5", "+4"], 1.0),  # unscored ones do not vote
        (["-", "-", "+4"], 1.0),  # nor do those without an answer
        (["-", "-"], 0.0),  # no vote, but all known to be wrong
        (["-", "?"], None),
    ],
)
def test_the_most_frequent_answer_decides(words: list[str], right: float | None) -> None:
    assert maj_at_n(samples(*words)) == right


def test_a_split_tie_is_the_chance_of_drawing_a_right_answer() -> None:
    assert maj_at_n(samples("-5", "+4"), ties="fractional") == 0.5
    assert maj_at_n(samples("-5", "+4", "-6"), ties="fractional") == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        # products 0.36, 0.45; minima 0.6, 0.5; last 0.6, 0.9
        ("product", 0.0),
        ("min", 1.0),
        ("last", 0.0),
    ],
)
def test_the_aggregate_decides_which_sample_is_picked(name: str, right: float) -> None:
    rows = scored([(0.6, 0.6), (0.5, 0.9)])
    assert prm_at_n(samples("+4", "-5"), rows, AGGREGATES[name]) == right


def test_of_equal_scores_the_first_sample_is_picked() -> None:
    assert prm_at_n(samples("-5", "+4"), scored([(0.5,), (0.5,)]), min) == 0.0
    assert prm_at_n(samples("+4", "-5"), scored([(0.5,), (0.5,)]), min) == 1.0


def test_samples_without_scores_are_not_picked() -> None:
    assert prm_at_n(samples("-5", "+4"), scored([(), (0.1,)]), min) == 1.0
    assert prm_at_n(samples("-5", "+4"), scored([(), ()]), min) is None


def test_picking_an_unscored_sample_decides_nothing() -> None:
    assert prm_at_n(samples("?5", "+4"), scored([(0.9,), (0.1,)]), min) is None


def test_a_missing_row_of_scores_is_an_error() -> None:
    with pytest.raises(DataError, match="p/m/1: no row of step scores"):
        prm_at_n(samples("-5", "+4"), scored([(0.5,)]), min)


def test_an_aggregate_that_is_not_a_number_is_an_error() -> None:
    with pytest.raises(DataError, match="not a number"):
        prm_at_n(samples("+4"), scored([(0.5,)]), lambda _: math.nan)


def test_weighted_majority_sums_scores_by_answer() -> None:
    # 5 has the best sample (0.6), 4 the larger sum (0.4 + 0.3)
    drawn = samples("-5", "+4", "+4")
    rows = scored([(0.6,), (0.4,), (0.3,)])
    assert weighted_majority(drawn, rows, min) == 1.0
    assert prm_at_n(drawn, rows, min) == 0.0
    with pytest.raises(DataError, match="below 0"):
        weighted_majority(drawn, rows, lambda scores: math.log(scores[0]))


def two_problems() -> tuple[list[SampledProblem], dict[str, StepScores]]:
    drawn = [
        SampledProblem("p", samples("+4", "-5", "-5")),
        SampledProblem("q", samples("+1", "+1", "-", problem="q")),
    ]
    rows = scored([(0.9, 0.8), (0.5,), (0.7,)])
    return drawn, rows | scored([(0.2,), (0.9, 0.1), ()], problem="q")


def test_the_table_has_a_row_a_method_and_counts_what_is_left_out() -> None:
    drawn, rows = two_problems()
    table = best_of_n(drawn, {"ours": rows}, {"product": math.prod, "min": min}, seed=0)
    # p: pass, majority wrong, mean 1/3, product picks 0.72 (+4)
    # q: pass, majority right, mean 2/3, product picks 0.2 (+1)
    assert {method: row.value for method, row in table.rows.items()} == {
        "pass@3": 1.0,
        "maj@3": 0.5,
        "random": pytest.approx(0.5),
        "ours prm@3 product": 1.0,
        "ours prm@3 min": 1.0,
    }
    assert (table.n, table.n_samples, table.n_unscored, table.n_without_answer) == (3, 6, 0, 1)
    assert table.n_without_scores == {"ours": 1}
    assert table.rows["maj@3"].n == 2
    difference = paired_difference(
        table.values["ours prm@3 product"], table.values["maj@3"], seed=0
    )
    assert difference.value == 0.5


def test_a_problem_that_a_method_cannot_decide_is_counted_as_unscored() -> None:
    drawn = [SampledProblem("p", samples("?4")), SampledProblem("q", samples("+1", problem="q"))]
    table = best_of_n(drawn, {}, {}, seed=0)
    assert (table.rows["pass@1"].n, table.rows["pass@1"].n_unscored) == (1, 1)
    with pytest.raises(NothingScored):
        best_of_n(drawn[:1], {}, {}, seed=0)


def test_problems_with_different_numbers_of_samples_are_refused() -> None:
    drawn = [SampledProblem("p", samples("+4")), SampledProblem("q", samples("+1", "-2"))]
    with pytest.raises(DataError, match=r"the same N >= 1 for all problems, found \[1, 2\]"):
        best_of_n(drawn, {}, {}, seed=0)
    with pytest.raises(DataError):
        best_of_n([], {}, {}, seed=0)


@given(st.permutations(["+4", "+4", "+4", "-5", "-5", "-6", "?4", "-"]))
def test_without_a_tie_the_order_of_samples_does_not_matter(words: list[str]) -> None:
    assert maj_at_n(samples(*words)) == 1.0
    assert pass_at_k(samples(*words), 2) == pytest.approx(
        1 - 6 / 21
    )  # 4 wrong of 7 scored: C(4, 2) / C(7, 2)


SHARED = Path(os.environ.get("PRMKIT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
NEMO_SKILLS = SHARED / "best_of_n" / "nemo_skills_math_7x3.json"


@pytest.mark.skipif(not NEMO_SKILLS.exists(), reason=f"needs {NEMO_SKILLS.name} in shared/data")
def test_nemo_skills_figures_are_reproduced() -> None:
    stored = json.loads(NEMO_SKILLS.read_text())
    expected = stored["expected"]["hendrycks_math"]
    rows = sorted(stored["samples"], key=lambda row: (row["problem"], row["sample"]))
    drawn: dict[int, list[Sample]] = {}
    scores: dict[str, StepScores] = {}
    for row in rows:
        outcome = Outcome.CORRECT if row["symbolic_correct"] else Outcome.INCORRECT
        sample = Sample(f"{row['problem']}/m/{row['sample']}", outcome, row["predicted_answer"])
        drawn.setdefault(row["problem"], []).append(sample)
        scores[sample.solution_id] = StepScores(
            solution_id=sample.solution_id, model="rm", scores=(row["reward_model_score"],)
        )
    for n in (2, 3):
        few = [group[:n] for group in drawn.values()]
        figures = {
            f"majority@{n}": [maj_at_n(group, ties="fractional") for group in few],
            f"rm_best@{n}": [prm_at_n(group, scores, min) for group in few],
            f"rm_majority@{n}": [weighted_majority(group, scores, min) for group in few],
            f"pass@{n}": [pass_at_k(group, n) for group in drawn.values()],
            f"pass@1[avg-of-{n}]": [pass_at_k(group, 1) for group in few],
        }
        for name, values in figures.items():
            known = [value for value in values if value is not None]
            assert len(known) == 7
            assert 100 * sum(known) / 7 == pytest.approx(expected[name], abs=1e-9), name
