"""`prm synthetic`: the synthetic world's problems and models."""

from enum import StrEnum
from pathlib import Path

import typer

app = typer.Typer(
    help="The synthetic world: problems with exact truth, and small models trained from scratch.",
    no_args_is_help=True,
)


class ModelName(StrEnum):
    """The models that ship."""

    STRONG = "policy-strong"
    WEAK = "policy-weak"
    JUDGE = "judge"


@app.command()
def pretrain(  # noqa: PLR0913  # a command's options are its arguments
    model: ModelName = typer.Argument(help="Which model."),
    out: Path = typer.Option(help="Folder to write the checkpoint to; resumed if it is there."),
    updates: int | None = typer.Option(None, min=1, help="Updates; default as shipped."),
    seed: int | None = typer.Option(None, min=0, help="Seed; default as shipped."),
    device: str | None = typer.Option(None, help="cpu or cuda; default the GPU if there is one."),
    threads: int | None = typer.Option(None, min=1, help="CPU threads; default all cores."),
    workers: int = typer.Option(
        0, min=0, help="Processes that draw the examples; for a GPU, which is faster than one."
    ),
) -> None:
    """Train one of the synthetic world's models from scratch; its loss curve in curves.svg.

    Examples:

        prm synthetic pretrain policy-strong --out models/policy-strong

        prm synthetic pretrain judge --out models/judge --updates 500 --threads 1

        prm synthetic pretrain judge --out models/judge --device cuda --workers 4
    """
    from prmkit.cli.progress import LiveProgress
    from prmkit.synthetic.pretrain import PretrainOptions
    from prmkit.synthetic.pretrain import pretrain as train
    from prmkit.synthetic.recipes import SHIPPED

    config = SHIPPED[model.value]
    changes = {"updates": updates, "seed": seed}
    config = config.model_copy(update={k: v for k, v in changes.items() if v is not None})
    progress = LiveProgress()
    progress.begin(f"pretrain {model.value}", config.stop or config.updates, "updates")
    options = PretrainOptions(
        device=device,
        threads=threads,
        workers=workers,
        on_update=lambda tokens: progress.advance(1, tokens),
    )
    train(config, out, options)
    progress.end(f"written to {out}")
    _draw(out)


def _draw(run: Path) -> None:
    """The curve beside its log, where matplotlib is installed; the model is done either way."""
    from prmkit.errors import MissingExtra
    from prmkit.synthetic.curves import plot_curves

    try:
        plot_curves({run.name: run / "log.jsonl"}, run / "curves.svg")
    except MissingExtra as error:
        typer.echo(f"no curves.svg: {error}", err=True)


@app.command()
def curves(
    runs: list[Path] = typer.Argument(help="Folders that `pretrain` wrote."),
    out: Path = typer.Option(Path("curves.svg"), help="Picture to write: svg, png or pdf."),
) -> None:
    """Draw the loss curves of pre-trained models.

    Examples:

        prm synthetic curves models/policy-strong models/judge --out curves.svg
    """
    from prmkit.synthetic.curves import plot_curves

    plot_curves({run.name: run / "log.jsonl" for run in runs}, out)
    print(f"written to {out}")


@app.command()
def problems(
    split: str = typer.Option("medium", help="easy, medium, hard or hardest."),
    n: int = typer.Option(3, "-n", min=1, help="How many."),
    seed: int = typer.Option(0, min=0, help="Seed."),
) -> None:
    """Show problems of the synthetic world with right solutions.

    Examples:

        prm synthetic problems --split hard -n 2
    """
    from prmkit.errors import ConfigError
    from prmkit.synthetic.language import gold_steps
    from prmkit.synthetic.oracle import world_of
    from prmkit.synthetic.problems import SPLITS, make_parts

    if split not in SPLITS:
        raise ConfigError(f"split {split!r}: allowed are {', '.join(SPLITS)}")
    for problem in make_parts(seed, {"train": n})["train"]:
        if problem.split == split:
            print(f"{problem.problem_id} (answer: {problem.answer})\n\n{problem.question}\n")
            print("\n\n".join(gold_steps(world_of(problem))))
            print()
