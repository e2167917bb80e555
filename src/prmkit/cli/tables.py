"""A report as tables on stdout."""

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from prmkit.pipeline.findings import Report
from prmkit.pipeline.words import percent


def print_report(report: Report, seconds: Mapping[str, float]) -> None:
    """Print everything the run found; seconds by stage stand beside the tokens."""
    console = Console(highlight=False, soft_wrap=False)
    console.print(f"\n[bold]{report.name}[/] (seed {report.seed}): percent, 95 % intervals\n")
    for table in (
        *([_labels(report)] if report.labels else []),
        _policies(report),
        _process(report),
        _best_of_n(report),
        *([_distinct(report)] if report.distinct else []),
        _cost(report, seconds),
    ):
        console.print(table)
    console.print("[bold]What was learned[/]")
    for finding in report.findings:
        console.print(f"  - {finding}", markup=False)


def out() -> Console:
    """Where results are printed: lines are not broken for a pipe, which has no width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def new_table(title: str, *columns: str, caption: str | None = None) -> Table:
    """An empty table: the first column names the row, the others hold numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", caption=caption)
    table.caption_justify = "left"
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


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
