"""An evaluation of first errors as tables and sentences on stdout."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from prmkit.cli.tables import new_table, out
from prmkit.evaluation.process_summary import ProcessComparison, ProcessSummary
from prmkit.evaluation.processbench import PartFigures
from prmkit.intervals import resolved
from prmkit.pipeline.words import DEGENERATE, percent

_WHAT = "error = first error placed exactly; correct = no error found where there is none"


def print_process(
    summaries: Sequence[ProcessSummary], comparisons: Sequence[ProcessComparison]
) -> None:
    """Print every system's tables, then what is told apart and what is not."""
    console = out()
    for summary in summaries:
        for table in (_subsets(summary), _right_answers(summary), _parts(summary)):
            if table is not None:
                console.print(table)
        for sentence in _notes(summary):
            console.print(f"  {sentence}", markup=False)
        console.print()
    _print_comparisons(console, summaries, comparisons)


def _subsets(summary: ProcessSummary) -> Table:
    table = new_table(
        _title(summary, "first errors, percent [95 % interval]"),
        *("subset", "with error", "error acc.", "without", "correct acc.", "F1"),
        caption=_WHAT,
    )
    for name, found in summary.result.subsets.items():
        error, correct = found.error_accuracy, found.correct_accuracy
        table.add_row(
            name,
            f"{error.n:,}",
            percent(error),
            f"{correct.n:,}",
            percent(correct),
            percent(found.f1),
        )
    table.add_section()
    n = len(summary.result.subsets)
    mean = "plain mean" if n > 1 else "the one subset"
    table.add_row(f"[bold]{mean}[/]", "", "", "", "", f"[bold]{percent(summary.result.mean_f1)}[/]")
    return table


def _title(summary: ProcessSummary, what: str) -> str:
    mark = summary.coverage.mark()
    return f"{summary.system}: {what}" + (f"\n{mark}" if mark else "")


def _right_answers(summary: ProcessSummary) -> Table | None:
    found = summary.right_answers
    if found is None:
        return None
    table = new_table(
        _title(summary, "right answer, wrong process: is the error placed? (paper, Table 5)"),
        *("subset", "cases", "placed exactly"),
    )
    for name, share in found.subsets.items():
        table.add_row(name, f"{share.n:,}", percent(share))
    table.add_section()
    table.add_row("plain mean", "", percent(found.mean))
    table.add_row("all of them", f"{found.pooled.n:,}", percent(found.pooled))
    return table


def _parts(summary: ProcessSummary) -> Table:
    table = new_table(
        _title(summary, "by who wrote the solution, and by its number of steps (subsets pooled)"),
        *("part", "with error", "error acc.", "without", "correct acc.", "F1"),
    )
    for name, part in sorted(summary.by_generator.items()):
        _part_row(table, name, part)
    table.add_section()
    for name, part in summary.by_steps.items():
        _part_row(table, f"{name} steps", part)
    return table


def _part_row(table: Table, name: str, part: PartFigures) -> None:
    error, correct, f1 = part
    table.add_row(
        name,
        f"{error.n:,}" if error else "0",
        percent(error),
        f"{correct.n:,}" if correct else "0",
        percent(correct),
        percent(f1),
    )


def _notes(summary: ProcessSummary) -> Iterator[str]:
    if summary.coverage.mark():
        yield f"{summary.coverage.mark()}: these are not the benchmark's figures. Left out:"
        yield from (f"  - {line}" for line in summary.coverage.details())
    if summary.degenerate:
        yield f"{summary.system} is degenerate: it {DEGENERATE[summary.degenerate]}."
    if summary.unreadable:
        n, n_cases = sum(summary.unreadable.values()), len(summary.cases)
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in summary.unreadable.items())
        counted = {"wrong": "counted as wrong, as officially", "apart": "left out of the figures"}
        yield (
            f"Unreadable: {n:,} of {n_cases:,} ({100 * n / n_cases:.1f} %; {reasons}), "
            f"{counted[summary.unreadable_is]}."
        )
    yield from _threshold_notes(summary)


def _threshold_notes(summary: ProcessSummary) -> Iterator[str]:
    decision = summary.decision
    if decision is None:
        return
    if not decision.chosen_on:
        yield f"Threshold {decision.value:g}, fixed beforehand."
    else:
        f1 = "" if decision.f1_there is None else f", F1 there {100 * decision.f1_there:.1f}"
        yield f"Threshold {decision.value:.6g}, chosen on {decision.chosen_on}{f1}."
    if summary.mean_f1_untouched is not None:
        yield (
            f"The figures of {decision.subset} were tuned on it; the mean F1 of the others is "
            f"{percent(summary.mean_f1_untouched)}."
        )
    if summary.upper_bound:
        bounds = [bound.f1 for bound in summary.upper_bound.values()]
        each = ", ".join(
            f"{name} {100 * bound.f1:.1f} at {bound.value:.4g}"
            for name, bound in summary.upper_bound.items()
        )
        mean = 100 * sum(bounds) / len(bounds)
        yield (
            f"Upper bound, no result: with the best threshold of each subset, chosen on its own "
            f"cases, the mean F1 would be {mean:.1f} ({each})."
        )


def _print_comparisons(
    console: Console,
    summaries: Sequence[ProcessSummary],
    comparisons: Sequence[ProcessComparison],
) -> None:
    if not comparisons:
        return
    console.print("[bold]Which differences of mean F1 are resolved?[/] (paired over problems)")
    unfit = {summary.system for summary in summaries if summary.degenerate}
    for found in comparisons:
        console.print(f"  - {_sentence(found, unfit)}", markup=False)


def _sentence(found: ProcessComparison, unfit: set[str]) -> str:
    points = f"{found.a} minus {found.b}: {percent(found.difference)} points"
    test = ""
    if found.test is not None:
        only_a, only_b, p = found.test
        test = f"; right in {only_a} cases where the other is wrong, the reverse in {only_b}"
        test += f", McNemar p = {p:.2g}"
    lame = sorted({found.a, found.b} & unfit)
    if lame:
        return f"{' and '.join(lame)} not ranked, degenerate ({points}{test})."
    if resolved(found.difference):
        better, worse = found.a, found.b
        if found.difference.value < 0:
            better, worse = worse, better
        return f"{better} beats {worse} ({points}{test})."
    needed = f"about {found.needed:,} cases like these would" if found.needed else "no number would"
    return (
        f"{found.a} and {found.b} are not told apart ({points}{test}); {needed} resolve a "
        f"difference of this size (80 % power), {found.difference.n:,} were there."
    )
