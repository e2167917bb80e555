"""Judging a solution: votes drawn from a generative judge, read and counted.

The judge sees the problem and the steps and never the reference answer (arXiv 2501.07301, section
2.1 and its judge prompt).
"""

from prmkit.config import JudgeConfig
from prmkit.generators.base import Completion, Message, Reply, Request
from prmkit.generators.drive import Task
from prmkit.judging.parse import parse_verdict
from prmkit.judging.prompt import judge_prompt
from prmkit.judging.vote import majority
from prmkit.records import JudgeAnnotation, Question, Solution, Usage, Verdict
from prmkit.seeds import draw_seed
from prmkit.steps import check_same_problem


def judge_solution(
    solution: Solution, problem: Question, config: JudgeConfig, run_seed: int
) -> Task[JudgeAnnotation]:
    """Draw all votes on one solution at once.

    Args:
        solution: What to judge.
        problem: What it solves.
        config: Prompt, number of votes and sampling.
        run_seed: The recipe's seed; each vote's own seed derives from it.

    Returns:
        A task whose result holds every vote. A failed or cut-off vote is unscored, as one that
        cannot be read; a cut-off one is never read, as its last box may not be its verdict.

    Raises:
        ConfigError: no prompt has the configured name (when the task starts).
        DataError: the solution solves another problem (when the task starts).
    """
    check_same_problem(solution, problem)
    text = judge_prompt(config.prompt, problem, solution)
    replies = yield [
        Request(
            messages=(Message(role="user", content=text),),
            seed=draw_seed(run_seed, "judge", solution.solution_id, vote),
            sampling=config.sampling,
        )
        for vote in range(config.votes)
    ]
    votes = tuple(_vote(reply, len(solution.steps)) for reply in replies)
    decided = majority(votes)
    return JudgeAnnotation(
        solution_id=solution.solution_id,
        first_error=decided.first_error,
        unscored=decided.unscored,
        judge=config.model,
        votes=votes,
        usage=sum((r.usage for r in replies if isinstance(r, Completion)), Usage()),
    )


def _vote(reply: Reply, n_steps: int) -> Verdict:
    if not isinstance(reply, Completion):
        return Verdict(unscored=reply.kind, text=reply.message)
    if reply.finish_reason == "length":
        return Verdict(unscored="unfinished", text=reply.text)
    return parse_verdict(reply.text, n_steps)
