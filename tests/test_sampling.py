import pytest

from prmkit.generators.base import Completion, Failure, Reply, Sampling
from prmkit.generators.drive import Task
from prmkit.records import CheckedAnswer, Outcome, Problem, Rejected, Solution, Usage
from prmkit.sampling import Policy, sample_solutions

PROBLEM = Problem(problem_id="p", question="2 + 2?", answer="4")


def check_answer(text: str, problem: Problem) -> CheckedAnswer:
    right = text.endswith(problem.answer)
    return CheckedAnswer(Outcome.CORRECT if right else Outcome.INCORRECT, "", text[-1])


POLICY = Policy("m", Sampling(), 7, check_answer)


def answer(task: Task[Solution | Rejected], reply: Reply) -> Solution | Rejected:
    next(task)
    with pytest.raises(StopIteration) as stop:
        task.send([reply])
    result: Solution | Rejected = stop.value.value
    return result


def written(text: str, finish_reason: str = "stop") -> Completion:
    return Completion.model_validate(
        {"text": text, "finish_reason": finish_reason, "usage": Usage(n_calls=1)}
    )


def test_a_text_becomes_steps_with_a_checked_answer() -> None:
    solved = answer(POLICY.sample(PROBLEM, 3), written("Two and two.\n\nSo 4"))
    assert isinstance(solved, Solution)
    assert (solved.solution_id, solved.steps) == ("p/m/3", ("Two and two.", "So 4"))
    assert (solved.outcome, solved.reason, solved.extracted) == (Outcome.CORRECT, "", "4")
    assert solved.usage == Usage(n_calls=1)


def test_a_cut_off_text_is_unscored_even_if_it_holds_the_answer() -> None:
    solved = answer(POLICY.sample(PROBLEM, 0), written("So 4", "length"))
    assert isinstance(solved, Solution)
    assert (solved.outcome, solved.reason) == (Outcome.UNSCORED, "unfinished")


def test_a_failed_call_and_a_blank_text_are_rejected_with_the_reason() -> None:
    failed = answer(POLICY.sample(PROBLEM, 0), Failure(kind="server", message="500"))
    assert failed == Rejected(row="p/m/0", reason="server: 500")
    blank = answer(POLICY.sample(PROBLEM, 1), written("\n\n \n"))
    assert blank == Rejected(row="p/m/1", reason="blank: finish_reason stop")


def test_each_sample_of_each_problem_and_policy_has_its_own_seed() -> None:
    problems = [PROBLEM, PROBLEM.model_copy(update={"problem_id": "q"})]
    other = Policy("n", Sampling(), 7, check_answer)
    requests = [
        request
        for policy in (POLICY, other)
        for task in sample_solutions(problems, policy, 3)
        for request in next(task)
    ]
    assert len({request.seed for request in requests}) == 12
    assert {request.messages[0].content for request in requests} == {"2 + 2?"}


def test_a_samples_seed_does_not_depend_on_what_else_is_drawn() -> None:
    few = [next(task)[0].seed for task in sample_solutions([PROBLEM], POLICY, 2)]
    many = [next(task)[0].seed for task in sample_solutions([PROBLEM], POLICY, 5)]
    assert many[:2] == few
