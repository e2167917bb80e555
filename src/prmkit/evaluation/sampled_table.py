"""Best-of-N of stored samples: every method at every N, with intervals and paired differences.

Methods: pass, majority, random (a sample drawn blindly), shortest (fewest characters), and for each
scorer the best sample by each aggregate of its step scores and the majority weighted by each. An
outcome model has one score a response, which every aggregate leaves as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from prmkit.errors import NothingScored
from prmkit.evaluation.best_of_n import Sample, Ties, Values
from prmkit.evaluation.significance import McNemar, mcnemar, needed_to_resolve
from prmkit.evaluation.subsampling import best_curve, pass_curve, vote_curve
from prmkit.intervals import Bootstrap, paired_difference
from prmkit.records import Estimate
from prmkit.scoring.aggregate import AGGREGATES, ANY_SCALE, Aggregate, aggregate

PASS, MAJORITY, RANDOM, SHORTEST = "pass", "majority", "random", "shortest"
BASELINES = (PASS, MAJORITY, RANDOM, SHORTEST)


class Scores(NamedTuple):
    """What one scorer gave one problem's samples."""

    rows: Sequence[Sequence[float]]
    """One a sample: scores of its steps, or its one score; empty = unscored."""
    by_step: bool
    """Whether they are of steps."""


class Sampled(NamedTuple):
    """One problem with its N samples."""

    problem_id: str
    samples: Sequence[Sample]
    lengths: Sequence[int]
    """Characters of each response."""
    scores: Mapping[str, Scores]
    """By scorer."""


class Method(NamedTuple):
    """How one of N samples, or an answer, is chosen."""

    kind: str
    """One of the baselines, `best`, or `weighted_majority`."""
    scorer: str = ""
    """Whose scores; empty for a baseline."""
    aggregate: str = ""
    """How step scores become one number; empty for a baseline."""

    @property
    def label(self) -> str:
        """How a table calls it."""
        words = (self.scorer, self.kind.replace("_", " "), self.aggregate.replace("_", " "))
        return " ".join(filter(None, words))


class MethodCurve(NamedTuple):
    """One method at every N."""

    estimates: Sequence[Estimate | None]
    """Share of problems that it gets right, for N = 1, 2, ...; None where nothing is decided."""
    values: Values
    """By problem, with all samples."""


class SampledComparison(NamedTuple):
    """Two methods with all samples."""

    a: Method
    b: Method
    difference: Estimate
    """a minus b, paired over problems."""
    needed: int | None
    """Problems that it would take to resolve the difference; None if it is 0."""
    test: McNemar | None
    """None where a tie was counted by shares, or a problem is undecided."""


class SampledTable(NamedTuple):
    """Best-of-N on one task."""

    n_problems: int
    n_samples: int
    """Samples a problem: the largest N."""
    n_unscored: int
    """Samples that are neither right nor wrong."""
    n_without_answer: int
    """Samples in which no answer was found."""
    curves: Mapping[Method, MethodCurve]
    comparisons: Sequence[SampledComparison]
    """Each method against the majority vote, and every two scorers with the first aggregate."""
    outcome_scorers: frozenset[str]
    """Scorers of whole responses, for which every aggregate is the same."""
    left_out: Sequence[str]
    """Methods without figures, each with its reason."""


def sampled_table(
    problems: Sequence[Sampled], how: Bootstrap, ties: Ties = "first"
) -> SampledTable:
    """Compute all methods at every N.

    Args:
        problems: All with the same number of samples and the same scorers.
        how: Seed and number of resamples.
        ties: What becomes of ties; see `best_of_n`.

    Raises:
        NothingScored: there is no problem.
    """
    if not problems:
        raise NothingScored("Best-of-N of no problem")
    n_samples = len(problems[0].samples)
    methods, left_out = _methods(problems)
    curves_PM = [
        _curves(problem, index, methods, how, ties) for index, problem in enumerate(problems)
    ]
    rows = (
        (problem.problem_id, (method, k), value)
        for problem, curves in zip(problems, curves_PM, strict=True)
        for method, values in zip(methods, curves, strict=True)
        for k, value in enumerate(values)
    )
    shares = how.shares(rows)
    curves = {
        method: MethodCurve(
            [shares.get((method, k)) for k in range(n_samples)],
            [curves[place][-1] for curves in curves_PM],
        )
        for place, method in enumerate(methods)
    }
    everything = [sample for problem in problems for sample in problem.samples]
    return SampledTable(
        n_problems=len(problems),
        n_samples=n_samples,
        n_unscored=sum(sample.outcome == "unscored" for sample in everything),
        n_without_answer=sum(sample.answer is None for sample in everything),
        curves=curves,
        comparisons=_comparisons(curves, how),
        outcome_scorers=frozenset(
            name
            for name in problems[0].scores
            if not any(problem.scores[name].by_step for problem in problems)
        ),
        left_out=left_out,
    )


def _methods(problems: Sequence[Sampled]) -> tuple[list[Method], list[str]]:
    """The methods that the scores allow, and why others are left out."""
    methods = [Method(kind) for kind in BASELINES]
    left_out: list[str] = []
    for scorer in problems[0].scores:
        found = [problem.scores[scorer] for problem in problems]
        flat = [score for scores in found for row in scores.rows for score in row]
        low, high = min(flat, default=0.0), max(flat, default=0.0)
        unit = low >= 0.0 and high <= 1.0
        by_step = any(scores.by_step for scores in found)
        names: Sequence[str] = AGGREGATES if unit or not by_step else list(ANY_SCALE)
        methods += [Method("best", scorer, name) for name in names]
        if low >= 0.0:
            methods += [Method("weighted_majority", scorer, name) for name in names]
        else:
            left_out.append(f"{scorer} weighted majority: a weight is {low:g}, below 0")
        if len(names) < len(AGGREGATES):
            left_out.append(
                f"{scorer} product and geometric mean: step scores from {low:g} to {high:g} "
                "are not in [0, 1]"
            )
    return methods, left_out


def _curves(
    problem: Sampled, index: int, methods: Sequence[Method], how: Bootstrap, ties: Ties
) -> list[Values]:
    """Each method's curve on one problem."""
    samples = problem.samples
    passed = pass_curve(samples)
    known: dict[str, Callable[[], Values]] = {
        PASS: lambda: passed,
        MAJORITY: lambda: vote_curve(samples, None, ties, (how.seed, index)),
        RANDOM: lambda: [passed[0]] * len(passed),
        SHORTEST: lambda: best_curve(samples, [-float(n) for n in problem.lengths], ties),
    }

    def curve(method: Method) -> Values:
        if not method.scorer:
            return known[method.kind]()
        scores = [_one(row, method, problem) for row in problem.scores[method.scorer].rows]
        if method.kind == "best":
            return best_curve(samples, scores, ties)
        return vote_curve(samples, scores, ties, (how.seed, index))

    return [curve(method) for method in methods]


def _one(row: Sequence[float], method: Method, problem: Sampled) -> float | None:
    """One number for a sample; None where it is unscored."""
    if not row:
        return None
    if not problem.scores[method.scorer].by_step:
        return row[0]
    name = _known(method.aggregate)
    return ANY_SCALE[name](row) if name in ANY_SCALE else aggregate(row, name)


def _known(name: str) -> Aggregate:
    return next(known for known in AGGREGATES if known == name)


def _comparisons(curves: Mapping[Method, MethodCurve], how: Bootstrap) -> list[SampledComparison]:
    majority = Method(MAJORITY)
    pairs = [(m, majority) for m in curves if m.kind not in (PASS, MAJORITY, RANDOM)]
    best: dict[str, Method] = {}
    for method in curves:
        if method.kind == "best":
            best.setdefault(method.scorer, method)
    pairs += combinations(best.values(), 2)
    found: list[SampledComparison] = []
    for a, b in pairs:
        a_P, b_P = curves[a].values, curves[b].values
        try:
            difference = paired_difference(a_P, b_P, **how._asdict())
        except NothingScored:
            continue
        needed = needed_to_resolve(difference)
        found.append(SampledComparison(a, b, difference, needed, _test(a_P, b_P)))
    return found


def _test(a: Values, b: Values) -> McNemar | None:
    pairs = list(zip(a, b, strict=True))
    if any(value not in (0.0, 1.0) for pair in pairs for value in pair):
        return None
    return mcnemar([x == 1.0 for x, _ in pairs], [y == 1.0 for _, y in pairs])
