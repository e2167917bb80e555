"""`prm run`: the whole recipe, from problems to a report."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import typer

from prmkit.config import ModelConfig, Recipe, RunConfig, dump_recipe, load_recipe
from prmkit.generators.base import Generator

if TYPE_CHECKING:
    from prmkit.pipeline.context import Work
    from prmkit.pipeline.estimate import Basis

C = TypeVar("C", bound=RunConfig)
_MANY_SOLUTIONS = 50_000  # with more of them a page takes minutes
TOKENS_PER_S = 6000.0  # where nothing is known of the models


def run(  # noqa: PLR0913  # a command's options are its arguments
    recipe: Path = typer.Argument(help="Recipe file (YAML), e.g. recipes/toy.yaml."),
    out: Path | None = typer.Option(None, help="Run folder; made, or resumed if it is there."),
    overrides: list[str] = typer.Option(
        [], "--set", help="Change one key: --set rollouts.k=4. May be repeated."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Print the resolved recipe and an estimate of its cost; stop."
    ),
    measure: int | None = typer.Option(
        None,
        min=1,
        help="With --dry-run: run so many training problems through the models and reckon by what "
        "they took. With --out, their replies are kept and not paid for again.",
    ),
    tokens_per_s: float = typer.Option(
        TOKENS_PER_S,
        min=1.0,
        help="With --dry-run: generated tokens a second, where not measured.",
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

        prm run recipes/qwen2.5-math-7b.yaml --out runs/qwen --dry-run --measure 8
    """
    if out is None and not dry_run:
        raise typer.BadParameter("give a run folder, e.g. --out runs/toy", param_hint="--out")
    if measure is not None and not dry_run:
        raise typer.BadParameter("is part of --dry-run", param_hint="--measure")
    resolved = load_recipe(recipe, overrides)
    if dry_run:
        print(dump_recipe(resolved))
    if measure is not None or not dry_run:
        _check(resolved, finished_stages(out))
    if dry_run:
        _estimate(resolved, out, measure, tokens_per_s)
    elif out is not None:
        _work(resolved, out, as_json=as_json)


def finished_stages(out: Path | None) -> set[str]:
    """Stages that a run's folder has finished; none where there is no run."""
    from prmkit.store import read_manifest

    if out is None or not (out / "manifest.json").exists():
        return set()
    return set(read_manifest(out).stages)


def _check(recipe: Recipe, finished: set[str]) -> None:
    """Find fault with models and data before anything is paid for."""
    from prmkit.pipeline.sources import check_source

    if "problems" not in finished:
        check_source(recipe.problems)
    _check_models(recipe, finished)


def _estimate(recipe: Recipe, out: Path | None, n: int | None, tokens_per_s: float) -> None:
    from prmkit.pipeline.estimate import assumed, cost_lines, estimate_text

    basis = assumed(recipe, tokens_per_s) if n is None else _measure(recipe, out, n, tokens_per_s)
    print(estimate_text(cost_lines(recipe, basis), basis))


def _measure(recipe: Recipe, out: Path | None, n: int, tokens_per_s: float) -> "Basis":
    from prmkit.pipeline.measure import measure, spread
    from prmkit.pipeline.sources import draw_source
    from prmkit.pipeline.spent import keep_basis

    train = draw_source(recipe.problems, recipe.seed).parts["train"]
    with opened(recipe, out) as run:
        basis = measure(run, spread(train, n), tokens_per_s)
        keep_basis(run.folder.path, basis)
    return basis


@contextmanager
def opened(recipe: C, out: Path | None) -> Iterator["Work[C]"]:
    """A run over a folder, or over one that is thrown away; progress goes to stderr."""
    from prmkit.answers.equivalence import AnswerChecker
    from prmkit.cli.progress import LiveProgress
    from prmkit.generators.load import load_config
    from prmkit.pipeline.context import Work
    from prmkit.store import RunFolder

    threads = recipe.threads or os.cpu_count() or 1

    def load(config: ModelConfig) -> Generator:
        return load_config(config, threads)

    with (
        TemporaryDirectory() as passing,
        RunFolder.open(out or Path(passing) / "run", recipe) as folder,
        AnswerChecker() as checker,
    ):
        yield Work(recipe, folder, load, checker, LiveProgress())


def _check_models(recipe: Recipe, finished: set[str]) -> None:
    """Find fault with every model that is needed yet, before any is loaded."""
    from prmkit.generators.load import check_config, check_model
    from prmkit.synthetic.problems import PARTS

    bases = {(arm.training or recipe.training).base for arm in recipe.arms}
    for model in sorted(bases):
        check_model(model)
    if not finished.issuperset({"rollouts", *(f"solutions.{part}" for part in PARTS)}):
        completers = {policy.completer or name for name, policy in recipe.policies.items()}
        for name, config in recipe.policies.items():
            check_config(config, completes=name in completers)
    if not finished.issuperset({"judge.train", "judge.process"}):
        check_config(recipe.judge)


def _work(recipe: Recipe, out: Path, *, as_json: bool) -> None:
    from prmkit.cli.tables import print_cost, print_report
    from prmkit.pipeline.run import REPORT, run_recipe
    from prmkit.pipeline.spent import COST, run_cost

    with opened(recipe, out) as run:
        report = run_recipe(run)
        cost = run_cost(run)
        seconds = run.folder.seconds()
    if as_json:
        print(json.dumps(report.model_dump(mode="json"), indent=2, sort_keys=True))
        return
    print_report(report, seconds)
    print_cost(cost)
    print(f"\nThe figures are {out / REPORT}, the cost {out / COST}; every stage's table is there.")
    print(_page(out))


def _page(out: Path) -> str:
    """Make the run's page, unless that could take long; what to tell a person."""
    from prmkit.cli.report import NAME, write_page
    from prmkit.errors import MissingExtra
    from prmkit.store import read_manifest

    command = f"prm report {shlex.quote(str(out))}"
    counts = (entry.counts for entry in read_manifest(out).stages.values())
    if sum(c.get("solutions", 0) for c in counts) > _MANY_SOLUTIONS:
        return f"A page to look at: {command}"
    try:
        write_page([out], out / NAME)
    except MissingExtra as error:
        return f"A page to look at: {command} ({error})"
    return f"The report is {out / NAME}; open it in a browser. {command} makes it again."
