"""Sampled solutions as the problems of a Best-of-N table."""

from collections.abc import Iterable

from prmkit.evaluation.best_of_n import Sample, SampledProblem
from prmkit.records import Solution


def sampled_problems(solutions: Iterable[Solution], n: int) -> list[SampledProblem]:
    """Problems with all their N samples; one of whose samples was rejected is left out."""
    by_problem: dict[str, list[Solution]] = {}
    for solution in solutions:
        by_problem.setdefault(solution.problem_id, []).append(solution)
    return [
        SampledProblem(
            problem_id,
            [
                Sample(s.solution_id, s.outcome, s.extracted)
                for s in sorted(of_problem, key=lambda s: s.sample_index)
            ],
        )
        for problem_id, of_problem in sorted(by_problem.items())
        if len(of_problem) == n
    ]
