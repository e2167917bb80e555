"""What the shipped models show: how often the policies are right, why, and what the judge sees.

    python benchmarks/models.py --problems 1000 --judged 150

Problems of each split that no model was trained on; the policies write one solution of each at
temperature 0.8. A wrong process is a right answer with a first error by the oracle. The judge,
greedy, reads solutions of both policies, and single corruptions of right ones beside right ones,
which is what it learnt from. Intervals are over problems.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from common import sampled, true_error

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import JudgeConfig
from prmkit.evaluation.processbench import evaluate
from prmkit.generators.base import Sampling
from prmkit.generators.drive import drive
from prmkit.generators.load import load_generator
from prmkit.intervals import Bootstrap
from prmkit.judging.judge import judge_solution
from prmkit.pipeline.evaluate import ProcessSet
from prmkit.pipeline.labelling import usable
from prmkit.pipeline.words import percent
from prmkit.records import Outcome, Problem, Solution
from prmkit.synthetic.examples import judge_case
from prmkit.synthetic.oracle import world_of
from prmkit.synthetic.problems import SPLITS, make_parts

_JUDGING = Sampling(temperature=0.0, max_new_tokens=80)
_POLICIES = ("strong", "weak")
_INTERVAL = Bootstrap(0, 1000)


def row(name: str, cells: Iterable[str]) -> None:
    """Print a line of a Markdown table."""
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def share(
    problems: Sequence[Problem],
    solutions: Sequence[Solution],
    split: str,
    says: Callable[..., bool],
) -> str:
    """Of a split's solutions, how many are so."""
    of = {p.problem_id: p for p in problems if p.split == split}
    own = [s for s in solutions if s.problem_id in of]
    return percent(_INTERVAL.ratio((s.problem_id, says(s, of[s.problem_id]), 1.0) for s in own))


def written(name: str, problems: Sequence[Problem], checker: AnswerChecker) -> list[Solution]:
    """A policy's solutions, one a problem, with how fast they came."""
    start = time.perf_counter()
    generator = load_generator(f"synthetic:policy-{name}", 256, None)
    solutions = sampled(problems, name, generator, checker)
    seconds = time.perf_counter() - start
    tokens = sum(s.usage.generated_tokens for s in solutions)
    n_unscored = sum(s.outcome is Outcome.UNSCORED for s in solutions)
    print(
        f"\n{name}: {len(solutions)} solutions of {len(problems)} problems, {n_unscored} unscored, "
        f"{tokens:,} tokens at {tokens / seconds:,.0f} a second"
    )
    right = [s for s in solutions if s.outcome is Outcome.CORRECT]
    row("", SPLITS)
    row("---", ["--:"] * len(SPLITS))
    is_right = partial(share, problems, solutions, says=lambda s, _: s.outcome is Outcome.CORRECT)
    is_wrong = partial(share, problems, right, says=lambda s, p: true_error(s, p) is not None)
    row("right answers", (is_right(split=split) for split in SPLITS))
    row("of these, wrong process", (is_wrong(split=split) for split in SPLITS))
    return solutions


def corrupted(problems: Sequence[Problem], seed: int) -> list[Solution]:
    """A right solution of each problem, two in three with one corruption."""
    rng = random.Random(f"corrupted/{seed}")
    return [
        Solution(
            solution_id=f"{p.problem_id}/corrupted/0",
            problem_id=p.problem_id,
            policy="corrupted",
            sample_index=0,
            steps=tuple(judge_case(rng, world_of(p)).steps),
            outcome=Outcome.UNSCORED,
            reason="not looked at",
        )
        for p in problems
    ]


def judged(model: str, title: str, problems: Sequence[Problem], rows: Sequence[Solution]) -> None:
    """What the judge says of solutions, against the oracle."""
    of = {p.problem_id: p for p in problems}
    config = JudgeConfig(model=model, prompt="compact", sampling=_JUDGING)
    generator = load_generator(model, 64, None)
    tasks = (judge_solution(s, of[s.problem_id], config, 1) for s in rows)
    truth = {s.solution_id: true_error(s, of[s.problem_id]) for s in rows}
    cases = ProcessSet(rows, of, truth).from_annotations(
        found for _, found in drive(tasks, generator)
    )
    found = evaluate(cases, seed=0)
    wrong = [c for c in cases if c.first_error is not None]
    n_placed = sum(c.predicted == c.first_error and not c.unscored for c in wrong)
    n_cleared = sum(c.first_error is None and c.predicted is None and not c.unscored for c in cases)
    print(
        f"\njudge, {title}: {n_placed} of {len(wrong)} wrong ones placed, {n_cleared} of "
        f"{len(cases) - len(wrong)} right ones cleared, {sum(bool(c.unscored) for c in cases)} "
        f"unreadable; mean F1 {percent(found.mean_f1)}"
    )
    results = [found.subsets[split] for split in SPLITS]
    row("", SPLITS)
    row("---", ["--:"] * len(SPLITS))
    row("wrong ones placed exactly", (percent(r.error_accuracy) for r in results))
    row("right ones cleared", (percent(r.correct_accuracy) for r in results))
    row("F1", (percent(r.f1) for r in results))


def main() -> None:
    """Read options, write, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--problems", type=int, default=1000, help="a split, for the policies")
    parser.add_argument("--judged", type=int, default=150, help="a split, of these, for the judge")
    parser.add_argument("--judge", default="synthetic:judge", help="or a directory")
    parser.add_argument("--seed", type=int, default=777, help="of the problems")
    options = parser.parse_args()
    problems = make_parts(options.seed, {"train": options.problems})["train"]
    few = [p for s in SPLITS for p in [q for q in problems if q.split == s][: options.judged]]
    names = {p.problem_id for p in few}
    with AnswerChecker() as checker:
        solutions = [s for name in _POLICIES for s in written(name, problems, checker)]
    judged(options.judge, "corruptions", few, corrupted(few, options.seed))
    of_policies = usable(s for s in solutions if s.problem_id in names)
    judged(options.judge, "policies' solutions", few, of_policies)


if __name__ == "__main__":
    main()
