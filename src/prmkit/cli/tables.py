"""A report as tables on stdout."""

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from prmkit.pipeline.estimate import shown_operations, shown_time
from prmkit.pipeline.findings import LabelCost, Report
from prmkit.pipeline.rollout import RolloutReport
from prmkit.pipeline.spent import Amount, RunCost
from prmkit.pipeline.words import percent
from prmkit.records import Estimate


def print_report(report: Report, seconds: Mapping[str, float]) -> None:
    """Print everything the run found; seconds by stage stand beside the tokens."""
    console = out()
    console.print(f"\n[bold]{report.name}[/] (seed {report.seed}): percent, 95 % intervals\n")
    for table in (
        *([_labels(report)] if report.labels else []),
        *([_policies(report)] if report.policies else []),
        *([_process(report)] if report.processbench else []),
        *([_best_of_n(report)] if report.best_of_n else []),
        *([_by_size(report)] if report.best_of_n_by_size else []),
        *([_distinct(report)] if report.distinct else []),
        _cost(report, seconds),
        *([_label_cost(report.label_cost)] if report.label_cost else []),
    ):
        console.print(table)
    console.print("[bold]What was learned[/]")
    for finding in report.findings:
        console.print(f"  - {finding}", markup=False)


def out() -> Console:
    """Where results are printed: lines are not broken for a pipe, which has no width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def new_table(title: str, *columns: str, caption: str | None = None) -> Table:
    """An empty table: the first column names the row, the others hold numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", caption=caption)
    table.caption_justify = "left"
    for i, column in enumerate(columns):
        # folded, where a terminal is narrow: a figure cut short would be another figure
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


def shown_sizes(n: int) -> list[int]:
    """Powers of two up to N, and N."""
    powers = [2**i for i in range(n.bit_length()) if 2**i < n]
    return [*powers, n]


def _labels(report: Report) -> Table:
    table = new_table(
        "How often are labels wrong, and in which direction?",
        *("labels", "wrong", "missed", "invented", "too early", "too late", "unscored"),
    )
    for source, q in report.labels.items():
        shares = (q.wrong, q.missed, q.invented, q.too_early, q.too_late)
        table.add_row(source, *(percent(share) for share in shares), str(q.n_unscored))
    kept = percent(report.kept)
    table.caption = f"Share of {_n(report)} labelled solutions. The consensus kept {kept} %."
    return table


def _n(report: Report) -> int:
    return report.counts.get("consensus", {}).get("in", 0)


def _policies(report: Report) -> Table:
    splits = list(next(iter(report.policies.values()), {}))
    table = new_table("Final answers, and right answers with a wrong process", "policy", *splits)
    for policy, by_split in report.policies.items():
        table.add_row(f"{policy}: right", *(percent(q.accuracy) for q in by_split.values()))
        table.add_row("  wrong process", *(percent(q.process_error) for q in by_split.values()))
    return table


def _process(report: Report) -> Table:
    splits = list(dict.fromkeys(s for row in report.processbench for s in row.splits))
    table = new_table(
        "ProcessBench-style: F1 (error / correct accuracy)", "system", "mean F1", *splits
    )
    for row in report.processbench:
        cells = [
            f"{100 * f.f1.value:.1f} ({100 * f.error_accuracy.value:.0f}"
            f"/{100 * f.correct_accuracy.value:.0f})"
            for f in row.splits.values()
        ]
        name = f"{row.system} (degenerate)" if row.degenerate else row.system
        table.add_row(name, percent(row.mean_f1), *cells)
    return table


def _best_of_n(report: Report) -> Table:
    splits = list(report.best_of_n_splits)
    table = new_table("Best-of-N: right final answers", "method", "all", *splits)
    for method, figure in report.best_of_n.items():
        cells = [f"{100 * report.best_of_n_splits[s][method].value:.1f}" for s in splits]
        table.add_row(method, percent(figure), *cells)
    return table


def _by_size(report: Report) -> Table:
    curves = report.best_of_n_by_size
    sizes = shown_sizes(max(len(curve) for curve in curves.values()))
    table = new_table(
        "Best-of-N by N: right final answers",
        *("method", *(f"N={n}" for n in sizes)),
        caption="Mean over all subsets of N of a problem's samples.",
    )
    for method, curve in curves.items():
        table.add_row(method, *(percent(curve[n - 1]) for n in sizes))
    return table


def _distinct(report: Report) -> Table:
    table = new_table(
        "Are draws different? Distinct completions of the same prefix",
        *("model: what it drew", "distinct", "completions", "prefixes", ""),
    )
    for what, drawn in report.distinct.items():
        warning = "too few" if drawn.too_few else ""
        counts = (f"{drawn.share.n:,}", f"{drawn.n_prefixes:,}")
        table.add_row(what, percent(drawn.share), *counts, warning)
    return table


def print_cost(cost: RunCost) -> None:
    """Print what was estimated beside what it was, by stage and model."""
    table = new_table(
        "Estimated, and what it was",
        *("stage and model", "", "calls", "prompt", "generated tokens", "operations", "time"),
    )
    for stage in dict.fromkeys(s.stage for s in cost.stages):
        for line in (s for s in cost.stages if s.stage == stage):
            table.add_row(f"{stage} {line.model}", "estimated", *_amounts(line.estimated))
            table.add_row("", "real", *_amounts(line.real))
        seconds, blank = cost.seconds[stage], [""] * 4
        table.add_row(f"{stage}, all", "estimated", *blank, shown_time(seconds.estimated))
        table.add_row("", "real", *blank, shown_time(seconds.real))
    out().print(table)


def _amounts(amount: Amount | None) -> tuple[str, ...]:
    if amount is None:
        return ("-",) * 4
    counts = (amount.n_calls, amount.prompt_tokens, amount.generated_tokens)
    return (*(f"{n:,.0f}" for n in counts), shown_operations(amount.operations))


def print_rollouts(report: RolloutReport) -> None:
    """Print what `prm rollout` found."""
    table = new_table(f"{report.name} (seed {report.seed})", "what", "how many")
    counts = report.counts
    given, rolled = counts["solutions"], counts["rollouts"]
    for word, n in (
        ("solutions given", given["solutions"] + given["rejected"]),
        ("  rejected, see rejected.parquet", given["rejected"]),
        ("  rolled out", rolled["annotated"] - rolled.get("grown", 0)),
        *([("  grown of wrong rollouts", rolled["grown"])] if "grown" in rolled else []),
        ("  of these undecided, see unlabelled.parquet", rolled["unscored"]),
        ("  with an error", rolled["with_error"]),
        ("steps with a hard label", report.labelled_steps),
        ("completions", report.cost.n_calls),
        ("tokens read and written", report.cost.prompt_tokens + report.cost.generated_tokens),
    ):
        table.add_row(word, f"{n:,}")
    table.add_row("solutions with an error, %", percent(report.with_error))
    if report.counts["solutions"].get("labels"):
        table.add_row(
            "first error where the given labels have it, %", percent(report.same_as_given)
        )
    if report.distinct is not None:
        share = percent(report.distinct.share)
        few = " (too few)" if report.distinct.too_few else ""
        table.add_row("distinct completions of the same prefix, %", f"{share}{few}")
    out().print(table)


def _cost(report: Report, seconds: Mapping[str, float]) -> Table:
    table = new_table("Cost", "stage", "calls", "prompt tokens", "generated tokens", "seconds")
    for stage in [*report.cost, *(s for s in seconds if s not in report.cost)]:
        usage = report.cost.get(stage)
        spent = f"{seconds[stage]:.1f}" if stage in seconds else ""
        cells = (
            ("", "", "")
            if usage is None
            else tuple(
                f"{n:,}" for n in (usage.n_calls, usage.prompt_tokens, usage.generated_tokens)
            )
        )
        table.add_row(stage, *cells, spent)
    table.add_row("all", "", "", "", f"{sum(seconds.values()):.1f}")
    return table


def _label_cost(cost: LabelCost) -> Table:
    table = new_table(
        "What a label costs: rollouts and judge", "per", "rollouts", "generated tokens", "FLOP"
    )
    for unit, figures in cost.per.items():
        rollouts, tokens = (_plain(figures[what]) for what in ("rollouts", "generated_tokens"))
        table.add_row(unit, rollouts, tokens, _plain(figures.get("operations"), ".2e"))
    ratio = cost.draws_over_certificate
    if ratio is not None:
        table.caption = (
            f"{cost.n_draws:,} rollouts; no method can prove the same labels from the same "
            f"outcomes with fewer than {cost.n_certificate_draws:,}: {_plain(ratio, '.2f')} times."
        )
    return table


def _plain(estimate: Estimate | None, form: str = ",.1f") -> str:
    if estimate is None:
        return "n/a"
    value, low, high = (f"{x:{form}}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
