"""Best-of-N of a run's samples at every N up to all of them (see `evaluation.subsampling`)."""

from collections.abc import Iterator, Mapping, Sequence

from prmkit.evaluation.best_of_n import Aggregator, SampledProblem, Values
from prmkit.evaluation.subsampling import best_curve, pass_curve, vote_curve
from prmkit.intervals import Bootstrap
from prmkit.records import Estimate, StepScores

Scores = Mapping[str, Mapping[str, StepScores]]
"""By PRM, the step scores of every sample by solution id."""


def best_of_n_by_size(
    problems: Sequence[SampledProblem],
    scores: Scores,
    aggregates: Mapping[str, Aggregator],
    how: Bootstrap,
) -> dict[str, list[Estimate | None]]:
    """Each method's figure for N = 1, 2, ...; None where no problem decides.

    Methods are `pass`, `maj`, `random`, and `NAME AGGREGATE` for each PRM. With all samples they
    are the figures of `best_of_n`.

    Args:
        problems: The problems, all with the same number of samples.
        scores: The PRMs' step scores.
        aggregates: By name, how a solution's step scores become one number.
        how: Seed and number of resamples; every figure is on the same ones.
    """
    curves = [
        (problem.problem_id, dict(_curves(problem, index, scores, aggregates, how)))
        for index, problem in enumerate(problems)
    ]
    found = how.shares(
        (problem_id, (method, k), value)
        for problem_id, of_problem in curves
        for method, values in of_problem.items()
        for k, value in enumerate(values)
    )
    return {
        method: [found.get((method, k)) for k in range(len(values))]
        for _, of_problem in curves[:1]
        for method, values in of_problem.items()
    }


def _curves(
    problem: SampledProblem,
    index: int,
    scores: Scores,
    aggregates: Mapping[str, Aggregator],
    how: Bootstrap,
) -> Iterator[tuple[str, Values]]:
    samples = problem.samples
    passed = pass_curve(samples)
    yield "pass", passed
    yield "maj", vote_curve(samples, seed=(how.seed, index))
    yield "random", passed[:1] * len(passed)
    for prm, of_prm in scores.items():
        rows = [of_prm[sample.solution_id] for sample in samples]
        for name, aggregator in aggregates.items():
            ranked = [None if row.unscored else aggregator(row.scores) for row in rows]
            yield f"{prm} {name}", best_curve(samples, ranked)
