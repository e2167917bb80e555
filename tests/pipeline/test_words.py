from prmkit.pipeline.findings import Comparison, Distinct, LabelQuality, ProcessRow, Report
from prmkit.pipeline.words import findings, percent
from prmkit.records import Estimate


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=10, method="by hand")


def report(*comparisons: Comparison, degenerate: str = "") -> Report:
    rows = [
        ProcessRow(system=s, degenerate=d, splits={}, mean_f1=None, n_unscored=0)
        for s, d in (("mc", degenerate), ("consensus", ""))
    ]
    return Report(
        name="t",
        seed=0,
        recipe_digest="d",
        counts={},
        policies={},
        labels={},
        labels_by_outcome={},
        kept=None,
        processbench=rows,
        processbench_left_out=[],
        processbench_comparisons=list(comparisons),
        best_of_n={},
        best_of_n_splits={},
        best_of_n_comparisons=[],
        cost={},
    )


def comparison(difference: Estimate, *, resolved: bool) -> Comparison:
    return Comparison(
        figure="mean F1", a="mc", b="consensus", difference=difference, resolved=resolved
    )


def test_percent_shows_the_interval_and_never_a_number_for_nothing() -> None:
    assert percent(estimate(0.123, 0.1, 0.2)) == "12.3 [10.0, 20.0]"
    assert percent(None) == "n/a"


def test_what_is_never_wrong_is_not_wrong_most_often_in_some_way() -> None:
    none = estimate(0.0, 0.0, 0.3)
    quality = LabelQuality(
        wrong=none,
        missed=none,
        invented=none,
        too_early=none,
        too_late=none,
        error_accuracy=None,
        correct_accuracy=None,
        n_unscored=0,
    )
    said = findings(report().model_copy(update={"labels": {"mc": quality}}))
    assert "mc labels are wrong in 0.0 [0.0, 30.0] % of solutions." in said


def test_a_difference_within_its_interval_is_no_ranking() -> None:
    (said,) = findings(report(comparison(estimate(0.02, -0.01, 0.05), resolved=False)))
    assert "not told apart" in said
    assert "beats" not in said


def test_a_resolved_difference_names_the_better_one() -> None:
    (said,) = findings(report(comparison(estimate(-0.2, -0.3, -0.1), resolved=True)))
    assert "consensus beats mc" in said


def test_a_degenerate_prm_is_called_so_and_not_ranked() -> None:
    better = comparison(estimate(-0.2, -0.3, -0.1), resolved=True)
    (said,) = findings(report(better, degenerate="never_an_error"))
    assert said == "mc is degenerate, not ranked: it never calls an error."


def test_draws_that_repeat_each_other_are_the_first_thing_said() -> None:
    drawn = Distinct(share=estimate(0.1, 0.1, 0.1), n_prefixes=1, n_distinct=1, too_few=True)
    repeated = report(comparison(estimate(-0.2, -0.3, -0.1), resolved=True)).model_copy(
        update={"distinct": {"strong: rollouts": drawn}}
    )
    said = findings(repeated)
    assert said[0].startswith("Warning: strong: rollouts: only 1 of 10 completions of 1 prefixes")
    assert len(said) == 2
