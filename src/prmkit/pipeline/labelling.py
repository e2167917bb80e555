"""Stages from problems to labels. Each leaves tables in the run folder and is skipped if done."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from prmkit.config import ModelConfig, RolloutConfig
from prmkit.consensus import Candidate, filter_consensus
from prmkit.datasets.decontaminate import Match
from prmkit.generators.base import Generator
from prmkit.generators.drive import Task, drive
from prmkit.generators.guard import Guarded
from prmkit.judging.judge import judge_solution
from prmkit.pipeline.context import AnyRun, Run, StageWork
from prmkit.pipeline.distinct import Completed, Tally, complaint, of_rollouts, of_solutions
from prmkit.pipeline.sources import Source, draw_source
from prmkit.records import (
    Annotated,
    BenchmarkCase,
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Outcome,
    Problem,
    Question,
    Record,
    Rejected,
    Solution,
)
from prmkit.rollouts.annotators import annotate
from prmkit.rollouts.draws import Rollouts
from prmkit.sampling import Policy
from prmkit.store import read_records, write_records
from prmkit.synthetic.oracle import first_error, world_of
from prmkit.synthetic.problems import PARTS

R = TypeVar("R", bound=Record)
A = TypeVar("A", bound=Annotated)

_LOGGER = logging.getLogger(__name__)
_ROWS_AT_ONCE = 32  # finished rows a journal transaction


class Job(NamedTuple, Generic[R]):
    """One row of a stage: its key and the conversation that makes it."""

    key: str
    start: Callable[[], Task[R | Rejected]]


def keep(run: AnyRun, stage: str, rows: Sequence[R], row_type: type[R]) -> None:
    """Write one table of a stage."""
    write_records(run.folder.stage_path(stage), rows, row_type)


def kept(run: AnyRun, stage: str, row_type: type[R]) -> list[R]:
    """Read one table of a finished stage."""
    return read_records(run.folder.stage_path(stage), row_type)


class _Worker(Generic[R]):
    """Runs a stage's jobs over a generator, journalling finished rows."""

    def __init__(self, run: AnyRun, stage: str, row_type: type[R], work: StageWork) -> None:
        self._run, self._stage, self._work = run, stage, work
        found = run.folder.journal.rows(stage)
        self.rows = {key: row_type.model_validate_json(text) for key, text in found.items()}
        self.rejected: dict[str, Rejected] = {}
        self._fresh: dict[str, R] = {}

    def in_order(self, solutions: Sequence[Solution]) -> list[R]:
        """The rows of these solutions."""
        return [self.rows[solution.solution_id] for solution in solutions]

    def do(self, jobs: Sequence[Job[R]], generator: Generator) -> None:
        """Make the rows that are not there yet."""
        waiting = [job for job in jobs if job.key not in self.rows]
        self._work.advance(len(jobs) - len(waiting))
        tasks = (job.start() for job in waiting)
        for index, row in drive(tasks, generator, self._run.folder.journal):
            key = waiting[index].key
            if isinstance(row, Rejected):
                self.rejected[key] = row  # not journalled: a resume tries it again
                self._work.advance(1)
                continue
            self.rows[key] = self._fresh[key] = row
            usage = getattr(row, "usage", None)
            self._work.advance(1, usage.generated_tokens if usage else 0)
            if len(self._fresh) >= _ROWS_AT_ONCE:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        self._run.folder.journal.add_rows(self._stage, self._fresh)
        self._fresh = {}


def make_problems(run: Run) -> Source:
    """Problems by part, and imported cases."""
    if not run.folder.is_done("problems"):
        with run.stage("problems", len(PARTS), "parts") as work:
            source = draw_source(run.recipe.problems, run.recipe.seed)
            for part, problems in source.parts.items():
                keep(run, f"problems.{part}", problems, Problem)
                work.advance()
            keep(run, "problems.cases", source.cases, BenchmarkCase)
            keep(run, "problems.contaminated", source.contaminated, Match)
            counts = {part: len(problems) for part, problems in source.parts.items()}
            if run.recipe.problems.source == "imported":
                counts |= {"cases": len(source.cases), "contaminated": len(source.contaminated)}
            run.folder.finish("problems", counts)
            work.summary = ", ".join(f"{n} {part}" for part, n in counts.items())
    return Source(
        {part: kept(run, f"problems.{part}", Problem) for part in PARTS},
        kept(run, "problems.cases", BenchmarkCase),
        kept(run, "problems.contaminated", Match),
    )


def sample(
    run: Run, part: str, problems: Sequence[Problem], draws: Mapping[str, int]
) -> list[Solution]:
    """Solutions of a part; `draws` says how many each policy writes a problem."""
    stage = f"solutions.{part}"
    if not run.folder.is_done(stage):
        with run.stage(stage, len(problems) * sum(draws.values()), "solutions") as work:
            worker = _Worker(run, stage, Solution, work)
            for name, n in draws.items():
                config = run.recipe.policies[name]
                policy = Policy(name, config.sampling, run.recipe.seed, run.judge_answer)
                jobs = [_sampling(policy, p, i) for p in problems for i in range(n)]
                limit = run.recipe.rollouts.max_failed
                worker.do(jobs, Guarded(run.generator(config), limit, stage))
            solutions = [worker.rows[key] for key in sorted(worker.rows)]
            for name in draws:
                own = of_solutions(s for s in solutions if s.policy == name)
                _warn_of_repeats(f"{stage} by {name}", own)
            keep(run, stage, solutions, Solution)
            rejected = [worker.rejected[key] for key in sorted(worker.rejected)]
            keep(run, f"rejected.{part}", rejected, Rejected)
            counts = {
                "solutions": len(solutions),
                "rejected": len(rejected),
                **{o.value: sum(s.outcome is o for s in solutions) for o in Outcome},
            }
            run.folder.finish(stage, counts)
            work.summary = ", ".join(f"{n} {word}" for word, n in counts.items())
    return kept(run, stage, Solution)


def _sampling(policy: Policy, problem: Problem, index: int) -> Job[Solution]:
    key = f"{problem.problem_id}/{policy.name}/{index}"
    return Job(key, lambda: policy.sample(problem, index))


def usable(solutions: Iterable[Solution]) -> list[Solution]:
    """Solutions worth labelling: scored, and each text of a problem once."""
    seen = set[tuple[str, tuple[str, ...]]]()
    chosen: list[Solution] = []
    for solution in solutions:
        text = (solution.problem_id, solution.steps)
        if solution.outcome is not Outcome.UNSCORED and text not in seen:
            seen.add(text)
            chosen.append(solution)
    return chosen


def roll_out(
    run: Run,
    solutions: Sequence[Solution],
    problems: Mapping[str, Problem],
    claims: Mapping[str, JudgeAnnotation] | None = None,
) -> list[McAnnotation]:
    """Monte-Carlo annotations of solutions, each completed by its policy's completer.

    Args:
        run: The run.
        solutions: What to annotate.
        problems: By problem id.
        claims: The judge's annotations by solution id, which `verify` needs.
    """
    policies = run.recipe.policies
    completer_of = {name: policy.completer or name for name, policy in policies.items()}
    by = Completers(run.recipe.rollouts, policies, lambda s: completer_of[s.policy], claims or {})
    return complete(run, solutions, problems, by)


class Completers(NamedTuple):
    """How solutions are rolled out, and by which models."""

    config: RolloutConfig
    """Annotator, K, threshold and so on."""
    models: Mapping[str, ModelConfig]
    """By name; one after the other is loaded."""
    whose: Callable[[Solution], str]
    """The name of the model that completes a solution."""
    claims: Mapping[str, Annotated] = MappingProxyType({})
    """What the annotator `verify` verifies, by solution id."""


def complete(
    run: AnyRun, solutions: Sequence[Solution], problems: Mapping[str, Problem], by: Completers
) -> list[McAnnotation]:
    """Monte-Carlo annotations of solutions, in their order."""
    stage, config = "rollouts", by.config

    def job(solution: Solution, completer: ModelConfig) -> Job[McAnnotation]:
        problem = problems[solution.problem_id]
        return Job(solution.solution_id, lambda: annotation(run, solution, problem, by, completer))

    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            worker = _Worker(run, stage, McAnnotation, work)
            for name, completer in by.models.items():
                own = [s for s in solutions if by.whose(s) == name]
                if not own:
                    continue  # nor is its model loaded
                own.sort(key=lambda s: -len(s.steps))  # long ones first: no lonely tail
                jobs = [job(s, completer) for s in own]
                worker.do(jobs, Guarded(run.generator(completer), config.max_failed, stage))
            rows = worker.in_order(solutions)
            _warn_of_repeats(stage, of_rollouts(rows, {s.solution_id: s for s in solutions}))
            _finish(run, stage, rows, McAnnotation, work)
    return kept(run, stage, McAnnotation)


def annotation(
    run: AnyRun, solution: Solution, problem: Problem, by: Completers, completer: ModelConfig
) -> Task[McAnnotation]:
    """The conversation that annotates one solution."""
    seed, sampling = run.recipe.seed, completer.sampling
    rollouts = Rollouts(solution, problem, seed, sampling, run.judge_answer)
    return annotate(rollouts, by.config, by.claims.get(solution.solution_id))


def judge(
    run: Run, part: str, solutions: Sequence[Solution], problems: Mapping[str, Question]
) -> list[JudgeAnnotation]:
    """The judge's annotations of a part's solutions."""
    stage, config = f"judge.{part}", run.recipe.judge

    def job(solution: Solution) -> Job[JudgeAnnotation]:
        problem = problems[solution.problem_id]
        seed = run.recipe.seed
        return Job(solution.solution_id, lambda: judge_solution(solution, problem, config, seed))

    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            worker = _Worker(run, stage, JudgeAnnotation, work)
            jobs = [job(s) for s in solutions]
            worker.do(jobs, Guarded(run.generator(config), config.max_failed, stage))
            _finish(run, stage, worker.in_order(solutions), JudgeAnnotation, work)
    return kept(run, stage, JudgeAnnotation)


def _warn_of_repeats(stage: str, prefixes: Sequence[Completed]) -> None:
    """Say it before more is paid for; the report says it again."""
    said = complaint(stage, Tally.of(prefixes))
    if said:
        _LOGGER.warning("%s", said)


def _finish(run: AnyRun, stage: str, rows: Sequence[A], row_type: type[A], work: StageWork) -> None:
    """Write a stage of annotations and count what could not be decided."""
    keep(run, stage, rows, row_type)
    n_unscored = sum(bool(row.unscored) for row in rows)
    n_error = sum(row.first_error is not None for row in rows)
    counts = {"annotated": len(rows), "with_error": n_error, "unscored": n_unscored}
    run.folder.finish(stage, counts)
    work.summary = f"{len(rows)} annotated, {n_error} with an error, {n_unscored} unscored"


class Labelled(NamedTuple):
    """What the consensus filter kept and dropped."""

    kept: list[LabelledSolution]
    dropped: list[Dropped]


def filter_by_consensus(run: Run, candidates: Sequence[Candidate]) -> Labelled:
    """Keep the solutions on which Monte Carlo and the judge agree."""
    if not run.folder.is_done("consensus"):
        with run.stage("consensus", len(candidates), "solutions") as work:
            filtered = filter_consensus(candidates)
            keep(run, "dropped", filtered.dropped, Dropped)
            keep(run, "consensus", filtered.kept, LabelledSolution)
            n_dropped = {str(reason): n for reason, n in filtered.n_dropped.items()}
            counts = {"in": filtered.n_in, "kept": len(filtered.kept), **n_dropped}
            run.folder.finish("consensus", counts)
            work.advance(len(candidates))
            work.summary = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return Labelled(kept(run, "consensus", LabelledSolution), kept(run, "dropped", Dropped))


def find_truth(
    run: Run, part: str, solutions: Sequence[Solution], problems: Mapping[str, Problem]
) -> list[OracleAnnotation]:
    """The exact first errors of a part's solutions."""
    stage = f"truth.{part}"
    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            rows: list[OracleAnnotation] = []
            for solution in solutions:
                error = first_error(world_of(problems[solution.problem_id]), solution.steps)
                rows.append(
                    OracleAnnotation(
                        solution_id=solution.solution_id,
                        first_error=None if error is None else error.step,
                        kind="" if error is None else error.kind,
                    )
                )
                work.advance()
            _finish(run, stage, rows, OracleAnnotation, work)
    return kept(run, stage, OracleAnnotation)
