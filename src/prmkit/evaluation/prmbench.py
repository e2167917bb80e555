"""PRMBench's figures (arXiv 2501.03124): is every step judged rightly, not the first error alone?

A step is called right if it scores above the threshold. Right steps are the positive class: F1 of
it, F1 of the wrong steps (negative F1), and PRMScore, the mean of the two. Steps are pooled over
cases, for the benchmark (without the class of unchanged solutions) and for each class. A dimension
is the plain mean of its classes. Class `multi_solutions` has no wrong step: its score is F1 alone.
All as in github.com/ssmisya/PRMBench, `mr_eval/tasks/prmtest_classified/task.py` and the notebooks
of its tables, with its second solutions under one key left out.

Where this departs from it: an F1 without a hit is 0, and one without any step of its kind is absent
(there both are -1 and enter the mean so), and every figure has an interval, by a bootstrap over
the original problems, which the classes share.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from prmkit.datasets.importing import Imported
from prmkit.datasets.prmbench import CLASSES, CONTROL, DIMENSIONS, StoredScores, is_second
from prmkit.errors import NothingScored
from prmkit.evaluation.coverage import Coverage, rejected_faults
from prmkit.evaluation.published import Standing
from prmkit.intervals import Bootstrap, Floats, ratio
from prmkit.records import BenchmarkCase, Estimate

_GROUPS = (*CLASSES, CONTROL)
_WITHOUT_ERRORS = CLASSES[-1]
_COLUMNS = ("tp", "fp", "tn", "fn", "first_hit", "first", "similarity", "compared")
_SIZE = len(_COLUMNS)
_KINDS = {(True, True): "fp", (True, False): "tn", (False, True): "tp", (False, False): "fn"}
_REPORTED = (
    "precision",
    "recall",
    "f1",
    "negative_precision",
    "negative_recall",
    "negative_f1",
    "correct_step_acc",
    "wrong_step_acc",
    "total_step_acc",
    "first_error_acc",
    "similarity",
)


class ScoredSteps(NamedTuple):
    """Cases with their scores."""

    cases: Sequence[BenchmarkCase]
    scores: Sequence[Sequence[float]]
    """One a case, one number a step; empty = unscored."""
    coverage: Coverage
    controls: bool
    """Whether the unchanged solutions are among the cases."""
    n_second: int
    """Second solutions under a key that another has, left out as officially."""


class ClassFigures(NamedTuple):
    """Figures of one class or of the benchmark; None where no step has a say."""

    prm_score: Estimate | None
    """Mean of F1 and negative F1; F1 alone for the class without wrong steps."""
    parts: Mapping[str, Estimate | None]
    """What it is made of, by the official names."""
    n_cases: int
    n_steps: int


class PrmBenchResult(NamedTuple):
    """The figures of one system."""

    overall: ClassFigures
    classes: Mapping[str, ClassFigures]
    """By class, the unchanged solutions last, if they were scored."""
    dimensions: Mapping[str, Estimate | None]
    """Plain means of the classes' PRMScores; None where a class is missing."""
    n_unscored: int
    """Cases without scores, left out."""


def match_scores(data: Imported[BenchmarkCase], outputs: Imported[StoredScores]) -> ScoredSteps:
    """Join cases and scores by key; whatever does not fit is in the coverage.

    Second solutions under a key are left out, as officially. The unchanged solutions may be absent
    altogether, as they are in no overall figure.
    """
    by_id = {row.case_id: row for row in outputs.records}
    second = {case.case_id for case in data.records if is_second(case.case_id)}
    cases = [case for case in data.records if case.case_id not in second]
    controls = any(case.subset == CONTROL and case.case_id in by_id for case in cases)
    cases = [case for case in cases if controls or case.subset != CONTROL]
    known = {case.case_id for case in data.records}
    stray = [key for key in by_id if key not in known]
    faults: dict[str, list[str]] = {
        "cases without a row": [],
        "rows whose key came before": [key for key in stray if is_second(key)],
        "keys that the data do not have": [key for key in stray if not is_second(key)],
        "rows with the wrong number of scores": [],
    }
    used: list[tuple[BenchmarkCase, Sequence[float]]] = []
    for case in cases:
        row = by_id.get(case.case_id)
        if row is None:
            faults["cases without a row"].append(case.case_id)
        elif row.scores and len(row.scores) != len(case.steps):
            faults["rows with the wrong number of scores"].append(
                f"{case.case_id}: {len(row.scores)} scores for {len(case.steps)} steps"
            )
        else:
            used.append((case, row.scores))
    found = {
        **rejected_faults(data, "unusable rows of the data"),
        **rejected_faults(outputs, "unusable rows"),
        **{kind: rows for kind, rows in faults.items() if rows},
    }
    coverage = Coverage(len(cases) + len(data.rejected), len(used), found)
    return ScoredSteps([c for c, _ in used], [s for _, s in used], coverage, controls, len(second))


def evaluate_steps(matched: ScoredSteps, threshold: float, how: Bootstrap) -> PrmBenchResult:
    """Compute all figures.

    Args:
        matched: Cases with scores.
        threshold: A step that scores above it is called right.
        how: Seed and number of resamples.

    Raises:
        NothingScored: no case of the benchmark's classes is scored.
    """
    pairs = [
        (case, scores) for case, scores in zip(matched.cases, matched.scores, strict=True) if scores
    ]
    sums_PC = _sums(pairs, threshold)
    classes = {
        group: _figures(pairs, sums_PC, (group,), how)
        for group in _GROUPS
        if any(case.subset == group for case, _ in pairs)
    }
    overall = _figures(pairs, sums_PC, CLASSES, how)
    if overall.prm_score is None:
        raise NothingScored("no step of the benchmark's classes is scored, or none is right")
    return PrmBenchResult(
        overall=overall,
        classes=classes,
        dimensions={
            name: _dimension(sums_PC, members, overall.n_cases, how)
            if all(member in classes for member in members)
            else None
            for name, members in DIMENSIONS.items()
        },
        n_unscored=len(matched.cases) - len(pairs),
    )


def standing(system: str, result: PrmBenchResult, coverage: Coverage) -> Standing | None:
    """The system's row among the published; None unless it is about every class."""
    score, dimensions = result.overall.prm_score, list(result.dimensions.values())
    if not coverage.complete or score is None or None in dimensions:
        return None
    values = [None if e is None else 100 * e.value for e in dimensions]
    return Standing(system, values, 100 * score.value, "this evaluation", own=True)


def _sums(pairs: Sequence[tuple[BenchmarkCase, Sequence[float]]], threshold: float) -> Floats:
    """Sums by problem, `_SIZE` columns a class in the order of `_GROUPS`."""
    controls = {
        case.case_id.removeprefix(CONTROL): _share_right(scores, threshold)
        for case, scores in pairs
        if case.subset == CONTROL
    }
    sums: dict[str, Floats] = {}
    for case, scores in pairs:
        row = sums.setdefault(case.problem_id, np.zeros(len(_GROUPS) * _SIZE))
        start = _GROUPS.index(case.subset) * _SIZE
        control = controls.get(case.case_id.removeprefix(case.subset))
        row[start : start + _SIZE] += _counts(case, scores, threshold, control)
    return np.array([sums[key] for key in sorted(sums)]).reshape(-1, len(_GROUPS) * _SIZE)


def _share_right(scores: Sequence[float], threshold: float) -> float:
    return sum(score > threshold for score in scores) / len(scores)


def _counts(
    case: BenchmarkCase, scores: Sequence[float], threshold: float, control: float | None
) -> list[float]:
    """What one case adds, in the order of `_COLUMNS`."""
    wrong = set(case.wrong_steps or ())
    found = {"tp": 0.0, "fp": 0.0, "tn": 0.0, "fn": 0.0}
    for step, score in enumerate(scores):
        found[_KINDS[step in wrong, score > threshold]] += 1
    first = case.first_error
    hit = first is not None and scores[first] <= threshold
    # As officially, a control of which no step is called right is not compared with.
    compared = bool(control) and case.subset != CONTROL
    distance = abs(_share_right(scores, threshold) - (control or 0.0)) if compared else 0.0
    return [*found.values(), float(hit), float(first is not None), distance, float(compared)]


def _figures(
    pairs: Sequence[tuple[BenchmarkCase, Sequence[float]]],
    sums_PC: Floats,
    groups: Sequence[str],
    how: Bootstrap,
) -> ClassFigures:
    n_cases = sum(case.subset in groups for case, _ in pairs)
    n_steps = sum(len(scores) for case, scores in pairs if case.subset in groups)

    def estimate(statistic: Callable[[Floats], Floats]) -> Estimate | None:
        return how.of_share(sums_PC, lambda s: statistic(_pooled(s, groups)), (n_cases, 0))

    alone = tuple(groups) == (_WITHOUT_ERRORS,)
    score = estimate(lambda s: _part(s, "f1")) if alone else estimate(_prm_score)
    parts = {name: estimate(partial(_part, name=name)) for name in _REPORTED}
    return ClassFigures(score, parts, n_cases, n_steps)


def _pooled(sums: Floats, groups: Sequence[str]) -> Floats:
    """Sums (..., groups x columns) to the columns' totals over some groups, (..., columns)."""
    by_group = sums.reshape(*sums.shape[:-1], len(_GROUPS), _SIZE)
    chosen = [_GROUPS.index(group) for group in groups]
    return np.asarray(by_group[..., chosen, :].sum(axis=-2))


def _part(sums: Floats, name: str) -> Floats:
    """One of `_REPORTED` from totals (..., columns)."""
    tp, fp, tn, fn, first_hit, first, similarity, compared = (
        sums[..., column] for column in range(_SIZE)
    )
    shares = {
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, np.where(tp + fn > 0, 2 * tp + fp + fn, 0.0)),
        "negative_precision": (tn, tn + fn),
        "negative_recall": (tn, tn + fp),
        "negative_f1": (2 * tn, np.where(tn + fp > 0, 2 * tn + fp + fn, 0.0)),
        "correct_step_acc": (tp, tp + fn),
        "wrong_step_acc": (tn, tn + fp),
        "total_step_acc": (tp + tn, tp + fp + tn + fn),
        "first_error_acc": (first_hit, first),
        "similarity": (similarity, compared),
    }
    return ratio(*shares[name])


def _prm_score(sums: Floats) -> Floats:
    return np.asarray((_part(sums, "f1") + _part(sums, "negative_f1")) / 2)


def _dimension(
    sums_PC: Floats, members: Sequence[str], n_cases: int, how: Bootstrap
) -> Estimate | None:
    def mean(sums: Floats) -> Floats:
        scores = [
            _part(_pooled(sums, (member,)), "f1")
            if member == _WITHOUT_ERRORS
            else _prm_score(_pooled(sums, (member,)))
            for member in members
        ]
        return np.asarray(np.mean(scores, axis=0))

    return how.of_share(sums_PC, mean, (n_cases, 0))
