"""The answer of a label-cost study: a table, two figures, and which setting to choose."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.threshold import TRAINED
from prmkit.errors import NothingScored
from prmkit.evaluation.agreement import Kind, kind_of
from prmkit.evaluation.processbench import degenerate
from prmkit.intervals import Bootstrap, resolved
from prmkit.records import Estimate
from prmkit.study.chance import Trained
from prmkit.study.label_cost import Cell, by_setting
from prmkit.study.settings import Setting

_ABOUT = (
    "Every setting labels the same solutions of each run from the same stored draws; tokens are "
    "what a live run of it would have generated a solution, the judge's included where it is "
    "asked. A PRM is trained on each run's labels, or several. F1 is of first errors on the runs' "
    "ProcessBench-style sets, pooled by split. With one PRM a run its intervals are over problems "
    "and do not cover the chance of another training; with several (--repeats) they are over "
    "problems and trainings. A setting is clearly below another by the interval of the difference "
    "and, with one PRM a run, in every run. Label error is the share of labelled solutions whose "
    "first error is not the true one."
)
_WAYS: dict[Kind, str] = {
    "only b": "missed",
    "a later": "too late",
    "a earlier": "too early",
    "only a": "invented",
}
"""How a label (a) can be wrong beside the truth (b), and how tables name it."""


class Measured(NamedTuple):
    """One setting over all runs."""

    setting: Setting
    tokens: Estimate
    """Generated tokens a solution."""
    used: Estimate
    """Share of solutions that got a label."""
    wrong: Estimate | None
    """Share of these whose first error is misplaced."""
    ways: Mapping[Kind, Estimate]
    """The same by the way in which it is: `_WAYS`."""
    f1: Estimate | None
    """Mean F1 of the PRMs; None if one has none."""
    trained: Trained | None
    """What each of them gets right."""
    degenerate: int
    """PRMs that say the same of every solution."""

    @property
    def n_prms(self) -> int:
        """PRMs, of all runs."""
        return self.trained.n_prms if self.trained else 0


def measure(cells: Sequence[Cell], interval: Bootstrap) -> list[Measured]:
    """Figures of each setting."""
    return [_measured(s, own, interval) for s, own in by_setting(cells).items()]


def answer(found: Sequence[Measured], interval: Bootstrap) -> Analysis:
    """Tables, figures and advice."""
    drawn = [m for m in found if m.setting.k]
    return Analysis(
        name="label-cost",
        title="What a label costs, and what it is worth",
        source="beyond the paper",
        about=_ABOUT,
        tables=(_table(found), _ways_table(found), *_threshold_tables(found)),
        figures=tuple(_figures(found)),
        notes=tuple(advice(drawn, interval)),
        seed=interval.seed,
    )


def advice(drawn: Sequence[Measured], interval: Bootstrap) -> list[str]:
    """Which setting to choose, said no more firmly than the differences allow: `_below`."""
    ranked = sorted(
        (m for m in drawn if m.f1 is not None and not _collapsed(m)),
        key=lambda m: -m.f1.value if m.f1 else 0.0,
    )
    notes = [_degenerate(m) for m in drawn if m.degenerate]
    if not ranked:
        return ["No setting gave PRMs that tell solutions apart; none is recommended.", *notes]
    best, *_ = ranked
    equals = [m for m in ranked if m is best or not _below(m, best, interval)]
    cheapest = min(equals, key=lambda m: m.tokens.value)
    most = max(drawn, key=lambda m: m.tokens.value)
    share = cheapest.tokens.value / most.tokens.value
    told = (
        f"Choose {cheapest.setting.name}: the fewest tokens ({cheapest.tokens.value:,.0f} a "
        f"solution, {share:.1%} of {most.setting.name}) among the {len(equals)} of {len(ranked)} "
        f"settings that are not clearly below the best value, {best.setting.name}."
    )
    return [told + _at_stake(cheapest, best, interval), *notes]


def _at_stake(chosen: Measured, best: Measured, interval: Bootstrap) -> str:
    """What the cheapest setting may lose: not to be told apart is not to be equal."""
    if chosen is best or chosen.trained is None or best.trained is None:
        return ""
    gap = chosen.trained.minus(best.trained, interval)
    value, low, high = (100 * x for x in (gap.value, gap.low, gap.high))
    return (
        f" That is not to say that it is as good: its F1 minus that one's is {value:+.1f} "
        f"[{low:+.1f}, {high:+.1f}] points."
    )


def _below(one: Measured, best: Measured, interval: Bootstrap) -> bool:
    """Whether a setting is below the best one by the interval.

    Where that does not cover the chance of a training: in every single run, too.
    """
    if one.trained is None or best.trained is None:
        return False
    runs = zip(one.trained.by_run, best.trained.by_run, strict=True)
    several = one.trained.several and best.trained.several
    if not several and not all(a is not None and b is not None and a < b for a, b in runs):
        return False
    found = one.trained.minus(best.trained, interval)
    return resolved(found) and found.value < 0


def _collapsed(m: Measured) -> bool:
    """Whether half or more of a setting's PRMs are degenerate, so that it is not ranked."""
    return bool(m.degenerate) and 2 * m.degenerate >= m.n_prms


def _degenerate(m: Measured) -> str:
    ranked = "; the setting is not ranked" if _collapsed(m) else ""
    return (
        f"{m.setting.name}: {m.degenerate} of {m.n_prms} PRMs say the same of every "
        f"solution{ranked}."
    )


def _measured(setting: Setting, cells: Sequence[Cell], interval: Bootstrap) -> Measured:
    pairs = [
        (f"{cell.run.name}/{row.drawn.problem.problem_id}", row)
        for cell in cells
        for row in cell.labels
    ]
    tokens = interval.means((p, "tokens", float(row.tokens)) for p, row in pairs)["tokens"]
    used = interval.shares((p, "used", float(row.row is not None)) for p, row in pairs)["used"]
    kinds = [
        (p, kind_of(row.first_error, row.drawn.truth.first_error))
        for p, row in pairs
        if row.decided
    ]
    wrong = interval.share((p, kind in _WAYS) for p, kind in kinds)
    ways = interval.shares((p, way, float(kind == way)) for p, kind in kinds for way in _WAYS)
    n_degenerate = sum(bool(degenerate(cases)) for cell in cells for cases in cell.trained)
    trained, f1 = _trained(cells, interval)
    return Measured(setting, tokens, used, wrong, ways, f1, trained, n_degenerate)


def _trained(
    cells: Sequence[Cell], interval: Bootstrap
) -> tuple[Trained, Estimate] | tuple[None, None]:
    try:
        trained = Trained.of([cell.trained for cell in cells])
        return trained, trained.f1(interval)
    except NothingScored:
        return None, None


def _table(found: Sequence[Measured]) -> Table:
    return Table(
        title="Cost and worth by setting",
        columns=(
            Column(name="setting"),
            Column(name="tokens a solution", unit="number"),
            Column(name="labelled, %"),
            Column(name="labels wrong, %"),
            Column(name="mean F1"),
            Column(name="F1 of single PRMs"),
        ),
        rows=tuple((m.setting.name, m.tokens, m.used, m.wrong, m.f1, _single(m)) for m in found),
    )


def _single(m: Measured) -> str:
    if m.trained is None:
        return "n/a"
    runs = (
        ", ".join("n/a" if v is None else f"{100 * v:.1f}" for v in own) for own in m.trained.single
    )
    values = "; ".join(runs) if m.trained.several else ", ".join(runs)
    return f"{values} ({m.degenerate} degenerate)" if m.degenerate else values


def _ways_table(found: Sequence[Measured]) -> Table:
    return Table(
        title="In which way labels are wrong, % of the labelled",
        columns=(Column(name="setting"), *(Column(name=name) for name in _WAYS.values())),
        rows=tuple((m.setting.name, *(m.ways.get(way) for way in _WAYS)) for m in found),
    )


def _threshold_tables(found: Sequence[Measured]) -> Iterator[Table]:
    """PRMs by the threshold of hard labels, where several were tried at one K."""
    own = [m for m in found if m.setting.rule == "hard" and m.setting.annotator == "sequential"]
    tried = {m.setting.k for m in own if m.setting.threshold}
    rows = sorted((m for m in own if m.setting.k in tried), key=_by_k)
    if rows:
        yield Table(
            title=TRAINED,
            columns=(
                Column(name="threshold"),
                Column(name="K"),
                Column(name="labels wrong"),
                Column(name="mean F1"),
                Column(name="F1 of single PRMs"),
            ),
            rows=tuple(
                (str(m.setting.threshold), str(m.setting.k), m.wrong, m.f1, _single(m))
                for m in rows
            ),
        )


def _by_k(m: Measured) -> tuple[int, int]:
    return m.setting.k, m.setting.threshold


def _figures(found: Sequence[Measured]) -> Iterator[Figure]:
    """Worth and error over tokens, by annotator and by label rule."""
    kinds = {
        "annotator": [m for m in found if not m.setting.threshold and m.setting.rule in _PLAIN],
        "label rule": [m for m in found if m.setting.series in _REPRESENTATIVES or _is_rule(m)],
    }
    for kind, own in kinds.items():
        yield _figure(f"F1 of trained PRMs by {kind}", "mean F1", own, lambda m: m.f1)
        yield _figure(f"Wrong labels by {kind}", "labels wrong", own, lambda m: m.wrong)


_PLAIN = ("hard", "filter", "exact")
_REPRESENTATIVES = ("sequential", "verify", "exact labels")  # the cheapest of each plain rule


def _is_rule(m: Measured) -> bool:
    return bool(m.setting.threshold) or m.setting.rule not in _PLAIN


def _figure(
    title: str,
    label: str,
    found: Sequence[Measured],
    value: Callable[[Measured], Estimate | None],
) -> Figure:
    """A line a series over its tokens; exact labels, which cost none here, as a dashed line."""
    lines: dict[str, list[Point]] = {}
    drawn = [m for m in found if m.setting.k]
    for m in sorted(drawn, key=lambda m: m.setting.k):
        y = value(m)
        if y is not None and m.tokens.value > 0:
            point = Point(x=m.tokens.value, y=y, label=f"K = {m.setting.k}")
            lines.setdefault(m.setting.series, []).append(point)
    ends = [p.x for points in lines.values() for p in points if isinstance(p.x, float)]
    exact = [
        Series(
            name=m.setting.name,
            points=tuple(Point(x=x, y=y) for x in (min(ends), max(ends))),
            reference=True,
        )
        for m in found
        if m.setting.rule == "exact" and ends
        for y in (value(m),)
        if y is not None and y.value > 0
    ]
    return Figure(
        title=title,
        kind="lines",
        x_label="generated tokens a solution",
        y_label=label,
        log_x=True,
        series=(*(Series(name=n, points=tuple(p)) for n, p in lines.items()), *exact),
    )
