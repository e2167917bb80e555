"""Best-of-N: which of N samples a method picks, and how often that one is right.

* pass@k: some of k samples is right; the unbiased estimate of arXiv 2107.03374, equation 1;
* maj@N: the most frequent answer (arXiv 2203.11171), and of tied ones that which comes first, as in
  the evaluation code of Qwen2.5-Math;
* prm@N: the sample with the highest aggregated step score, of equal ones the first;
* weighted majority: the answer whose samples' aggregated scores sum to most;
* random: the mean over samples, what picking blindly gives.

A value a problem comes first, `None` where nothing can be said; figures are means over problems
with a bootstrap over problems, and methods are compared by `intervals.paired_difference` on the
values. An unscored sample is neither right nor wrong. It does not vote and is not in the mean; if
it is picked, the problem is unscored for that method.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from prmkit.errors import DataError
from prmkit.intervals import mean_over_problems
from prmkit.records import Estimate, Outcome, StepScores

Values = list[float | None]
"""One value in [0, 1] a problem; None = unscored."""
Aggregator = Callable[[Sequence[float]], float]
"""Step scores of one solution, at least one, to one number; higher is better."""
Ties = Literal["first", "fractional"]


class Sample(NamedTuple):
    """One of the N samples of a problem."""

    solution_id: str
    """The solution, by which its step scores are found."""
    outcome: Outcome
    """Whether its answer is right."""
    answer: str | None
    """Key under which equal answers are equal; None = no answer was found."""


class SampledProblem(NamedTuple):
    """A problem with its samples in the order drawn."""

    problem_id: str
    """The problem."""
    samples: Sequence[Sample]
    """N of them, the same N for all problems."""


class BestOfN(NamedTuple):
    """The table of a Best-of-N run."""

    rows: Mapping[str, Estimate]
    """By method: `pass@N`, `maj@N`, `random`, and `NAME prm@N AGGREGATE` for each PRM."""
    values: Mapping[str, Values]
    """The same methods' values by problem, for paired differences."""
    n: int
    """Samples a problem."""
    n_samples: int
    """Samples in all."""
    n_unscored: int
    """Samples that are neither right nor wrong."""
    n_without_answer: int
    """Samples in which no answer was found."""
    n_without_scores: Mapping[str, int]
    """By PRM, samples that it could not score; they are never picked."""


def best_of_n(
    problems: Sequence[SampledProblem],
    scores: Mapping[str, Mapping[str, StepScores]],
    aggregates: Mapping[str, Aggregator],
    *,
    seed: int,
    resamples: int = 1000,
) -> BestOfN:
    """Compute all methods' figures.

    Args:
        problems: The problems with N samples each.
        scores: By PRM, the step scores of every sample by solution id.
        aggregates: By name, how a solution's step scores become one number.
        seed: Seed of the resampling alone; all methods see the same resamples if none of their
            problems is unscored.
        resamples: Resamples over problems.

    Raises:
        DataError: problems differ in N, or a sample has no row of a PRM's scores.
        NothingScored: a method has no scored problem.
    """
    n = _samples_a_problem(problems)
    picks = {
        f"{prm} prm@{n} {name}": [prm_at_n(problem.samples, of_prm, how) for problem in problems]
        for prm, of_prm in scores.items()
        for name, how in aggregates.items()
    }
    values: dict[str, Values] = {
        f"pass@{n}": [pass_at_k(problem.samples, n) for problem in problems],
        f"maj@{n}": [maj_at_n(problem.samples) for problem in problems],
        "random": [pass_at_k(problem.samples, 1) for problem in problems],
        **picks,
    }
    samples = [sample for problem in problems for sample in problem.samples]
    return BestOfN(
        rows={
            method: mean_over_problems(values_P, seed=seed, resamples=resamples)
            for method, values_P in values.items()
        },
        values=values,
        n=n,
        n_samples=len(samples),
        n_unscored=sum(sample.outcome is Outcome.UNSCORED for sample in samples),
        n_without_answer=sum(sample.answer is None for sample in samples),
        n_without_scores={
            prm: sum(bool(_row(sample, of_prm).unscored) for sample in samples)
            for prm, of_prm in scores.items()
        },
    )


def pass_at_k(samples: Sequence[Sample], k: int) -> float | None:
    """Probability that some of k of a problem's samples is right; k = 1 is the mean over samples.

    Of n scored samples with c right ones: 1 - C(n - c, k) / C(n, k). Unscored samples are left out,
    and with fewer than k scored ones there is no value.

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"pass@{k}: k must be at least 1")
    scored = [sample.outcome for sample in samples if sample.outcome is not Outcome.UNSCORED]
    n, n_right = len(scored), scored.count(Outcome.CORRECT)
    return 1.0 - math.comb(n - n_right, k) / math.comb(n, k) if n >= k else None


def maj_at_n(samples: Sequence[Sample], ties: Ties = "first") -> float | None:
    """Whether the most frequent answer is right.

    Args:
        samples: Of one problem, in order. Unscored ones and those without an answer do not vote.
        ties: `first` takes the tied answer that comes first; `fractional` is the chance of being
            right when one is drawn among the tied.

    Returns:
        0 or 1 (or a share for `fractional`). With no vote: 0 if all samples are known to be wrong,
        else None.
    """
    return _heaviest([(sample, 1.0) for sample in samples if _votes(sample)], samples, ties)


def weighted_majority(
    samples: Sequence[Sample],
    scores: Mapping[str, StepScores],
    aggregate: Aggregator,
    ties: Ties = "first",
) -> float | None:
    """Whether the answer with the largest sum of aggregated scores is right.

    Args:
        samples: Of one problem, in order; those without step scores do not vote either.
        scores: Step scores by solution id.
        aggregate: To a number of at least 0, as it is summed.
        ties: As in `maj_at_n`.

    Raises:
        DataError: a sample has no row of scores, or an aggregate is not a number of at least 0.
    """
    weighted = [
        (sample, weight)
        for sample, weight in _aggregated(samples, scores, aggregate)
        if _votes(sample)
    ]
    for sample, weight in weighted:
        if weight < 0.0:
            raise DataError(f"{sample.solution_id}: a weight of {weight}, below 0")
    return _heaviest(weighted, samples, ties)


def prm_at_n(
    samples: Sequence[Sample], scores: Mapping[str, StepScores], aggregate: Aggregator
) -> float | None:
    """Whether the sample with the highest aggregated score is right; the first of equal ones.

    Returns:
        0 or 1; None if the picked sample is unscored, or no sample has step scores.

    Raises:
        DataError: a sample has no row of scores, or an aggregate is not a number.
    """
    aggregated = _aggregated(samples, scores, aggregate)
    if not aggregated:
        return None
    picked, _ = max(aggregated, key=lambda pair: pair[1])  # max keeps the first of equal ones
    return _value(picked)


def _samples_a_problem(problems: Sequence[SampledProblem]) -> int:
    sizes = {len(problem.samples) for problem in problems}
    if len(sizes) != 1 or 0 in sizes:
        raise DataError(f"Best-of-N needs the same N >= 1 for all problems, found {sorted(sizes)}")
    return sizes.pop()


def _votes(sample: Sample) -> bool:
    return sample.answer is not None and sample.outcome is not Outcome.UNSCORED


def _value(sample: Sample) -> float | None:
    return None if sample.outcome is Outcome.UNSCORED else float(sample.outcome is Outcome.CORRECT)


def _row(sample: Sample, scores: Mapping[str, StepScores]) -> StepScores:
    if sample.solution_id not in scores:
        raise DataError(f"{sample.solution_id}: no row of step scores")
    return scores[sample.solution_id]


def _aggregated(
    samples: Sequence[Sample], scores: Mapping[str, StepScores], aggregate: Aggregator
) -> list[tuple[Sample, float]]:
    """Samples that have step scores, with their aggregate."""
    pairs: list[tuple[Sample, float]] = []
    for sample in samples:
        row = _row(sample, scores)
        if row.unscored:
            continue
        value = aggregate(row.scores)
        if math.isnan(value):
            raise DataError(f"{sample.solution_id}: the aggregate of its scores is not a number")
        pairs.append((sample, value))
    return pairs


def _heaviest(
    weighted: Sequence[tuple[Sample, float]], samples: Sequence[Sample], ties: Ties
) -> float | None:
    """Whether the answer of most weight is right; an answer's outcome is its first sample's."""
    if not weighted:
        all_wrong = all(sample.outcome is Outcome.INCORRECT for sample in samples)
        return 0.0 if all_wrong else None
    # Added up in order, as in the code of search-and-learn and NeMo-Skills: sums that are equal on
    # paper may differ by rounding, and an evaluation that rounds otherwise would decide otherwise.
    sums: dict[str | None, float] = {}
    right: dict[str | None, bool] = {}
    for sample, weight in weighted:
        sums[sample.answer] = sums.get(sample.answer, 0.0) + weight
        right.setdefault(sample.answer, sample.outcome is Outcome.CORRECT)
    most = max(sums.values())
    tied = [right[answer] for answer, total in sums.items() if total == most]
    return float(tied[0]) if ties == "first" else sum(tied) / len(tied)
