"""`prm rollout`: Monte-Carlo labels of solutions that are there already."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from prmkit.cli.run import TOKENS_PER_S, finished_stages, opened
from prmkit.config import RolloutRecipe, dump_recipe, load_rollout_recipe

if TYPE_CHECKING:
    from prmkit.pipeline.estimate import Basis
    from prmkit.pipeline.given import Given


def rollout(  # noqa: PLR0913  # a command's options are its arguments
    recipe: Path = typer.Argument(help="Recipe file (YAML) of solutions, problems and completer."),
    out: Path | None = typer.Option(None, help="Run folder; made, or resumed if it is there."),
    overrides: list[str] = typer.Option(
        [], "--set", help="Change one key: --set rollouts.k=4. May be repeated."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Read the tables, print the recipe and what it will cost; stop."
    ),
    measure: int | None = typer.Option(
        None,
        min=1,
        help="With --dry-run: roll out so many solutions and reckon by what they took. With "
        "--out, the completions are kept and not paid for again.",
    ),
    tokens_per_s: float = typer.Option(
        TOKENS_PER_S, min=1.0, help="With --dry-run: generated tokens a second, if not measured."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print report.json instead of a table."),
) -> None:
    """Label solutions by rollouts: a table of solutions and one of problems in, labels out.

    Solutions come from a run's folder, a folder of `prm import`, or a Parquet table; each needs a
    problem with an answer, found by its id or its question. Run the same command again after a
    kill: nothing that was paid for is paid for twice, and the labels are the same.

    Examples:

        prm rollout recipes/rollout/qwen2.5-math-7b.yaml --dry-run

        prm rollout recipes/rollout/qwen2.5-math-7b.yaml --out runs/prm800k

        prm rollout mine.yaml --out runs/mine --set rollouts.k=16 --set solutions=runs/toy
    """
    if out is None and not dry_run:
        raise typer.BadParameter("give a run folder, e.g. --out runs/labels", param_hint="--out")
    if measure is not None and not dry_run:
        raise typer.BadParameter("is part of --dry-run", param_hint="--measure")
    from prmkit.pipeline.given import problem_tables

    resolved = load_rollout_recipe(recipe, overrides)
    problem_tables(resolved)
    if dry_run:
        print(dump_recipe(resolved))
        _estimate(resolved, out, measure, tokens_per_s)
    elif out is not None:
        _work(resolved, out, as_json=as_json)


def _estimate(recipe: RolloutRecipe, out: Path | None, n: int | None, tokens_per_s: float) -> None:
    from prmkit.answers.equivalence import AnswerChecker
    from prmkit.pipeline.context import check_answer
    from prmkit.pipeline.estimate import assumed_rollouts, estimate_text, rollout_lines
    from prmkit.pipeline.given import read_given

    with AnswerChecker() as checker:
        given = read_given(recipe, lambda text, problem: check_answer(checker, text, problem))
    if n is None:
        basis = assumed_rollouts(recipe, [s.steps for s in given.solutions], tokens_per_s)
    else:
        basis = _measure(recipe, out, given, n, tokens_per_s)
    if given.rejected:
        first = given.rejected[0]
        print(f"{len(given.rejected):,} solutions rejected, the first: {first.row}: {first.reason}")
    print(estimate_text(rollout_lines(recipe, len(given.solutions), basis), basis))


def _measure(
    recipe: RolloutRecipe, out: Path | None, given: "Given", n: int, tokens_per_s: float
) -> "Basis":
    from prmkit.generators.load import check_config
    from prmkit.pipeline.measure import measure_rollouts
    from prmkit.pipeline.spent import keep_basis

    check_config(recipe.completer, completes=True)
    with opened(recipe, out) as run:
        basis = measure_rollouts(run, given, n, tokens_per_s)
        keep_basis(run.folder.path, basis)
    return basis


def _work(recipe: RolloutRecipe, out: Path, *, as_json: bool) -> None:
    from prmkit.cli.tables import print_cost, print_rollouts
    from prmkit.generators.load import check_config
    from prmkit.pipeline.rollout import REPORT, run_rollouts
    from prmkit.pipeline.spent import COST, rollout_cost

    if "rollouts" not in finished_stages(out):  # else the model need not be there any more
        check_config(recipe.completer, completes=True)
    with opened(recipe, out) as run:
        report = run_rollouts(run)
        cost = rollout_cost(run)
    if as_json:
        print(json.dumps(report.model_dump(mode="json"), indent=2, sort_keys=True))
        return
    print_rollouts(report)
    print_cost(cost)
    print(f"\nLabels are in {out / 'labelled.parquet'}, the report in {out / REPORT}, the cost in")
    print(f"{out / COST}; prm export trl {out / 'labelled.parquet'} --out FILE.jsonl writes them")
    print("for TRL.")
