"""What a label costs, and what it is worth: the frontier of label error and F1 over tokens.

Every setting labels the same solutions from the same stored draws. A PRM is trained on each
distinct set of labels of each run, with the run's own seed, or several, each with another, and
evaluated on the run's own ProcessBench-style set. Runs differ in their seed: other problems, other
solutions, other training.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from prmkit.errors import ConfigError
from prmkit.evaluation.processbench import ProcessCase
from prmkit.records import LabelledSolution
from prmkit.seeds import draw_seed
from prmkit.study.cells import cell_key, is_trained, read_cell, train_cell
from prmkit.study.runs import StudyRun
from prmkit.study.settings import Labels, Setting, label

OnCell = Callable[[int, int], None]
"""Called after each training: how many are done, and of how many."""


class Cell(NamedTuple):
    """One setting on one run."""

    setting: Setting
    run: StudyRun
    labels: Sequence[Labels]
    """One a solution."""
    trained: Sequence[Sequence[ProcessCase]]
    """What each trained PRM predicts; none where there was nothing to train on."""


class _Task(NamedTuple):
    setting: Setting
    run: StudyRun
    labels: Sequence[Labels]
    prms: Mapping[str, "_Training"]
    """By key."""


class _Training(NamedTuple):
    run: StudyRun
    """With the seed of the training."""
    rows: Sequence[LabelledSolution]


def run_study(
    runs: Sequence[StudyRun],
    settings: Sequence[Setting],
    folder: Path,
    on_cell: OnCell,
    repeats: int = 1,
) -> list[Cell]:
    """Label, train and predict for every setting and run; what is done is not done again.

    Args:
        runs: From `read_runs`.
        settings: From `grid`.
        folder: Of cells, kept from one call to the next.
        on_cell: Told of progress.
        repeats: PRMs a setting and run, each of another seed; the first has the run's.

    Raises:
        ConfigError: a setting asks for more draws than a run has.
    """
    _check(runs, settings)
    tasks = [_task(setting, run, repeats) for setting in settings for run in runs]
    waiting = {key: training for task in tasks for key, training in task.prms.items()}
    n_done = sum(is_trained(folder, key) for key in waiting)
    on_cell(n_done, len(waiting))
    for key, (run, rows) in waiting.items():
        if not is_trained(folder, key):
            train_cell(folder, key, run, rows)
            n_done += 1
            on_cell(n_done, len(waiting))
    return [
        Cell(t.setting, t.run, t.labels, [read_cell(folder, key, t.run) for key in t.prms])
        for t in tasks
    ]


def by_setting(cells: Sequence[Cell]) -> Mapping[Setting, list[Cell]]:
    """Cells of each setting, in order."""
    found: dict[Setting, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.setting, []).append(cell)
    return found


def _task(setting: Setting, run: StudyRun, repeats: int) -> _Task:
    labels = [label(setting, drawn) for drawn in run.drawn]
    rows = [found.row for found in labels if found.row is not None]
    if setting.rule == "soft":
        run = run._replace(training=run.training.model_copy(update={"loss": "mse"}))
    again = [run._replace(seed=draw_seed(run.seed, "again", i)) for i in range(1, repeats)]
    prms = {cell_key(r, rows): _Training(r, rows) for r in (run, *again)} if rows else {}
    return _Task(setting, run, labels, prms)


def _check(runs: Sequence[StudyRun], settings: Sequence[Setting]) -> None:
    most = max(setting.k for setting in settings)
    for run in runs:
        if run.k < most:
            raise ConfigError(f"run {run.name} has {run.k} draws a step; found K = {most} asked")
