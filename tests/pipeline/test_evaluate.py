from prmkit.evaluation.sampled import sampled_problems
from prmkit.pipeline.evaluate import ProcessSet, choose_cases
from prmkit.records import JudgeAnnotation, Outcome, Problem, Solution, StepScores


def problem(name: str, split: str) -> Problem:
    return Problem(problem_id=name, question="q", answer="1", split=split)


def solution(problem_id: str, index: int, outcome: Outcome) -> Solution:
    return Solution(
        solution_id=f"{problem_id}/x/{index}",
        problem_id=problem_id,
        policy="x",
        sample_index=index,
        steps=("a", "b"),
        outcome=outcome,
    )


def test_each_split_has_as_many_right_as_wrong_answers() -> None:
    problems = {f"{s}{i}": problem(f"{s}{i}", s) for s in ("easy", "hard") for i in range(20)}
    # easy: 3 wrong of 20; hard: 12 wrong of 20; 10 a split wanted
    solutions = [
        solution(
            p,
            0,
            Outcome.INCORRECT
            if int(p[4:]) < {"easy": 3, "hard": 12}[problems[p].split]
            else Outcome.CORRECT,
        )
        for p in problems
    ]
    chosen = choose_cases(solutions, problems, 10)
    counts = {
        (split, outcome): sum(
            problems[s.problem_id].split == split and s.outcome is outcome for s in chosen
        )
        for split in ("easy", "hard")
        for outcome in (Outcome.CORRECT, Outcome.INCORRECT)
    }
    assert list(counts.values()) == [3, 3, 5, 5]


def test_the_choice_does_not_depend_on_the_order_of_solutions() -> None:
    problems = {f"p{i}": problem(f"p{i}", "easy") for i in range(30)}
    solutions = [
        solution(p, 0, Outcome.CORRECT if i % 2 else Outcome.INCORRECT)
        for i, p in enumerate(problems)
    ]
    forward = {s.solution_id for s in choose_cases(solutions, problems, 8)}
    assert forward == {s.solution_id for s in choose_cases(solutions[::-1], problems, 8)}


def test_prm_and_critic_become_cases_of_the_same_solutions() -> None:
    one = solution("p", 0, Outcome.CORRECT)
    cases = ProcessSet([one], {"p": problem("p", "easy")}, {one.solution_id: 1})
    scored = StepScores(solution_id=one.solution_id, model="m", scores=(0.9, 0.4))
    (by_prm,) = cases.from_scores([scored], 0.5)
    judged = JudgeAnnotation(
        solution_id=one.solution_id, judge="j", votes=(), unscored="unreadable"
    )
    (by_judge,) = cases.from_annotations([judged])
    assert (by_prm.first_error, by_prm.predicted, by_prm.unscored) == (1, 1, "")
    assert (by_judge.first_error, by_judge.predicted, by_judge.unscored) == (1, None, "unreadable")


def test_a_split_with_one_kind_of_solution_is_left_out_not_scored_as_zero() -> None:
    problems = {p: problem(p, p[:4]) for p in ("easy0", "easy1", "hard0", "hard1")}
    solutions = [solution(p, 0, Outcome.CORRECT) for p in problems]
    truth = {"easy0/x/0": None, "easy1/x/0": 1, "hard0/x/0": 0, "hard1/x/0": 1}
    whole = ProcessSet(solutions, problems, truth)
    assert whole.splits() == ["easy", "hard"]
    assert whole.decidable().splits() == ["easy"]


def test_a_problem_that_lost_a_sample_is_left_out_of_best_of_n() -> None:
    solutions = [solution("a", 1, Outcome.CORRECT), solution("a", 0, Outcome.INCORRECT)]
    solutions.append(solution("b", 0, Outcome.CORRECT))
    (only,) = sampled_problems(solutions, 2)
    assert only.problem_id == "a"
    assert [s.outcome for s in only.samples] == [Outcome.INCORRECT, Outcome.CORRECT]
