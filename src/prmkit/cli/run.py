"""`prm run`: the whole recipe, from problems to a report."""

import json
import os
from pathlib import Path

import typer

from prmkit.config import ModelConfig, Recipe, dump_recipe, load_recipe
from prmkit.generators.base import Generator


def run(
    recipe: Path = typer.Argument(help="Recipe file (YAML), e.g. recipes/toy.yaml."),
    out: Path | None = typer.Option(None, help="Run folder; made, or resumed if it is there."),
    overrides: list[str] = typer.Option(
        [], "--set", help="Change one key: --set rollouts.k=4. May be repeated."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Print the resolved recipe and an estimate of its cost; stop."
    ),
    tokens_per_s: float = typer.Option(
        6000.0, min=1.0, help="With --dry-run: generated tokens a second to reckon the time by."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print report.json instead of tables."),
) -> None:
    """Do everything a recipe says, or go on where it was interrupted.

    Samples solutions, labels them by Monte Carlo and by a judge, keeps the consensus, trains PRMs,
    evaluates them, and writes `report.json`. Run the same command again after a kill: nothing that
    was paid for is paid for twice, and the report is the same.

    Examples:

        prm run recipes/toy.yaml --out runs/toy

        prm run recipes/toy.yaml --out runs/k4 --set rollouts.k=4 --set seed=1

        prm run recipes/toy.yaml --dry-run

        prm run recipes/qwen2.5-math-7b.yaml --dry-run --tokens-per-s 20000
    """
    if out is None and not dry_run:
        raise typer.BadParameter("give a run folder, e.g. --out runs/toy", param_hint="--out")
    resolved = load_recipe(recipe, overrides)
    if out is None or dry_run:
        from prmkit.pipeline.estimate import estimate

        print(dump_recipe(resolved))
        print(estimate(resolved, tokens_per_s))
        return
    from prmkit.pipeline.sources import check_source

    _check_models(resolved)
    check_source(resolved.problems)
    _work(resolved, out, as_json=as_json)


def _check_models(recipe: Recipe) -> None:
    """Find fault with every model named, before any is loaded."""
    from prmkit.generators.load import check_config, check_model

    bases = {(arm.training or recipe.training).base for arm in recipe.arms}
    for model in sorted(bases):
        check_model(model)
    for config in (*recipe.policies.values(), recipe.judge):
        check_config(config)


def _work(recipe: Recipe, out: Path, *, as_json: bool) -> None:
    from prmkit.answers.equivalence import AnswerChecker
    from prmkit.cli.progress import LiveProgress
    from prmkit.cli.tables import print_report
    from prmkit.generators.load import load_config
    from prmkit.pipeline.context import Run
    from prmkit.pipeline.run import REPORT, run_recipe
    from prmkit.store import RunFolder

    threads = recipe.threads or os.cpu_count() or 1

    def load(config: ModelConfig) -> Generator:
        return load_config(config, threads)

    with RunFolder.open(out, recipe) as folder, AnswerChecker() as checker:
        report = run_recipe(Run(recipe, folder, load, checker, LiveProgress()))
        seconds = folder.seconds()
    if as_json:
        print(json.dumps(report.model_dump(mode="json"), indent=2, sort_keys=True))
    else:
        print_report(report, seconds)
        print(f"\nThe report is {out / REPORT}; tables of every stage lie beside it.")
