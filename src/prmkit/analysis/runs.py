"""Two runs beside each other: figures of the same name, and their differences over shared problems.

A problem is shared if both runs have it under the same id with the same question. Differences are
ratios of sums over problems, both runs on the same resamples; the runs need not have the same
solutions of a problem, only the same problems.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from prmkit.analysis.result import Cell, Column, Table
from prmkit.analysis.tally import one_f1
from prmkit.analysis.view import (
    Known,
    Prediction,
    interval_of,
    predictions,
    process_set,
    questions,
    sampled,
    scores_of,
    training,
)
from prmkit.evaluation.best_of_n import maj_at_n, pass_at_k, prm_at_n
from prmkit.evaluation.by_ends import by_ends
from prmkit.evaluation.processbench import f1_of_sums
from prmkit.intervals import Bootstrap, Floats, ratio, resolved
from prmkit.records import Annotated, Estimate, Outcome
from prmkit.scoring.aggregate import aggregate
from prmkit.store import StoredRun

Sums = Mapping[str, Sequence[float]]
"""By problem id, the numbers whose sums make a figure; all 0 where nothing of it was scored."""
_UNSCORED = (0.0, 0.0)


def compare_runs(a: StoredRun, b: StoredRun, resamples: int | None = None) -> Table:
    """Every figure that both runs have, over the problems that they share.

    Returns:
        A row a figure: both values, the paired difference (second minus first), and whether it is
        resolved. A figure without shared problems is left out.
    """
    interval = interval_of(a, resamples)
    shared = _shared(a, b)
    of_a, of_b = dict(_figures(a)), dict(_figures(b))
    rows = [
        row
        for name in of_a
        if name in of_b
        for row in _row(name, of_a[name], of_b[name], shared, interval)
    ]
    return Table(
        title=f"{a.name} and {b.name}, over the problems that both have",
        columns=(
            Column(name="figure"),
            Column(name="problems"),
            Column(name=f"{a.name} (1)"),
            Column(name=f"{b.name} (2)"),
            Column(name="(2) minus (1)", unit="points"),
            Column(name="resolved?"),
        ),
        rows=tuple(rows),
    )


def _shared(a: StoredRun, b: StoredRun) -> set[str]:
    of_a, of_b = questions(a), questions(b)
    return {i for i, q in of_a.items() if i in of_b and of_b[i].question == q.question}


Statistic = Callable[[Floats], Floats]


def _share(sums: Floats) -> Floats:
    return ratio(sums[..., 0], sums[..., 1])


def _figures(run: StoredRun) -> Iterator[tuple[str, tuple[Statistic, Sums]]]:
    """Every figure by name: how it comes out of sums, and the sums by problem."""
    answers: dict[str, list[tuple[str, Sequence[float]]]] = {}
    for part in ("process", "best_of_n", "train"):
        for s in run.solutions[part]:
            is_right = (float(s.outcome is Outcome.CORRECT), 1.0)
            sums = _UNSCORED if s.outcome is Outcome.UNSCORED else is_right
            answers.setdefault(s.policy, []).append((s.problem_id, sums))
    for policy, rows in answers.items():
        yield f"right answers of {policy}", (_share, _summed(rows))
    yield from _label_figures(run)
    known = process_set(run)
    for system, own in predictions(run, known).items():
        hits = map(_hits, known, own)
        yield f"F1 of {system}, all splits together", (f1_of_sums, _summed(hits))
    yield from _best_of_n_figures(run)


def _label_figures(run: StoredRun) -> Iterator[tuple[str, tuple[Statistic, Sums]]]:
    rows = training(run)
    kept = [(r.solution.problem_id, (float(r.kept), 1.0)) for r in rows]
    yield "kept by the consensus filter", (_share, _summed(kept))
    exact = [(r, r.truth.first_error) for r in rows if r.truth is not None]
    wrong = {
        "Monte-Carlo labels wrong": [
            (r.solution.problem_id, _misplaced(r.mc, truth)) for r, truth in exact
        ],
        "judge labels wrong": [
            (r.solution.problem_id, _misplaced(r.judge, truth)) for r, truth in exact
        ],
        "consensus labels wrong": [
            (r.solution.problem_id, _misplaced(r.mc, truth)) for r, truth in exact if r.kept
        ],
    }
    for name, found in wrong.items():
        yield name, (_share, _summed(found))


def _misplaced(row: Annotated, truth: int | None) -> tuple[float, float]:
    return _UNSCORED if row.unscored else (float(row.first_error != truth), 1.0)


def _hits(row: Known, prediction: Prediction) -> tuple[str, Sequence[float]]:
    hit, wrong = prediction.first_error == row.first_error, row.first_error is not None
    sums = (wrong and hit, wrong, not wrong and hit, not wrong)
    return row.solution.problem_id, [float(x and not prediction.unscored) for x in sums]


def _best_of_n_figures(run: StoredRun) -> Iterator[tuple[str, tuple[Statistic, Sums]]]:
    problems = sampled(run)
    if not problems:
        return
    n = len(problems[0].samples)
    values = {
        f"maj@{n}": [maj_at_n(p.samples) for p in problems],
        f"pass@{n}": [pass_at_k(p.samples, n) for p in problems],
    }
    for arm in run.arms:
        if run.scores[arm]["best_of_n"]:
            scores = scores_of(run, arm)
            values[f"prm@{n} of {arm}, product"] = [
                prm_at_n(p.samples, scores, lambda s: aggregate(s, "product")) for p in problems
            ]
    for name, values_P in values.items():
        rows = [
            (p.problem_id, _UNSCORED if value is None else (value, 1.0))
            for p, value in zip(problems, values_P, strict=True)
        ]
        yield name, (_share, _summed(rows))


def _summed(rows: Iterable[tuple[str, Sequence[float]]]) -> Sums:
    sums: dict[str, list[float]] = {}
    for problem_id, values in rows:
        own = sums.setdefault(problem_id, [0.0] * len(values))
        for i, value in enumerate(values):
            own[i] += value
    return sums


def _row(
    name: str,
    a: tuple[Statistic, Sums],
    b: tuple[Statistic, Sums],
    shared: set[str],
    interval: Bootstrap,
) -> Iterator[tuple[Cell, ...]]:
    statistic, of_a = a
    _, of_b = b
    both = shared & of_a.keys() & of_b.keys()
    ids = sorted(i for i in both if any(of_a[i]) and any(of_b[i]))
    if not ids:
        return
    sums_PC = np.array([[*of_a[i], *of_b[i]] for i in ids])
    half = sums_PC.shape[1] // 2
    n = (len(ids), len(both) - len(ids))
    first = _figure(statistic, sums_PC[:, :half], n, interval)
    second = _figure(statistic, sums_PC[:, half:], n, interval)
    gap = interval.of_sums(
        sums_PC, lambda s: statistic(s[..., half:]) - statistic(s[..., :half]), n
    )
    if gap is not None:
        yield name, len(ids), first, second, gap, "yes" if resolved(gap) else "no"


def _figure(
    statistic: Statistic, sums_PC: Floats, n: tuple[int, int], interval: Bootstrap
) -> Estimate | None:
    if statistic is not f1_of_sums:
        return interval.of_share(sums_PC, statistic, n)
    found = interval.of_sums(sums_PC, statistic, n)
    return found and by_ends(found, [sums_PC], one_f1, interval)
