"""A benchmark's cases as what the other stages read: questions and solutions."""

from prmkit.records import BenchmarkCase, Outcome, Question, Solution


def case_question(case: BenchmarkCase) -> Question:
    """The question of a benchmark's case."""
    return Question(problem_id=case.problem_id, question=case.question, split=case.subset)


def case_solution(case: BenchmarkCase) -> Solution:
    """The solution of a benchmark's case; its id is the case's."""
    return Solution(
        solution_id=case.case_id,
        problem_id=case.problem_id,
        policy=case.policy,
        sample_index=0,
        steps=case.steps,
        outcome=case.outcome,
        reason=case.reason or ("not said" if case.outcome is Outcome.UNSCORED else ""),
    )
