"""What rollouts that become solutions are worth, against sampling and labelling each on its own.

    python benchmarks/tree.py --problems 40 --samples 2 --grow 2

On the shipped policy, equal seeds, one run: solutions are sampled; `sequential` and `tree` label
them; exhaustive annotation with draws of its own, at two seeds, then labels everything that the
tree has, so that it is seen how often the tree differs from it, and how often it differs from
itself. Ratios and shares carry bootstrap intervals over problems. The truth is the oracle's.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from common import SAMPLING, sampled, shown, true_error

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import RolloutConfig
from prmkit.generators.base import Generator
from prmkit.generators.drive import drive
from prmkit.generators.load import load_generator
from prmkit.pipeline.context import check_answer
from prmkit.pipeline.labelling import usable
from prmkit.records import McAnnotation, Outcome, Problem, Solution
from prmkit.rollouts.annotators import annotate
from prmkit.rollouts.draws import Rollouts
from prmkit.rollouts.tree import Tree, grow_tree
from prmkit.synthetic.problems import make_parts

_MODEL = "synthetic:policy-strong"


class Bench(NamedTuple):
    """What all ways work with."""

    problems: Mapping[str, Problem]
    generator: Generator
    checker: AnswerChecker

    def rollouts(self, solution: Solution, seed: int) -> Rollouts:
        """Draws of a solution under a seed."""
        problem = self.problems[solution.problem_id]
        return Rollouts(solution, problem, seed, SAMPLING, partial(check_answer, self.checker))

    def annotated(
        self, solutions: Sequence[Solution], config: RolloutConfig, seed: int
    ) -> dict[str, McAnnotation]:
        """Annotations by solution id."""
        tasks = (annotate(self.rollouts(s, seed), config) for s in solutions)
        return {row.solution_id: row for _, row in drive(tasks, self.generator)}

    def trees(self, solutions: Sequence[Solution], config: RolloutConfig, seed: int) -> list[Tree]:
        """A tree a problem."""
        of_problem: dict[str, list[Solution]] = {}
        for solution in solutions:
            of_problem.setdefault(solution.problem_id, []).append(solution)
        tasks = (
            grow_tree(own, lambda s: self.rollouts(s, seed), config) for own in of_problem.values()
        )
        return [tree for _, tree in sorted(drive(tasks, self.generator))]


Row = tuple[str, float, float]
"""Problem, numerator, denominator."""


def differing(
    solutions: Sequence[Solution], a: Mapping[str, McAnnotation], b: Mapping[str, McAnnotation]
) -> list[Row]:
    """Whether two annotations place the first error elsewhere, of those that both decide."""
    pairs = [(s, a[s.solution_id], b[s.solution_id]) for s in solutions]
    return [
        (s.problem_id, x.first_error != y.first_error, 1.0)
        for s, x, y in pairs
        if not x.unscored and not y.unscored
    ]


def wrong(
    bench: Bench, solutions: Sequence[Solution], rows: Mapping[str, McAnnotation]
) -> list[Row]:
    """Whether labels are wrong against the oracle."""
    found: list[Row] = []
    for s in solutions:
        place = true_error(s, bench.problems[s.problem_id])
        if not rows[s.solution_id].unscored:
            found.append((s.problem_id, rows[s.solution_id].first_error != place, 1.0))
    return found


def per_solution(
    rows: Mapping[str, McAnnotation],
    solutions: Sequence[Solution],
    counts: Callable[[McAnnotation], bool],
) -> list[Row]:
    """Generated tokens, sampling and rollouts, for each solution that counts."""
    return [
        (
            s.problem_id,
            s.usage.generated_tokens + rows[s.solution_id].usage.generated_tokens,
            counts(rows[s.solution_id]),
        )
        for s in solutions
    ]


def compare(bench: Bench, n_samples: int, k: int, grow: int) -> None:
    """Make everything and print the table."""
    base = RolloutConfig(annotator="sequential", k=k, finished_is_known=True, grow=grow)
    given = usable(
        sampled(bench.problems.values(), "strong", bench.generator, bench.checker, n_samples)
    )
    alone = bench.annotated(given, base, 1)
    trees = bench.trees(given, base, 1)
    grown = [s for tree in trees for s in tree.grown]
    tree = {row.solution_id: row for t in trees for row in t.annotations}
    both = [*given, *grown]
    exhaustive = RolloutConfig.model_validate({**dict(base), "annotator": "exhaustive"})
    first, second = (bench.annotated(both, exhaustive, seed) for seed in (2, 3))
    n_right = sum(s.outcome is Outcome.CORRECT for s in given)
    print(
        f"{len(bench.problems)} problems, {len(given)} solutions given ({n_right} end right), "
        f"{len(grown)} grown (all end wrong), K = {k}"
    )

    def decided(row: McAnnotation) -> bool:
        return not row.unscored

    def located(row: McAnnotation) -> bool:
        return row.first_error is not None

    lines = {
        "generated tokens a labelled solution: sequential": per_solution(alone, given, decided),
        "a labelled solution: tree": per_solution(tree, both, decided),
        "generated tokens an error located: sequential": per_solution(alone, given, located),
        "an error located: tree": per_solution(tree, both, located),
        "first errors elsewhere than exhaustive's: tree, grown": differing(grown, tree, first),
        "exhaustive against itself, grown": differing(grown, first, second),
        "the same: tree, given": differing(given, tree, first),
        "exhaustive against itself, given": differing(given, first, second),
        "wrong against the oracle: tree, given": wrong(bench, given, tree),
        "wrong against the oracle: tree, grown": wrong(bench, grown, tree),
        "wrong against the oracle: exhaustive, grown": wrong(bench, grown, first),
    }
    for name, rows in lines.items():
        print(f"{name:56} {shown(rows)}", flush=True)


def main() -> None:
    """Read options, make, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--problems", type=int, default=40, help="a split")
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--grow", type=int, default=2)
    parser.add_argument("--seed", type=int, default=11, help="of the problems")
    options = parser.parse_args()
    problems = make_parts(options.seed, {"train": options.problems})["train"]
    with AnswerChecker() as checker:
        bench = Bench(
            {p.problem_id: p for p in problems}, load_generator(_MODEL, 128, None), checker
        )
        compare(bench, options.samples, options.k, options.grow)


if __name__ == "__main__":
    main()
