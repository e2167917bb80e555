"""A report's findings as sentences: what was learned, and what the data leave open."""

from collections.abc import Iterator

from prmkit.pipeline.distinct import Tally, complaint
from prmkit.pipeline.findings import Comparison, Report
from prmkit.records import Estimate

DEGENERATE = {
    "never_an_error": "never calls an error",
    "always_an_error": "calls an error in every solution",
    "always_the_same_place": "names the same place in every solution",
}
"""What a degenerate system does, in words."""


def percent(estimate: Estimate | None) -> str:
    """An estimate with its interval, in percent; `n/a` where nothing was scored."""
    if estimate is None:
        return "n/a"
    value, low, high = (100 * x for x in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def findings(report: Report) -> list[str]:
    """Everything the tables say that the intervals allow to be said."""
    return [
        *_repeats(report),
        *_labels(report),
        *_kept(report),
        *_process(report),
        *_best_of_n(report),
    ]


def _repeats(report: Report) -> Iterator[str]:
    for what, drawn in report.distinct.items():
        said = complaint(what, Tally(drawn.n_prefixes, drawn.share.n, drawn.n_distinct))
        if said:
            yield f"Warning: {said}"


def _labels(report: Report) -> Iterator[str]:
    for source, quality in report.labels.items():
        if quality.wrong is None:
            continue
        named = {
            "errors missed": quality.missed,
            "errors invented": quality.invented,
            "placed too early": quality.too_early,
            "placed too late": quality.too_late,
        }
        worst = max(named, key=lambda word: -1.0 if (e := named[word]) is None else e.value)
        how = f", most often {worst}: {percent(named[worst])} %" if quality.wrong.value else ""
        yield f"{source} labels are wrong in {percent(quality.wrong)} % of solutions{how}."


def _kept(report: Report) -> Iterator[str]:
    if report.kept is not None:
        yield f"The consensus filter kept {percent(report.kept)} % of the solutions."


def _process(report: Report) -> Iterator[str]:
    if report.processbench_left_out:
        yield (
            f"F1 leaves out {', '.join(report.processbench_left_out)}: no solutions of both kinds, "
            "with and without error, were sampled there."
        )
    unfit = {row.system: row.degenerate for row in report.processbench if row.degenerate}
    for system, why in unfit.items():
        yield f"{system} is degenerate, not ranked: it {DEGENERATE[why]}."
    for comparison in report.processbench_comparisons:
        if not {comparison.a, comparison.b} & unfit.keys():
            yield _sentence(comparison)


def _best_of_n(report: Report) -> Iterator[str]:
    unfit = {row.system for row in report.processbench if row.degenerate}
    for comparison in report.best_of_n_comparisons:
        if comparison.a.split(" ")[0] not in unfit:
            yield _sentence(comparison)


def _sentence(comparison: Comparison) -> str:
    if not comparison.resolved:
        return (
            f"{comparison.figure}: {comparison.a} and {comparison.b} are not told apart "
            f"({percent(comparison.difference)} points)."
        )
    better, worse = comparison.a, comparison.b
    if comparison.difference.value < 0:
        better, worse = worse, better
    return (
        f"{comparison.figure}: {better} beats {worse} "
        f"({comparison.a} minus {comparison.b}: {percent(comparison.difference)} points)."
    )
