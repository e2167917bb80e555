"""`prm study`: one question asked of many settings, with trained PRMs as the answer."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from prmkit.analysis.result import Analysis

app = typer.Typer(help="Compare many settings by the PRMs that they give.", no_args_is_help=True)
_CELLS = "cells"


@app.callback()
def study() -> None:
    """Compare many settings by the PRMs that they give."""


@app.command("label-cost")
def label_cost(  # noqa: PLR0913  # a command's options are its arguments
    runs: list[Path] = typer.Argument(
        help="Finished runs of recipes/label-cost.yaml, each with a seed of its own."
    ),
    out: Path = typer.Option(help="Folder of the study; one that is there is gone on with."),
    k: str = typer.Option("1,2,4,8,16", help="Draws a step, for hard labels and the filter."),
    rule_k: str = typer.Option(
        "8,16", help="Draws a step for bisection, adaptive, and other label rules."
    ),
    every_threshold: bool = typer.Option(
        False,
        "--every-threshold",
        help="Hard labels at each threshold from 0 to K - 1 (the paper's Figure 5), not at 0, 1, "
        "and K/2 alone.",
    ),
    updates: int | None = typer.Option(
        None,
        min=1,
        help="Updates of each PRM, however many solutions its labels keep; default as in the runs' "
        "recipe.",
    ),
    balance: float | None = typer.Option(
        None,
        min=0,
        max=1,
        help="How much more the rarer of right and wrong steps weighs in training; default as in "
        "the runs' recipe.",
    ),
    repeats: int = typer.Option(
        1, min=1, help="PRMs a setting and run, each of another seed: the chance of a training."
    ),
    threads: int | None = typer.Option(None, min=1, help="CPU threads; default all cores."),
    resamples: int = typer.Option(1000, min=100, help="Bootstrap resamples over problems."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """What a label costs and what it is worth: label error and F1 of trained PRMs over tokens.

    Every annotator (exhaustive, sequential, verify, bisection, adaptive), K and label rule (hard at
    several thresholds, soft, relative progress, consensus filter) labels the same solutions from
    the draws that the runs stored; nothing is drawn again. A PRM is trained on each distinct set of
    labels and evaluated on its run's ProcessBench-style set; some 80 s of one core each at 440
    solutions. Killed, it goes on where it was. study.json and figures are written to the folder.

    Examples:

        prm run recipes/label-cost.yaml --set seed=1 --out runs/cost-1

        prm run recipes/label-cost.yaml --set seed=2 --out runs/cost-2

        prm study label-cost runs/cost-1 runs/cost-2 --out studies/label-cost

        prm study label-cost runs/cost-1 --out studies/small --k 2,8 --rule-k 8 --updates 160

        prm study label-cost runs/cost-1 --out studies/small --k 8 --rule-k 8 --repeats 5
    """
    from prmkit.cli.progress import LiveProgress
    from prmkit.intervals import Bootstrap
    from prmkit.study.frontier import answer, measure
    from prmkit.study.label_cost import run_study
    from prmkit.study.runs import read_runs
    from prmkit.study.settings import grid

    settings = grid(
        _numbers(k, "--k"), _numbers(rule_k, "--rule-k"), every_threshold=every_threshold
    )
    asked = {"updates": updates, "balance": balance}
    read = read_runs(runs, {key: value for key, value in asked.items() if value is not None})
    if any(run.training.updates is None for run in read):
        typer.echo(
            "the runs' recipe counts passes over the labels, so a setting that keeps fewer "
            "solutions is trained less; --updates N trains each alike",
            err=True,
        )
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    progress, n_done = LiveProgress(), 0
    progress.begin("train and predict", 0, "PRMs")

    def on_cell(done: int, total: int) -> None:
        nonlocal n_done
        progress.resize(total)
        progress.advance(done - n_done)
        n_done = done

    cells = run_study(read, settings, out / _CELLS, on_cell, repeats)
    progress.end(f"{n_done} PRMs, {len(settings)} settings, {len(read)} runs")
    interval = Bootstrap(0, resamples)
    found = answer(measure(cells, interval), interval)
    _write(found, out)
    if as_json:
        print(json.dumps(found.model_dump(mode="json"), indent=2))
        return
    _print(found, out)


def _numbers(text: str, option: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"found {text!r}; allowed: whole numbers, e.g. 1,2,4,8", param_hint=option
        ) from None


def _write(found: "Analysis", out: Path) -> None:
    from prmkit.report.charts import picture_of
    from prmkit.store.files import write_bytes, write_json

    write_json(out / "study.json", found.model_dump(mode="json"))
    for figure in found.figures:
        picture = picture_of(figure)
        if picture:
            name = figure.title.lower().replace(" ", "-")
            write_bytes(out / f"{name}.svg", picture.encode())


def _print(found: "Analysis", out: Path) -> None:
    from prmkit.cli.analyse import print_table
    from prmkit.cli.tables import out as console_of

    console = console_of()
    console.print(found.about, markup=False, style="dim")
    for table in found.tables:
        print_table(console, table)
    for note in found.notes:
        console.print(f"  - {note}", markup=False)
    pictures = ", ".join(sorted(path.name for path in out.glob("*.svg")))
    print(f"Written to {out}: study.json, {pictures}")
