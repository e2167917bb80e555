"""What report.json holds, as tables and figures; a part that it lacks is left out.

JSON sorts its keys; here everything is put back into the order of the run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prmkit.analysis.result import Cell, Column, Figure, Point, Series, Table
from prmkit.analysis.sources import paired_differences
from prmkit.analysis.stored_figures import comparisons, estimate_at
from prmkit.analysis.view import interval_of, split_order
from prmkit.evaluation.agreement import KINDS, SAME, share_of_kinds
from prmkit.scoring.aggregate import AGGREGATES
from prmkit.store import StoredRun

_LABELS = {
    "wrong": "wrong",
    "missed": "error missed",
    "invented": "error invented",
    "too_early": "too early",
    "too_late": "too late",
}
_SOURCES = ("mc", "judge", "consensus")
_STAGES = (
    "problems", "solutions", "rollouts", "judge.train", "consensus", "truth", "train",
    "judge", "scores",
)  # fmt: skip
_AMOUNTS = (
    "n_calls", "prompt_tokens", "cached_prompt_tokens", "generated_tokens", "operations",
)  # fmt: skip
_KINDS = ("estimated", "real")
_OUTCOMES = {"correct": "right final answer", "incorrect": "wrong final answer"}


def in_order(found: Iterable[str], order: Iterable[str]) -> list[str]:
    """Names in a given order; those that it lacks come last."""
    known = list(order)
    return sorted(found, key=lambda name: known.index(name) if name in known else len(known))


def stages_in_order(found: Iterable[str]) -> list[str]:
    """Stages in about the order in which a run does them."""

    def rank(stage: str) -> int:
        fits = [
            i for i, head in enumerate(_STAGES) if stage == head or stage.startswith(f"{head}.")
        ]
        return fits[0] if fits else len(_STAGES)

    parts = ("train", "validation", "process", "best_of_n")
    return sorted(
        found,
        key=lambda stage: (
            rank(stage),
            *(parts.index(p) for p in stage.split(".")[-1:] if p in parts),
        ),
    )


def label_tables(run: StoredRun) -> Iterator[Table]:
    """How often each source's labels are wrong, over all solutions and by final answer."""
    groups = {"all labelled solutions": run.report.get("labels", {})}
    by_outcome = run.report.get("labels_by_outcome", {})
    groups |= {_OUTCOMES.get(o, o): rows for o, rows in by_outcome.items()}
    for group, sources in groups.items():
        if sources:
            yield Table(
                title=f"Wrong labels: {group}",
                columns=(
                    Column(name="labels by"),
                    *(Column(name=name) for name in _LABELS.values()),
                    Column(name="undecided"),
                ),
                rows=tuple(
                    (
                        source,
                        *(estimate_at(sources[source], key) for key in _LABELS),
                        sources[source].get("n_unscored"),
                    )
                    for source in in_order(sources, _SOURCES)
                ),
            )


def label_figures(run: StoredRun) -> Iterator[Figure]:
    """The directions in which labels are wrong."""
    sources = run.report.get("labels", {})
    if sources:
        yield Figure(
            title="Wrong labels, by direction",
            kind="dots",
            x_label="direction",
            y_label="share of labelled solutions",
            series=tuple(
                Series(
                    name=source,
                    points=tuple(
                        Point(x=name, y=e)
                        for key, name in _LABELS.items()
                        if (e := estimate_at(sources[source], key))
                    ),
                )
                for source in in_order(sources, _SOURCES)
            ),
        )


def given_table(run: StoredRun) -> Table | None:
    """How Monte Carlo's first errors compare with those that came with the solutions."""
    of_given = {row.solution_id: row for row in run.given}
    problem = {s.solution_id: s.problem_id for s in run.solutions["train"]}
    both = [(row, of_given[row.solution_id]) for row in run.mc if row.solution_id in of_given]
    rows = [
        (problem[mc.solution_id], mc.first_error, given.first_error)
        for mc, given in both
        if not mc.unscored and not given.unscored
    ]
    if not rows:
        return None
    n_unscored, how = len(both) - len(rows), interval_of(run)
    return Table(
        title="Monte Carlo (a) beside the labels given (b)",
        columns=(Column(name="first errors"), Column(name="share of solutions")),
        rows=(
            ("the same", share_of_kinds(rows, SAME, how, n_unscored)),
            *((kind, share_of_kinds(rows, {kind}, how, n_unscored)) for kind in KINDS),
        ),
    )


def policy_table(run: StoredRun) -> Table | None:
    """Each policy's accuracy by split."""
    policies = run.report.get("policies", {})
    found = dict.fromkeys(s for by_split in policies.values() for s in by_split)
    splits = in_order(found, split_order(run))
    if not splits:
        return None
    return Table(
        title="Right final answers",
        columns=(Column(name="policy"), *(Column(name=s) for s in splits)),
        rows=tuple(
            (policy, *(estimate_at(policies[policy], s, "accuracy") for s in splits))
            for policy in in_order(policies, run.recipe.get("policies", ()))
        ),
    )


def process_table(run: StoredRun) -> Table | None:
    """F1 by system and split, with error and correct accuracy on lines of their own."""
    rows = run.report.get("processbench", [])
    found = dict.fromkeys(s for row in rows for s in row.get("splits", {}))
    splits = in_order(found, split_order(run))
    if not rows:
        return None
    lines: list[tuple[Cell, ...]] = []
    for row in rows:
        name = f"{row['system']}{' (degenerate)' if row.get('degenerate') else ''}"
        of = row.get("splits", {})
        f1 = tuple(estimate_at(of, s, "f1") for s in splits)
        lines.append((name, "F1", estimate_at(row, "mean_f1"), *f1))
        for key, word in (("error_accuracy", "errors"), ("correct_accuracy", "free ones")):
            lines.append(("", word, None, *(estimate_at(of, s, key) for s in splits)))
    return Table(
        title="First errors found (ProcessBench's protocol)",
        columns=(
            Column(name="system"),
            Column(name="of"),
            Column(name="mean over splits"),
            *(Column(name=s) for s in splits),
        ),
        rows=tuple(lines),
    )


def process_figures(run: StoredRun) -> Iterator[Figure]:
    """F1 by system and split."""
    rows = run.report.get("processbench", [])
    if rows:
        yield Figure(
            title="F1 on first errors, by split",
            kind="dots",
            x_label="split",
            y_label="F1",
            series=tuple(
                Series(name=str(row.get("system")), points=tuple(_f1_points(run, row)))
                for row in rows
            ),
        )


def _f1_points(run: StoredRun, row: Mapping[str, Any]) -> Iterator[Point]:
    splits = row.get("splits", {})
    for split in in_order(splits, split_order(run)):
        if (f1 := estimate_at(splits[split], "f1")) is not None:
            yield Point(x=split, y=f1)
    if (mean := estimate_at(row, "mean_f1")) is not None:
        yield Point(x="mean", y=mean)


def best_of_n_table(run: StoredRun) -> Table | None:
    """Best-of-N by method and split."""
    rows, by_split = run.report.get("best_of_n", {}), run.report.get("best_of_n_splits", {})
    if not rows:
        return None
    splits = in_order(by_split, split_order(run))
    return Table(
        title="Best-of-N: right final answers",
        columns=(Column(name="method"), Column(name="all"), *(Column(name=s) for s in splits)),
        rows=tuple(
            (m, estimate_at(rows[m]), *(estimate_at(by_split[s], m) for s in splits))
            for m in _methods(run)
        ),
    )


def _methods(run: StoredRun) -> list[str]:
    """Methods of Best-of-N: bounds and baselines first, then arm by arm."""
    heads = ("pass@", "maj@", "random", *(f"{arm} " for arm in run.arms))

    def rank(method: str) -> int:
        return next((i for i, head in enumerate(heads) if method.startswith(head)), len(heads))

    return sorted(run.report.get("best_of_n", {}), key=rank)


def best_of_n_figures(run: StoredRun) -> Iterator[Figure]:
    """Best-of-N by method."""
    rows = run.report.get("best_of_n", {})
    points = [Point(x=m, y=e) for m in _methods(run) if (e := estimate_at(rows[m]))]
    if points:
        yield Figure(
            title="Best-of-N: right final answers",
            kind="dots",
            x_label="method",
            y_label="right answers",
            series=(Series(name="right answers", points=tuple(points)),),
        )


def size_table(run: StoredRun) -> Table | None:
    """Best-of-N by method at every N."""
    curves = run.report.get("best_of_n_by_size", {})
    n = max((len(curve) for curve in curves.values()), default=0)
    if not n:
        return None
    return Table(
        title="Best-of-N at every N: right final answers",
        columns=(Column(name="method"), *(Column(name=f"N={k}") for k in range(1, n + 1))),
        rows=tuple(
            (m, *(estimate_at(curves[m][k]) for k in range(n))) for m in _by_size_order(run)
        ),
    )


def size_figures(run: StoredRun) -> Iterator[Figure]:
    """Best-of-N by N: the bounds, the baselines, and each PRM by the product of its scores."""
    curves = run.report.get("best_of_n_by_size", {})
    names = [m for m in _by_size_order(run) if m in _BASELINES or m.endswith(" product")]
    if curves and len(curves[names[0]]) > 1:
        yield Figure(
            title="Best-of-N, by N",
            kind="lines",
            x_label="N samples",
            y_label="right answers",
            series=tuple(
                Series(name=m, points=tuple(_size_points(curves[m])), reference=m == "random")
                for m in names
            ),
        )


_BASELINES = ("pass", "maj", "random")


def _by_size_order(run: StoredRun) -> list[str]:
    curves = run.report.get("best_of_n_by_size", {})
    order = [*_BASELINES, *(f"{arm} {how}" for arm in run.arms for how in AGGREGATES)]
    return in_order(curves, order)


def _size_points(curve: Sequence[Any]) -> Iterator[Point]:
    for k, found in enumerate(curve, start=1):
        if (estimate := estimate_at(found)) is not None:
            yield Point(x=float(k), y=estimate)


def difference_table(run: StoredRun) -> Table | None:
    """Paired differences between systems; None where nothing was compared."""
    return paired_differences(run) if comparisons(run) else None


def costs_by_stage(run: StoredRun) -> Mapping[str, Any]:
    """Tokens by stage; `prm rollout` has one stage, whose amounts its report holds bare."""
    cost: Mapping[str, Any] = run.report.get("cost", {})
    if any(not isinstance(amounts, Mapping) for amounts in cost.values()):
        return {"rollouts": cost}
    return cost


def cost_table(run: StoredRun) -> Table | None:
    """Whatever the report says of costs by stage, beside the seconds of timing.json."""
    cost = costs_by_stage(run)
    flat = {stage: _flat(values) for stage, values in cost.items()}
    names = in_order(dict.fromkeys(name for values in flat.values() for name in values), _AMOUNTS)
    stages = stages_in_order([*flat, *(stage for stage in run.timing if stage not in flat)])
    if not stages:
        return None
    return Table(
        title="Cost by stage",
        columns=(
            Column(name="stage"),
            *(Column(name=_amount_words(name), unit="number") for name in names),
            Column(name="seconds"),
        ),
        rows=tuple(
            (
                stage,
                *(flat.get(stage, {}).get(name) for name in names),
                f"{run.timing[stage]['seconds']:,.1f}" if stage in run.timing else None,
            )
            for stage in stages
        ),
    )


def _amount_words(name: str) -> str:
    return name.replace("_", " ").removeprefix("n ")


def spent_table(run: StoredRun) -> Table | None:
    """Estimated and real cost by model, from cost.json, whatever amounts it holds."""
    stages = run.cost.get("stages", [])
    if not isinstance(stages, list) or not stages:
        return None
    flat = [(row, {kind: _flat(row.get(kind) or {}) for kind in _KINDS}) for row in stages]
    found = dict.fromkeys(n for _, kinds in flat for of_kind in kinds.values() for n in of_kind)
    names = in_order(found, _AMOUNTS)
    return Table(
        title="By model",
        columns=(
            Column(name="stage"),
            Column(name="model"),
            Column(name="amount"),
            *(Column(name=_amount_words(name), unit="number") for name in names),
        ),
        rows=tuple(
            (
                str(row.get("stage", "")),
                str(row.get("model", "")),
                kind,
                *(kinds[kind].get(name) for name in names),
            )
            for row, kinds in flat
            for kind in _KINDS
            if kinds[kind]
        ),
    )


def _flat(values: Any, prefix: str = "") -> dict[str, Cell]:
    """The numbers of a cost, nested ones by a joint name; an estimate stays one."""
    if (estimate := estimate_at(values)) is not None:
        return {prefix: estimate}
    if isinstance(values, Mapping):
        return {
            name: cell
            for key, inner in values.items()
            for name, cell in _flat(inner, f"{prefix} {key}".strip()).items()
        }
    if isinstance(values, bool) or values is None:
        return {prefix: None if values is None else str(values).lower()}
    if isinstance(values, float):
        return {prefix: f"{values:,.0f}" if 10 <= abs(values) < 1e9 else f"{values:.3g}"}
    if isinstance(values, int | str):
        return {prefix: values}
    return {prefix: f"{len(values)} values"}
