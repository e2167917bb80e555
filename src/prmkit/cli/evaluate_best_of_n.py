"""`prm evaluate best-of-n`: which of N samples a method picks, from stored samples."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from prmkit.datasets.importing import Imported
    from prmkit.datasets.samples import StoredSamples
    from prmkit.evaluation.sampled_table import Sampled
    from prmkit.evaluation.stored_samples import Fitting


class Tie(StrEnum):
    """What becomes of a tie."""

    FIRST = "first"
    FRACTIONAL = "fractional"


class Missing(StrEnum):
    """What a sample without an answer does in a vote."""

    ABSTAIN = "abstain"
    VOTE = "vote"


def best_of_n(  # noqa: PLR0913  # a command's options are its arguments
    samples: list[str] = typer.Option(
        metavar="[TASK=]FILE",
        help="Stored samples, JSON lines of `problem_id`, `question`, `answer`, `responses` and "
        "optionally `extracted`, `correct`, `scores`. Repeated: several tasks, and their mean.",
    ),
    prm: list[Path] = typer.Option([], help="PRM directory to score the responses with."),
    by_task: bool = typer.Option(
        False,
        "--by-task",
        help="Take files apart into tasks: by `task`, or else by the head of `problem_id` (a known "
        "task's name, or what stands before the last dash or the first slash).",
    ),
    grade: bool = typer.Option(
        False, "--grade", help="Compare answers with the reference as the pipeline does."
    ),
    tie: Tie = typer.Option(
        Tie.FIRST, help="Of equal scores or votes the first counts, or each by its share."
    ),
    missing: Missing = typer.Option(
        Missing.ABSTAIN, help="A sample without an answer does not vote, or votes for a wrong one."
    ),
    n: int | None = typer.Option(None, min=1, help="Use the first N responses of each problem."),
    partial: bool = typer.Option(
        False, "--partial", help="Evaluate what fits if not everything does, and mark it."
    ),
    among_published: bool = typer.Option(
        False, "--published", help="Show where the methods stand among the literature's Best-of-8."
    ),
    seed: int = typer.Option(0, help="Seed of the resampling."),
    resamples: int = typer.Option(10_000, min=100, help="Bootstrap draws over problems."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """Best-of-N for every N: pass, majority, weighted majority, and the best sample by scores.

    A figure at N is the mean over all subsets of N of a problem's samples (exact for pass and best,
    and for votes up to 12 samples; see docs/evaluation.md). Scores of steps are aggregated by
    product, min, last, mean and geometric mean; one score a response is an outcome model's.
    Baselines: random, and the shortest response.

    Examples:

        prm evaluate best-of-n --samples math500.jsonl

        prm evaluate best-of-n --samples math500.jsonl --grade --json

        prm evaluate best-of-n --samples gsm8k=g.jsonl --samples math=m.jsonl --n 8

        prm evaluate best-of-n --samples seven-tasks.jsonl --by-task --published

        prm evaluate best-of-n --samples toy.jsonl --prm runs/toy/prms/mc --tie fractional
    """
    from prmkit.answers.equivalence import AnswerChecker
    from prmkit.cli.published import print_among_published
    from prmkit.cli.sampled_tables import print_tasks
    from prmkit.evaluation.json_forms import tasks_json
    from prmkit.evaluation.sampled_table import sampled_table
    from prmkit.evaluation.stored_samples import as_problems, fit
    from prmkit.evaluation.tasks import Task, task_standings
    from prmkit.intervals import Bootstrap

    how = Bootstrap(seed, resamples)
    fitting: dict[str, Fitting] = {}
    for name, (where, data) in (_apart(samples) if by_task else _by_file(samples)).items():
        fitting[name] = fit(data, n, grade=grade)
        fitting[name].coverage.check(where, partial=partial)
    tasks: list[Task] = []
    with AnswerChecker() if grade else nullcontext() as checker:
        for name, fits in fitting.items():
            problems = as_problems(fits.rows, checker, missing_votes=missing is Missing.VOTE)
            table = sampled_table(_score(problems, fits, prm), how, tie.value)
            tasks.append(Task(name, table, fits.coverage))
    if as_json:
        print(json.dumps(tasks_json(tasks, how), indent=2))
    else:
        print_tasks(tasks, how)
        if among_published:
            print_among_published("best-of-n", task_standings(tasks, how))


def _by_file(samples: Sequence[str]) -> "dict[str, tuple[str, Imported[StoredSamples]]]":
    """Each file is a task: by name, what messages call it, and its rows."""
    from prmkit.datasets.rows import read_rows
    from prmkit.datasets.samples import read_samples
    from prmkit.errors import ConfigError

    files = [_named(text) for text in samples]
    if len(dict(files)) < len(files):
        raise ConfigError("two tasks have the same name; name them: --samples TASK=FILE")
    return {name: (str(path), read_samples(read_rows([path]))) for name, path in files}


def _apart(samples: Sequence[str]) -> "dict[str, tuple[str, Imported[StoredSamples]]]":
    """All files together, taken apart into tasks; as `_by_file`."""
    from prmkit.datasets.rows import read_rows
    from prmkit.datasets.samples import read_samples
    from prmkit.evaluation.tasks import by_task

    paths = [path for _, path in map(_named, samples)]
    found = by_task(read_samples(read_rows(paths), with_task=True))
    named = ", ".join(map(str, paths))
    return {name: (f"{named}, task {name}", data) for name, data in found.items()}


def _named(text: str) -> tuple[str, Path]:
    from prmkit.evaluation.tasks import task_name

    name, equals, path = text.partition("=")
    file = Path(path if equals else text)
    return task_name(name if equals else file.name.split(".")[0]), file


def _score(
    problems: "list[Sampled]", found: "Fitting", directories: Sequence[Path]
) -> "list[Sampled]":
    if not directories:
        return problems
    from prmkit.cli.progress import LiveProgress
    from prmkit.evaluation.stored_samples import with_scorer
    from prmkit.scoring.hf import PrmScorer

    progress = LiveProgress()
    for directory in directories:
        progress.begin(f"score {directory.name}", len(problems), "problems")
        scorer = PrmScorer(directory)
        scored: list[Sampled] = []
        for problem, row in zip(problems, found.rows, strict=True):
            scored += with_scorer([problem], [row], directory.name, scorer)
            progress.advance(1)
        progress.end(f"{len(problems)} problems")
        problems = scored
    return problems
