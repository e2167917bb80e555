"""`prm report`: runs as one HTML page."""

from pathlib import Path

import typer

NAME = "report.html"
"""Of the page in a run's folder."""
MOST_SOLUTIONS = 20_000
"""Solutions that the step explorer holds unless asked otherwise; a page stays below 100 MB."""


def report(
    runs: list[Path] = typer.Argument(help="Run folders; several stand side by side."),
    out: Path | None = typer.Option(
        None, help=f"File to write; default {NAME} in the run's folder."
    ),
    most: int = typer.Option(
        MOST_SOLUTIONS,
        "--most-solutions",
        min=1,
        help="Solutions that the step explorer holds at most.",
    ),
    resamples: int | None = typer.Option(
        None, min=100, help="Bootstrap resamples of the analyses; default as in the run's recipe."
    ),
) -> None:
    """Write one self-contained HTML page about runs: no network, no other file.

    A summary in words, where the data went, label quality, the PRMs' figures and the bias analyses
    with intervals, cost, settings, and an explorer of every step. Nothing is computed by a model,
    and the run folder's own files stay as they are.

    Examples:

        prm report runs/toy

        prm report runs/toy runs/k4 --out compare.html
    """
    if out is None:
        if len(runs) > 1:
            raise typer.BadParameter("give a file for several runs", param_hint="--out")
        out = runs[0] / NAME
    write_page(runs, out, most, resamples)
    print(f"The report is {out}; open it in a browser.")


def write_page(
    runs: list[Path], out: Path, most: int = MOST_SOLUTIONS, resamples: int | None = None
) -> None:
    """Read runs and write their page."""
    from prmkit.report.write import report_page
    from prmkit.store import read_run
    from prmkit.store.files import write_bytes

    write_bytes(out, report_page([read_run(path) for path in runs], most, resamples).encode())
