"""Best-of-N as tables and sentences on stdout."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from prmkit.cli.tables import new_table, out, shown_sizes
from prmkit.evaluation.sampled_table import Method, SampledComparison, SampledTable
from prmkit.evaluation.tasks import Task, common_methods, groups_of, mean_over_tasks
from prmkit.intervals import Bootstrap, resolved
from prmkit.pipeline.words import percent
from prmkit.scoring.aggregate import AGGREGATES


def print_tasks(tasks: Sequence[Task], how: Bootstrap) -> None:
    """Print each task, then the plain means over tasks."""
    console = out()
    for task in tasks:
        console.print(_table(task))
        for sentence in _notes(task):
            console.print(f"  {sentence}", markup=False)
        if task.table.comparisons:
            console.print(_comparisons(task))
        console.print()
    if len(tasks) > 1:
        console.print(_means(tasks, how))


def _table(task: Task) -> Table:
    table = task.table
    sizes = shown_sizes(table.n_samples)
    mark = task.coverage.mark()
    shown = new_table(
        f"{task.name}: right answers, percent, of {table.n_problems:,} problems"
        + (f"\n{mark}" if mark else ""),
        *("method", *(f"N={k}" for k in sizes[:-1]), f"N={sizes[-1]} [95 % interval]"),
    )
    before = ("", "")
    for method, curve in table.curves.items():
        if not _worth_a_row(table, method):
            continue
        if method.scorer and (method.scorer, method.kind) != before:
            shown.add_section()
            before = (method.scorer, method.kind)
        few = [curve.estimates[k - 1] for k in sizes[:-1]]
        cells = ["n/a" if e is None else f"{100 * e.value:.1f}" for e in few]
        shown.add_row(_label(table, method), *cells, percent(curve.estimates[-1]))
    return shown


def _worth_a_row(table: SampledTable, method: Method) -> bool:
    """All aggregates of an outcome model's one score are the same; one row says it."""
    return method.scorer not in table.outcome_scorers or method.aggregate == AGGREGATES[0]


def _label(table: SampledTable, method: Method) -> str:
    if method.scorer in table.outcome_scorers:
        return method._replace(aggregate="").label
    return method.label


def _notes(task: Task) -> Iterator[str]:
    table, coverage = task.table, task.coverage
    if coverage.mark():
        yield f"{coverage.mark()}: these are not the task's figures. Left out:"
        yield from (f"  - {line}" for line in coverage.details())
    n = table.n_problems * table.n_samples
    if table.n_unscored:
        yield f"Neither right nor wrong: {table.n_unscored:,} of {n:,} samples."
    if table.n_without_answer:
        yield f"Without an answer, so without a vote: {table.n_without_answer:,} of {n:,} samples."
    yield from (f"Not shown: {line}." for line in table.left_out)


def _comparisons(task: Task) -> Table:
    shown = new_table(
        f"{task.name}: what is resolved? N={task.table.n_samples}, paired over problems",
        *("a", "b", "a minus b, points", "only a right", "only b right", "McNemar p"),
        caption="So many problems would resolve a difference of the observed size, 4 times in 5.",
    )
    shown.add_column("verdict", justify="left", no_wrap=True)
    for found in task.table.comparisons:
        if not all(_worth_a_row(task.table, method) for method in (found.a, found.b)):
            continue
        test = ("", "", "")
        if found.test is not None:
            only_a, only_b, p = found.test
            test = (f"{only_a:,}", f"{only_b:,}", f"{p:.2g}")
        labels = [_label(task.table, method) for method in (found.a, found.b)]
        shown.add_row(*labels, percent(found.difference), *test, _verdict(found))
    return shown


def _verdict(found: SampledComparison) -> str:
    if resolved(found.difference):
        return "a is better" if found.difference.value > 0 else "b is better"
    if found.needed is None:
        return "not told apart"
    return f"not told apart; would take {found.needed:,} problems"


def _means(tasks: Sequence[Task], how: Bootstrap) -> Table:
    """Plain means over tasks with all samples, as the papers print them."""
    marks = [f"{task.name} {mark}" for task in tasks if (mark := task.coverage.mark())]
    groups = groups_of(tasks)
    shown = new_table(
        "All tasks, with all samples, percent; a mean is over tasks, whatever their size"
        + (f"\n{'; '.join(marks)}" if marks else ""),
        *("method", *(task.name for task in tasks), *groups),
    )
    means = [mean_over_tasks(group, how) for group in groups.values()]
    for method in common_methods(tasks):
        if not _worth_a_row(tasks[0].table, method):
            continue
        found = [task.table.curves[method].estimates[-1] for task in tasks]
        cells = ["n/a" if e is None else f"{100 * e.value:.1f}" for e in found]
        shown.add_row(
            _label(tasks[0].table, method), *cells, *(percent(of[method]) for of in means)
        )
    return shown
