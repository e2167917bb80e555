"""`prm evaluate prmbench`: every step judged, by class of error."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from prmkit.datasets.importing import Imported
    from prmkit.datasets.prmbench import StoredScores
    from prmkit.evaluation.prmbench import ClassFigures, PrmBenchResult, ScoredSteps
    from prmkit.records import BenchmarkCase


def prmbench(  # noqa: PLR0913  # a command's options are its arguments
    more: list[Path] = typer.Argument(None, help="More files of --data.", metavar="[FILE]..."),
    data: list[Path] = typer.Option(help="PRMBench as published, or a folder of `prm import`."),
    scores: Path | None = typer.Option(
        None, help="Stored scores, JSON lines of `key` and `scores`, one a step (null = none)."
    ),
    prm: Path | None = typer.Option(None, help="PRM directory to score with."),
    threshold: float = typer.Option(0.5, help="A step that scores above it is called right."),
    partial: bool = typer.Option(
        False, "--partial", help="Evaluate what fits if not everything does, and mark it."
    ),
    among_published: bool = typer.Option(
        False, "--published", help="Show where the system stands among the literature's."
    ),
    seed: int = typer.Option(0, help="Seed of the resampling."),
    resamples: int = typer.Option(2000, min=100, help="Bootstrap draws over problems."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """Judge every step: PRMScore and its parts, by class and dimension.

    A key is `{classification}_{idx}`; the unchanged solutions (`correct_{idx}`) may be left out
    altogether, as they are in no overall figure.

    Examples:

        prm evaluate prmbench --data prmbench.jsonl --scores mine.jsonl

        prm evaluate prmbench --data data/prmbench --scores mine.jsonl --threshold 0 --json

        prm evaluate prmbench --data data/prmbench --prm runs/toy/prms/mc
    """
    from prmkit.cli.published import print_among_published
    from prmkit.cli.systems import check_threshold
    from prmkit.datasets.cases import read_cases
    from prmkit.datasets.prmbench import read_prmbench, read_scores
    from prmkit.datasets.rows import read_rows
    from prmkit.errors import ConfigError
    from prmkit.evaluation.json_forms import prmbench_json
    from prmkit.evaluation.prmbench import evaluate_steps, match_scores, standing
    from prmkit.intervals import Bootstrap

    check_threshold(threshold)
    source = scores or prm
    if source is None or (scores and prm):
        raise ConfigError("give either --scores FILE or --prm DIR")
    cases = read_cases([*data, *(more or [])], read_prmbench)
    outputs = read_scores(read_rows([scores])) if scores else _live(cases, source)
    matched = match_scores(cases, outputs)
    matched.coverage.check(str(source), partial=partial)
    result = evaluate_steps(matched, threshold, Bootstrap(seed, resamples))
    if as_json:
        print(json.dumps(prmbench_json(result, matched.coverage, threshold), indent=2))
    else:
        _print(source.name, matched, result, threshold)
        if among_published:
            own = standing(source.name, result, matched.coverage)
            print_among_published("prmbench", [own])


def _live(cases: "Imported[BenchmarkCase]", prm: Path) -> "Imported[StoredScores]":
    from prmkit.cli.systems import prm_system
    from prmkit.datasets.importing import Imported
    from prmkit.datasets.prmbench import StoredScores

    found = prm_system(prm, by_prefixes=False).predict(cases.records)
    rows = [StoredScores(case_id=row.case_id, scores=row.scores) for row in found.records]
    return Imported(rows, found.rejected, found.n_rows, len(rows), {}, {})


def _print(name: str, matched: "ScoredSteps", result: "PrmBenchResult", threshold: float) -> None:
    from prmkit.cli.tables import new_table, out
    from prmkit.datasets.prmbench import DIMENSIONS, SHORT
    from prmkit.pipeline.words import percent

    console = out()
    mark = matched.coverage.mark()
    table = new_table(
        f"{name}: every step judged, percent [95 % interval]" + (f"\n{mark}" if mark else ""),
        *("class", "cases", "steps", "PRMScore", "F1", "negative F1", "first error found"),
        caption="F1: right steps; negative F1: wrong steps; PRMScore: their mean",
    )
    for dimension, members in DIMENSIONS.items():
        for member in members:
            if member in result.classes:
                _row(table, f"{member} ({SHORT[member]})", result.classes[member])
        table.add_row(
            f"[bold]{dimension}[/], plain mean", "", "", percent(result.dimensions[dimension])
        )
        table.add_section()
    for control in set(result.classes) - set(SHORT):
        _row(table, f"{control}, not in the overall", result.classes[control])
    _row(table, "[bold]overall[/], steps pooled", result.overall)
    console.print(table)
    if mark:
        console.print(f"  {mark}: these are not the benchmark's figures. Left out:", markup=False)
        for line in matched.coverage.details():
            console.print(f"  - {line}", markup=False)
    console.print(f"  A step that scores above {threshold:g} is called right.", markup=False)
    if result.n_unscored:
        console.print(f"  Without scores, left out: {result.n_unscored:,} cases.", markup=False)
    if matched.n_second:
        words = f"{matched.n_second} second solutions under one key, as the official code does."
        console.print(f"  Left out: {words}", markup=False)
    if not matched.controls:
        console.print("  The unchanged solutions (class correct) were not scored.", markup=False)


def _row(table: "Table", name: str, found: "ClassFigures") -> None:
    from prmkit.pipeline.words import percent

    shown = [found.parts[part] for part in ("f1", "negative_f1", "first_error_acc")]
    table.add_row(
        name,
        f"{found.n_cases:,}",
        f"{found.n_steps:,}",
        percent(found.prm_score),
        *(percent(part) for part in shown),
    )
