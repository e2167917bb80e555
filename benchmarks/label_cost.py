"""What verified and early-stopped labels cost, against exhaustive annotation and the filter.

    prm run recipes/label-cost.yaml --out runs/label-cost
    python benchmarks/label_cost.py runs/label-cost --k 8
    python benchmarks/label_cost.py runs/label-cost --k 8 --live strong

The run draws every step exhaustively, once. All annotators here then see those draws, so seeds are
equal by construction and the tokens are what a live run of each would have paid for. Ratios carry
bootstrap intervals over problems. `--live` lets the policy's own model draw again, for `verify` and
then for exhaustive annotation, and takes the time of each: generation and answer checking, with the
judge's verdicts on both sides.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import common

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import Recipe, RolloutConfig
from prmkit.consensus import build_consensus
from prmkit.generators.drive import drive
from prmkit.generators.load import load_generator
from prmkit.pipeline.context import check_answer
from prmkit.records import (
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    Problem,
    Solution,
)
from prmkit.rollouts.annotators import annotate
from prmkit.rollouts.certificate import fewest_draws
from prmkit.rollouts.draws import Rollouts
from prmkit.rollouts.estimate import hard_label
from prmkit.store import read_records
from prmkit.store.manifest import Manifest
from prmkit.study.runs import read_runs
from prmkit.study.settings import replayed

_NAMES = ("exhaustive", "sequential", "verify", "bisection")


def draws_in_best_order(mc: McAnnotation, claim: JudgeAnnotation, n_steps: int) -> int:
    """Draws of a method that checks only what decides the claim, but cannot choose outcomes.

    It goes straight to the check that refutes the claim with the fewest draws, or, if all hold,
    makes each; a positive step still takes as many draws as its first successes need. No order of
    checks does with fewer.

    Args:
        mc: Every draw, by `exhaustive`.
        claim: The judge's.
        n_steps: Steps of the solution.
    """
    place = claim.first_error
    if claim.unscored or (place is not None and place >= n_steps):
        return 0
    costs: dict[bool, list[int]] = {True: [], False: []}
    for index, step in enumerate(mc.steps[: n_steps if place is None else place + 1]):
        n_decided = next(
            n
            for n in range(mc.k + 1)
            if hard_label(step.outcomes[:n], mc.k, mc.threshold) is not None or n == mc.k
        )
        costs[step.hard is (index != place)].append(0 if step.known else n_decided)
    return min(costs[False]) if costs[False] else sum(costs[True])


class Row(NamedTuple):
    """One solution under every annotator."""

    solution: Solution
    judge: JudgeAnnotation
    mc: dict[str, McAnnotation]
    kept: dict[str, LabelledSolution | None]
    truth: int | None


def load(folder: Path, config: RolloutConfig) -> list[Row]:
    """Replay every annotator over a run's stored draws."""
    (run,) = read_runs([folder])
    rows: list[Row] = []
    for drawn in run.drawn:
        mc = {name: replayed(drawn, name, config.k, config.threshold) for name in _NAMES}
        kept = {
            name: found if isinstance(found, LabelledSolution) else None
            for name in ("exhaustive", "verify")
            for found in [build_consensus(mc[name], drawn.judge, drawn.solution, drawn.problem)]
        }
        rows.append(Row(drawn.solution, drawn.judge, mc, kept, drawn.truth.first_error))
    return rows


def shown(rows: Sequence[Row], above: Callable[[Row], float], below: Callable[[Row], float]) -> str:
    """A ratio of sums with its interval over problems."""
    return common.shown((row.solution.problem_id, above(row), below(row)) for row in rows)


def report(rows: Sequence[Row]) -> None:
    """Print the table."""

    def tokens(name: str) -> Callable[[Row], float]:
        return lambda r: r.mc[name].usage.generated_tokens

    def with_judge(name: str) -> Callable[[Row], float]:
        return lambda r: r.mc[name].usage.generated_tokens + r.judge.usage.generated_tokens

    def differs(name: str) -> Callable[[Row], float]:
        return lambda r: r.mc[name].first_error != r.mc["exhaustive"].first_error

    n_kept = sum(r.kept["exhaustive"] is not None for r in rows)
    equal = all(r.kept["verify"] == r.kept["exhaustive"] for r in rows)
    print(
        f"{len(rows)} solutions, {n_kept} kept; verify keeps the same with the same labels: {equal}"
    )
    lines = {
        "verify / exhaustive + filter, rollout tokens": (tokens("verify"), tokens("exhaustive")),
        "the same with the judge's tokens": (with_judge("verify"), with_judge("exhaustive")),
        "sequential / exhaustive, tokens": (tokens("sequential"), tokens("exhaustive")),
        "bisection / exhaustive, tokens": (tokens("bisection"), tokens("exhaustive")),
        "sequential first errors that differ": (differs("sequential"), lambda _: 1.0),
        "bisection first errors that differ": (differs("bisection"), lambda _: 1.0),
        "verify draws / certificate bound": (
            lambda r: r.mc["verify"].usage.n_calls,
            lambda r: fewest_draws(r.mc["exhaustive"], r.judge, len(r.solution.steps)),
        ),
        "the best order of checks / certificate bound": (
            lambda r: draws_in_best_order(r.mc["exhaustive"], r.judge, len(r.solution.steps)),
            lambda r: fewest_draws(r.mc["exhaustive"], r.judge, len(r.solution.steps)),
        ),
        "wrong against the oracle: exhaustive": (
            lambda r: not r.mc["exhaustive"].unscored and r.mc["exhaustive"].first_error != r.truth,
            lambda r: not r.mc["exhaustive"].unscored,
        ),
        "wrong against the oracle: kept": (
            lambda r: r.kept["verify"] is not None and r.mc["verify"].first_error != r.truth,
            lambda r: r.kept["verify"] is not None,
        ),
    }
    for name, (above, below) in lines.items():
        print(f"{name:46} {shown(rows, above, below)}")


def live(folder: Path, rows: Sequence[Row], config: RolloutConfig, name: str) -> None:
    """Draw again with a policy's own model, and print what each way takes by the clock."""
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_text("utf-8"))
    recipe = Recipe.model_validate(manifest.recipe)
    policy = recipe.policies[name]
    problems = {p.problem_id: p for p in read_records(folder / "problems.train.parquet", Problem)}
    chosen = [row for row in rows if row.solution.policy == name]
    kept: dict[str, list[LabelledSolution]] = {}
    seconds: dict[str, float] = {}
    with AnswerChecker() as checker:
        for annotator in ("verify", "exhaustive"):
            generator = load_generator(policy.model, policy.batch_size, recipe.threads)
            own = RolloutConfig.model_validate({**dict(config), "annotator": annotator})
            rollouts = [
                Rollouts(
                    row.solution,
                    problems[row.solution.problem_id],
                    recipe.seed,
                    policy.sampling,
                    partial(check_answer, checker),
                )
                for row in chosen
            ]
            pairs = zip(rollouts, chosen, strict=True)
            since = time.monotonic()
            made = dict(drive((annotate(draws, own, row.judge) for draws, row in pairs), generator))
            seconds[annotator] = time.monotonic() - since
            found = (
                build_consensus(made[i], row.judge, row.solution, problems[row.solution.problem_id])
                for i, row in enumerate(chosen)
            )
            kept[annotator] = [row for row in found if isinstance(row, LabelledSolution)]
            tokens = sum(row.usage.generated_tokens for row in made.values())
            print(
                f"live, {name}, {annotator}: {len(chosen)} solutions, {tokens:,} tokens, "
                f"{seconds[annotator]:.1f} s, {len(kept[annotator])} kept",
                flush=True,
            )
    equal = kept["verify"] == kept["exhaustive"]
    ratio_s = seconds["verify"] / seconds["exhaustive"]
    print(f"live: verify / exhaustive, seconds {ratio_s:.3f}; the same kept: {equal}")


def main() -> None:
    """Read options, replay, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", type=Path, help="folder of a run with exhaustive draws")
    parser.add_argument("--k", type=int, nargs="+", default=[8])
    parser.add_argument("--threshold", type=int, default=0)
    parser.add_argument("--live", metavar="POLICY", help="draw again with its model and time it")
    options = parser.parse_args()
    for k in options.k:
        config = RolloutConfig(k=k, threshold=options.threshold, redraws=0, finished_is_known=True)
        print(f"\nK = {k}, threshold {options.threshold}")
        rows = load(options.run, config)
        report(rows)
        if options.live:
            live(options.run, rows, config, options.live)


if __name__ == "__main__":
    main()
