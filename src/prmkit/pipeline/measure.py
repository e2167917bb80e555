"""Measure on a few problems what an estimate would otherwise assume.

The sample runs through the models of the recipe with the seeds of the whole run, and every reply
goes to the run's journal: what is paid for here is not paid for again. Speeds are those of replies
that were not in the journal yet, with as many requests under way as the sample has; a whole run
keeps more under way and is faster.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

from prmkit.errors import DataError
from prmkit.generators.base import Collected, Completion, Generator, Request
from prmkit.generators.drive import Task, drive
from prmkit.judging.judge import judge_solution
from prmkit.pipeline.context import AnyRun, Run, StageWork
from prmkit.pipeline.estimate import COMPLETER, Basis, PerCall, Rates
from prmkit.pipeline.given import Given
from prmkit.pipeline.labelling import Completers, annotation, tree, usable
from prmkit.pipeline.rollout import RolloutRun, completers
from prmkit.records import McAnnotation, Problem, Solution, Usage
from prmkit.sampling import Policy

T = TypeVar("T")


class _Metered:
    """A generator that counts what it writes and how long that takes."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.n_tokens = 0
        self.seconds = 0.0

    @property
    def model_id(self) -> str:
        """The wrapped generator's."""
        return self._generator.model_id

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request."""
        self._generator.submit(ticket, request)

    def collect(self) -> list[Collected]:
        """Finished calls."""
        started = time.monotonic()
        collected = self._generator.collect()
        self.seconds += time.monotonic() - started
        replies = [c.reply for c in collected if isinstance(c.reply, Completion)]
        self.n_tokens += sum(reply.usage.generated_tokens for reply in replies)
        return collected


class _Meter:
    """Runs tasks of a sample, one model at a time, and notes its speed."""

    def __init__(self, run: AnyRun, work: StageWork) -> None:
        self._run, self._work = run, work
        self.speeds: dict[str, float] = {}

    def all(self, name: str, generator: Generator, tasks: Iterable[Task[T]]) -> list[T]:
        """The results of tasks, in their order."""
        metered = _Metered(generator)
        found: dict[int, T] = {}
        for index, result in drive(tasks, metered, self._run.folder.journal):
            found[index] = result
            self._work.advance(1)
        if metered.n_tokens and metered.seconds:
            self.speeds[name] = metered.n_tokens / metered.seconds
        return [found[index] for index in sorted(found)]


def measure(run: Run, problems: Sequence[Problem], tokens_per_s: float) -> Basis:
    """Solve, roll out and judge a sample of a whole run's training problems.

    Args:
        run: The run; its journal is read and written, no stage is marked as done.
        problems: The training problems to choose from are all of these.
        tokens_per_s: For what could not be timed, since its replies were in the journal.

    Raises:
        DataError: a policy wrote no solution that can be labelled.
    """
    recipe = run.recipe
    by_id = {p.problem_id: p for p in problems}
    with run.stage("measure", 3 * len(problems) * len(recipe.policies), "tasks") as work:
        meter = _Meter(run, work)
        written = {name: _write(run, meter, name, problems) for name in recipe.policies}
        chosen = {name: usable(rows) for name, rows in written.items()}
        none = [name for name, own in chosen.items() if not own]
        if none:
            raise DataError(f"policies.{none[0]}: no solution of {len(problems)} can be labelled")
        judged = meter.all(  # before the rollouts, which may verify what it claims
            f"judge {recipe.judge.model}",
            run.generator(recipe.judge),
            [
                judge_solution(s, by_id[s.problem_id], recipe.judge, recipe.seed)
                for own in chosen.values()
                for s in own
            ],
        )
        claims = {row.solution_id: row for row in judged}
        by = Completers(recipe.rollouts, recipe.policies, lambda s: s.policy, claims)
        rates: dict[str, Rates] = {}
        for name, own in chosen.items():
            completer = recipe.policies[name].completer or name
            rolled = _rolled_out(run, meter, own, by_id, by, completer)
            rates[name] = _rates(written[name], own, rolled)
        n_chosen = len(judged)
        work.summary = f"{len(problems)} problems, {n_chosen} solutions rolled out and judged"
    return Basis(
        rates=rates,
        verdict=_mean([row.usage for row in judged]),
        tokens_per_s=tokens_per_s,
        speeds=meter.speeds,
        said=_said(f"{len(problems)} problems, {n_chosen} solutions", rates, meter.speeds),
    )


def measure_rollouts(run: RolloutRun, given: Given, n: int, tokens_per_s: float) -> Basis:
    """Roll out a sample of given solutions, evenly from all of them; see `measure`."""
    recipe = run.recipe
    problems = {p.problem_id: p for p in given.problems}
    stride = max(1, len(given.solutions) // n)
    chosen = given.solutions[::stride][:n]
    by = completers(recipe, given)
    with run.stage("measure", len(chosen), "solutions") as work:
        meter = _Meter(run, work)
        rolled = _rolled_out(run, meter, chosen, problems, by, COMPLETER)
        work.summary = f"{len(chosen)} solutions rolled out"
    rates = {COMPLETER: _rates(chosen, chosen, rolled)}
    return Basis(
        rates=rates,
        verdict=PerCall(prompt=0.0, generated=0.0),
        tokens_per_s=tokens_per_s,
        speeds=meter.speeds,
        said=_said(f"{len(chosen)} of {len(given.solutions)} solutions", rates, meter.speeds),
    )


def _rolled_out(
    run: AnyRun,
    meter: _Meter,
    solutions: Sequence[Solution],
    problems: Mapping[str, Problem],
    by: Completers,
    completer: str,
) -> list[McAnnotation]:
    """The annotations of solutions, and, with `tree`, of those grown on them."""
    config, name = by.models[completer], f"rollouts {completer}"
    generator = run.generator(config)
    if by.config.annotator == "tree":
        together: dict[str, list[Solution]] = {}
        for s in solutions:
            together.setdefault(s.problem_id, []).append(s)
        tasks = [tree(run, own, problems[i], by, config) for i, own in together.items()]
        return [row for t in meter.all(name, generator, tasks) for row in t.annotations]
    alone = [annotation(run, s, problems[s.problem_id], by, config) for s in solutions]
    return meter.all(name, generator, alone)


def spread(problems: Sequence[Problem], n: int) -> list[Problem]:
    """The first problems of each split in turn, n in all or all there are."""
    by_split: dict[str, list[Problem]] = {}
    for problem in problems:
        by_split.setdefault(problem.split, []).append(problem)
    in_turn = chain.from_iterable(zip_longest(*by_split.values()))
    return [problem for problem in in_turn if problem is not None][:n]


def _write(run: Run, meter: _Meter, name: str, problems: Sequence[Problem]) -> list[Solution]:
    config = run.recipe.policies[name]
    policy = Policy(name, config.sampling, run.recipe.seed, run.judge_answer)
    tasks = [policy.sample(problem, 0) for problem in problems]
    rows = meter.all(f"solutions {name}", run.generator(config), tasks)
    return [row for row in rows if isinstance(row, Solution)]


def _rates(
    written: Sequence[Solution], own: Sequence[Solution], rolled: Sequence[McAnnotation]
) -> Rates:
    n_calls = sum(row.usage.n_calls for row in rolled)
    return Rates(
        steps=sum(len(s.steps) for s in own) / len(own),
        solution=_mean([s.usage for s in written]),
        usable=len(own) / len(written),
        draws=n_calls / len(own),
        rollout=_mean([row.usage for row in rolled]),
    )


def _mean(usages: Sequence[Usage]) -> PerCall:
    """Tokens of one call; nothing where there was no call."""
    total = sum(usages, Usage())
    n_calls = max(1, total.n_calls)
    return PerCall(prompt=total.prompt_tokens / n_calls, generated=total.generated_tokens / n_calls)


def _said(sample: str, rates: dict[str, Rates], speeds: dict[str, float]) -> str:
    written = {  # given solutions were not written here
        name: f" of {r.solution.generated:.0f} tokens" if r.solution.generated else ""
        for name, r in rates.items()
    }
    of_each = "; ".join(
        f"{name}: {r.steps:.1f} steps a solution{written[name]}, "
        f"{r.draws:.1f} completions of {r.rollout.generated:.0f} tokens"
        for name, r in rates.items()
    )
    timed = ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
    return (
        f"Measured on {sample}: {of_each}. Generated tokens/s with as few requests under way: "
        f"{timed or 'not timed, all replies were in the journal'}. Training and scoring are not "
        "counted."
    )
