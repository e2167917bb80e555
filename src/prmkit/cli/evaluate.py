"""`prm evaluate`: benchmarks of PRMs, critics and labels, from live models or stored outputs."""

import typer

from prmkit.cli import (
    evaluate_best_of_n,
    evaluate_labels,
    evaluate_prmbench,
    evaluate_processbench,
)

app = typer.Typer(
    help="Evaluate PRMs, critics and labels, live or from anybody's stored outputs.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("processbench")(evaluate_processbench.processbench)
app.command("best-of-n")(evaluate_best_of_n.best_of_n)
app.command("prmbench")(evaluate_prmbench.prmbench)
app.command("labels")(evaluate_labels.labels)
