"""How often an adaptive budget's labels are wrong, against the error that it states, and its cost.

    python benchmarks/adaptive.py --problems 8 --k 128 --level 0.1 --error 0.05

On the shipped policy: `adaptive` labels the steps of sampled solutions with at most K draws each.
Then K fresh draws are made at every step that it labelled, and a label is wrong if it is not what
their share says of the level. Where that share is within two standard errors of the level, the
fresh draws cannot tell, so both counts are printed. `exhaustive` would have made K draws at each.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from math import sqrt
from typing import NamedTuple

from common import SAMPLING, sampled, shown

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task, drive
from prmkit.generators.load import load_generator
from prmkit.pipeline.context import check_answer
from prmkit.pipeline.labelling import usable
from prmkit.records import McAnnotation, Outcome, Problem, Solution
from prmkit.rollouts.adaptive import annotate_adaptive
from prmkit.rollouts.draws import DrawAt, Rollouts
from prmkit.synthetic.problems import make_parts


class Step(NamedTuple):
    """A labelled step and what fresh draws say of it."""

    problem_id: str
    hard: bool
    n_draws: int
    share: float
    n_fresh: int

    def is_wrong(self, level: float) -> bool:
        """Whether the fresh draws are on the other side of the level."""
        return self.hard is not (self.share > level)

    def is_clear(self, level: float) -> bool:
        """Whether they are far enough from it to tell."""
        return abs(self.share - level) > 2 * sqrt(level * (1 - level) / self.n_fresh)


def fresh_share(rollouts: Rollouts, step: int, k: int) -> Task[tuple[float, int]]:
    """The share of right ones among k draws of a step, and how many were scored."""
    draws = yield from rollouts.draw([DrawAt(step, i) for i in range(k)])
    scored = [d.outcome is Outcome.CORRECT for d in draws if d.outcome is not Outcome.UNSCORED]
    return sum(scored) / max(1, len(scored)), len(scored)


def steps_of(solution: Solution, row: McAnnotation, rollouts: Rollouts, k: int) -> Task[list[Step]]:
    """The labelled steps of a solution, each with fresh draws."""
    found: list[Step] = []
    for step, estimate in enumerate(row.steps):
        if estimate.hard is None or estimate.known:
            continue
        share, n = yield from fresh_share(rollouts, step, k)
        made = len(estimate.outcomes)
        found.append(Step(solution.problem_id, estimate.hard, made, share, n))
    return found


def ratio(steps: Sequence[Step], above: Sequence[float], below: Sequence[float]) -> str:
    """A ratio of sums over steps."""
    return shown((s.problem_id, a, b) for s, a, b in zip(steps, above, below, strict=True))


def report(steps: Sequence[Step], config: RolloutConfig) -> None:
    """Print how often labels are wrong, and what they cost."""
    clear = [s for s in steps if s.is_clear(config.level)]
    print(
        f"{len(steps)} labelled steps, {sum(s.hard for s in steps)} positive; level "
        f"{config.level:g}, stated error {config.error:g}, K = {config.k}"
    )
    for name, own in (("all", steps), ("clear", clear)):
        wrong = [s.is_wrong(config.level) for s in own]
        print(f"labels wrong, {name} ({len(own)}): {ratio(own, wrong, [1.0] * len(own))}")
        for hard in (True, False):
            of_kind = [s for s in own if s.hard is hard]
            wrong = [s.is_wrong(config.level) for s in of_kind]
            word = "positive" if hard else "negative"
            print(f"  of the {len(of_kind)} {word}: {ratio(of_kind, wrong, [1.0] * len(wrong))}")
    draws = [float(s.n_draws) for s in steps]
    print(f"draws / all K draws of the same steps: {ratio(steps, draws, [config.k] * len(steps))}")


def main() -> None:
    """Read options, sample, label, draw again, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--problems", type=int, default=8, help="a split")
    parser.add_argument("--k", type=int, default=128)
    parser.add_argument("--level", type=float, default=0.1)
    parser.add_argument("--error", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=12, help="of the problems")
    options = parser.parse_args()
    config = RolloutConfig(
        annotator="adaptive",
        k=options.k,
        level=options.level,
        error=options.error,
        finished_is_known=True,
    )
    problems: dict[str, Problem] = {
        p.problem_id: p for p in make_parts(options.seed, {"train": options.problems})["train"]
    }
    generator = load_generator("synthetic:policy-strong", 256, None)
    with AnswerChecker() as checker:
        judge = partial(check_answer, checker)
        solutions = usable(sampled(problems.values(), "strong", generator, checker))
        first, second = (
            [Rollouts(s, problems[s.problem_id], seed, SAMPLING, judge) for s in solutions]
            for seed in (1, 2)
        )
        made = dict(drive((annotate_adaptive(r, config) for r in first), generator))
        n_undecided = sum(bool(row.unscored) for row in made.values())
        print(f"{len(solutions)} solutions, {n_undecided} undecided after K draws", flush=True)
        tasks = (steps_of(s, made[i], second[i], config.k) for i, s in enumerate(solutions))
        steps = [step for _, own in sorted(drive(tasks, generator)) for step in own]
    report(steps, config)


if __name__ == "__main__":
    main()
