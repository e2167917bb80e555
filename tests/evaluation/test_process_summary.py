"""One system's figures on a ProcessBench-style set: what is left out, chosen and bounded."""

import pytest

from prmkit.datasets.processbench import StoredPrediction
from prmkit.errors import DataError, NothingScored
from prmkit.evaluation.coverage import Coverage
from prmkit.evaluation.json_forms import process_report_json
from prmkit.evaluation.matching import Matched
from prmkit.evaluation.process_summary import (
    Decision,
    ProcessSummary,
    Resampling,
    choose_on,
    compare_all,
    standing,
    summarise,
)
from prmkit.evaluation.processbench import Unreadable
from prmkit.evaluation.published import SIZES
from prmkit.records import BenchmarkCase, Outcome

Said = int | None | str | tuple[float, ...]
Row = tuple[int | None, Said]
"""The true place of the first error, and the prediction: a place, why there is none, or scores."""


def how(unreadable: Unreadable = "wrong") -> Resampling:
    return Resampling(seed=0, resamples=100, unreadable=unreadable)


def matched(*, right: bool = False, **subsets: list[Row]) -> Matched:
    """Cases of two steps, each of a problem of its own; with `right`, all answers are right."""
    cases, said = [], []
    for subset, rows in subsets.items():
        for i, (place, prediction) in enumerate(rows):
            cases.append(
                BenchmarkCase(
                    case_id=f"{subset}-{i}",
                    problem_id=f"{subset}-p{i}",
                    subset=subset,
                    question=f"{subset} {i}?",
                    steps=("a", "b"),
                    first_error=place,
                    outcome=Outcome.CORRECT if right or place is None else Outcome.INCORRECT,
                )
            )
            said.append(
                StoredPrediction(
                    case_id=f"{subset}-{i}",
                    first_error=prediction if isinstance(prediction, int) else None,
                    unreadable=prediction if isinstance(prediction, str) else "",
                    scores=prediction if isinstance(prediction, tuple) else (),
                )
            )
    return Matched(cases, said, Coverage(len(cases), len(cases), {}))


def summary(
    data: Matched,
    *,
    partial: bool = False,
    unreadable: Unreadable = "wrong",
    decision: Decision | None = None,
) -> ProcessSummary:
    decision = decision or Decision(0.5)
    return summarise("s", data, decision, how(unreadable), partial=partial)


def test_a_subset_without_one_kind_is_refused_or_left_out_and_marked() -> None:
    data = matched(gsm8k=[(0, 0), (None, None)], math=[(1, 1)])
    with pytest.raises(NothingScored, match="subset 'math': no scored case without error"):
        summary(data)
    found = summary(data, partial=True)
    assert list(found.result.subsets) == ["gsm8k"]
    assert (found.coverage.n_used, found.coverage.complete) == (2, False)
    assert found.left_out == {"math": "no scored case without error"}


def test_nothing_left_is_an_error_even_where_a_part_is_enough() -> None:
    with pytest.raises(NothingScored, match="s: no subset has scored cases of both kinds"):
        summary(matched(math=[(1, 1), (0, 0)]), partial=True)


def test_unreadable_replies_are_wrong_or_leave_a_subset_without_a_kind() -> None:
    data = matched(math=[(0, "no verdict"), (1, 1), (None, "no verdict")])
    # errors: 1 of 2 placed; the only solution without error is unreadable: 0 of 1, F1 = 0
    found = summary(data)
    assert found.result.mean_f1.value == 0.0
    assert found.unreadable == {"no verdict": 2}
    with pytest.raises(NothingScored, match="no scored case without error"):
        summary(data, unreadable="apart")


def test_right_answers_whose_every_reply_is_unreadable_say_nothing_apart() -> None:
    rows: list[Row] = [(0, "no verdict"), (None, None)]
    found = summary(matched(right=True, math=rows))
    assert found.right_answers is not None
    assert found.right_answers.pooled.value == 0.0
    both = matched(math=[(0, 0), (None, None)])
    extra = matched(right=True, more=[(1, "no verdict")])
    case = extra.cases[0].model_copy(update={"subset": "math"})
    data = Matched([*both.cases, case], [*both.predictions, *extra.predictions], Coverage(3, 3, {}))
    assert summary(data, unreadable="apart").right_answers is None


def test_an_upper_bound_exists_where_scores_of_both_kinds_do() -> None:
    # the second subset has scores of a wrong solution alone, its right one is only predicted
    data = matched(
        gsm8k=[(0, (0.2, 0.9)), (None, (0.8, 0.9))],
        math=[(0, (0.2, 0.9)), (None, None)],
    )
    found = summary(data)
    assert list(found.upper_bound) == ["gsm8k"]
    assert found.upper_bound["gsm8k"].f1 == 1.0


def test_a_threshold_is_chosen_by_scores_and_not_by_predictions() -> None:
    data = matched(math=[(0, (0.2, 0.9)), (None, (0.8, 0.9))])
    # between the wrong step's 0.2 and the right ones' 0.8
    assert choose_on(data, "them") == Decision(0.5, "them", 1.0, "")
    with pytest.raises(DataError, match="them: no scores to choose a threshold by"):
        choose_on(matched(math=[(0, 0), (None, None)]), "them")
    with pytest.raises(DataError, match="subset 'gsm8k' to choose a threshold on: found math"):
        choose_on(data, "them", "gsm8k")


def whole() -> Matched:
    """ProcessBench's sizes: every error is placed; one right solution a subset is cleared."""

    def rows(subset: str) -> list[Row]:
        n_error, n_correct = SIZES[subset]
        return [(0, 0)] * n_error + [(None, None)] + [(None, 1)] * (n_correct - 1)

    return matched(
        gsm8k=rows("gsm8k"),
        math=rows("math"),
        olympiadbench=rows("olympiadbench"),
        omnimath=rows("omnimath"),
    )


def test_only_the_whole_benchmark_stands_among_the_published() -> None:
    found = summary(whole())
    row = standing(found)
    assert row is not None
    # error accuracy 1, correct accuracy 1/n: F1 = 2 / (n + 1)
    f1 = [200 / (n + 1) for _, n in SIZES.values()]
    assert row.values == pytest.approx(f1)
    assert row.figure == pytest.approx(sum(f1) / 4)
    assert standing(summary(matched(math=[(0, 0), (None, None)]))) is None
    short = found._replace(coverage=Coverage(3400, 3399, {"cases without a row": ["x"]}))
    assert standing(short) is None


def test_several_systems_are_told_with_their_differences() -> None:
    good = summary(matched(math=[(0, 0), (1, 1), (None, None), (None, None)]))
    bad = summary(matched(math=[(0, 1), (1, 1), (None, None), (None, 0)]))._replace(system="t")
    told = process_report_json([good, bad], compare_all([good, bad], how()))
    assert list(told["systems"]) == ["s", "t"]
    # F1 1 against 0.5
    assert told["systems"]["t"]["average_f1"] == pytest.approx(50)
    (difference,) = told["comparisons"]
    assert (difference["a"], difference["b"]) == ("s", "t")
