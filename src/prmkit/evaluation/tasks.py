"""Best-of-N over tasks: which problem is of which, the tasks' mean, and the paper's groups.

The paper (arXiv 2501.07301, Tables 6, 9, 10 and 13 to 16) prints the plain mean over tasks,
whatever their sizes. Its interval draws the problems of each task on their own, as the tasks are
fixed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prmkit.datasets.importing import Imported
from prmkit.datasets.samples import StoredSamples
from prmkit.evaluation.by_ends import by_ends, mean_share
from prmkit.evaluation.coverage import Coverage
from prmkit.evaluation.published import TASKS, Standing
from prmkit.evaluation.sampled_table import Method, SampledTable
from prmkit.intervals import Bootstrap, bootstrap
from prmkit.records import Estimate
from prmkit.scoring.aggregate import AGGREGATES

CHINESE = ("cmath", "cn_middle_school", "gaokao")
GROUPS: Mapping[str, tuple[str, ...]] = {"the paper's seven": TASKS, "the Chinese three": CHINESE}
"""Tasks whose mean the paper prints."""
ALL_TASKS = "mean"
KNOWN = (*TASKS, "math500", "aime24", "amc23", *CHINESE, "gaokao_cloze", "gaokao_qa")
"""Tasks in the order of tables; others come after them."""
_OTHER_NAMES = {
    "math_500": "math500",
    "hendrycks_math": "math",
    "minerva": "minerva_math",
    "gaokao2023_en": "gaokao2023en",
    "gaokao_2023_en": "gaokao2023en",
    "olympiad_bench": "olympiadbench",
    "collegemath": "college_math",
    "aime_24": "aime24",
    "aime2024": "aime24",
    "aime_2024": "aime24",
    "amc_23": "amc23",
    "amc2023": "amc23",
    "amc_2023": "amc23",
    "cn_middle_school_24": "cn_middle_school",
    "gaokao_math_cloze": "gaokao_cloze",
    "gaokao_math_qa": "gaokao_qa",
}


class Task(NamedTuple):
    """One set of problems, evaluated."""

    name: str
    table: SampledTable
    coverage: Coverage


def task_name(text: str) -> str:
    """A task by its name in `KNOWN`, however it is spelt; an unknown one as it is."""
    plain = re.sub(r"[\s\-]+", "_", text.strip().lower())
    plain = _OTHER_NAMES.get(plain, plain)
    return plain if plain in KNOWN else text.strip()


def task_of_id(problem_id: str) -> str:
    """The task of a problem by its id.

    A known name at its head, else what stands before the last `-`, else before the first `/`; the
    whole id if it has neither.
    """
    heads = [problem_id[: at.start()] for at in re.finditer(r"[-/_:.]", problem_id)]
    known = [head for head in heads if task_name(head) in KNOWN]
    if known:
        return task_name(known[-1])
    before, dash, _ = problem_id.rpartition("-")
    return before if dash and before else problem_id.partition("/")[0]


def in_task_order(names: Iterable[str]) -> list[str]:
    """Names, known ones first and in their order."""
    found = list(dict.fromkeys(names))
    return [*(n for n in KNOWN if n in found), *(n for n in found if n not in KNOWN)]


def by_task(data: Imported[StoredSamples]) -> dict[str, Imported[StoredSamples]]:
    """Take rows apart by their `task`, else by their id's.

    A row that could not be read is of no known task: it is counted in each, so that none of them
    passes for whole.
    """
    found: dict[str, list[StoredSamples]] = {}
    for row in data.records:
        name = task_name(row.task) if row.task else task_of_id(row.problem_id)
        found.setdefault(name, []).append(row)
    return {
        name: data._replace(records=found[name], n_rows=len(found[name]) + len(data.rejected))
        for name in in_task_order(found)
    } or {"samples": data}


def common_methods(tasks: Sequence[Task]) -> list[Method]:
    """Methods that every task has."""
    first, *others = tasks
    return [m for m in first.table.curves if all(m in task.table.curves for task in others)]


def groups_of(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """What means are printed of: the paper's groups that are there as a part, and all tasks."""
    by_name = {task.name: task for task in tasks}
    groups = {
        name: [by_name[member] for member in members]
        for name, members in GROUPS.items()
        if by_name.keys() > set(members)
    }
    return {**groups, ALL_TASKS: list(tasks)}


def mean_over_tasks(tasks: Sequence[Task], how: Bootstrap) -> dict[Method, Estimate | None]:
    """Plain mean over tasks of each method's share with all samples; None where a task has none."""
    return {method: _mean(tasks, method, how) for method in common_methods(tasks)}


def _mean(tasks: Sequence[Task], method: Method, how: Bootstrap) -> Estimate | None:
    values_GP = [task.table.curves[method].values for task in tasks]
    scored_GP = [[v for v in values_P if v is not None] for values_P in values_GP]
    if not all(scored_GP):
        return None
    strata = [np.array([[value, 1.0] for value in scored_P]) for scored_P in scored_GP]
    n = sum(map(len, scored_GP))
    n_cases = (n, sum(map(len, values_GP)) - n)
    found = bootstrap(strata, mean_share, n_cases, **how._asdict())
    return by_ends(found, strata, mean_share, how)


def task_standings(tasks: Sequence[Task], how: Bootstrap) -> list[Standing | None]:
    """The methods' rows among the published Best-of-8: product, majority and pass.

    A single None unless the tasks are the paper's seven, whole, with 8 samples.
    """
    by_name = {task.name: task for task in tasks}
    whole = all(task.coverage.complete and task.table.n_samples == 8 for task in tasks)
    if not whole or sorted(by_name) != sorted(TASKS):
        return [None]
    ordered = [by_name[name] for name in TASKS]
    rows: list[Standing | None] = []
    for method, mean in mean_over_tasks(ordered, how).items():
        if mean is None or method.aggregate not in ("", AGGREGATES[0]):
            continue
        found = [task.table.curves[method].estimates[-1] for task in ordered]
        values = [None if e is None else 100 * e.value for e in found]
        rows.append(Standing(method.label, values, 100 * mean.value, "this evaluation", own=True))
    return rows
