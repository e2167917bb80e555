import pytest

from prmkit.errors import NothingScored
from prmkit.evaluation.best_of_n import Sample
from prmkit.evaluation.coverage import Coverage
from prmkit.evaluation.published import TASKS
from prmkit.evaluation.sampled_table import Method, Sampled, Scores, sampled_table
from prmkit.evaluation.tasks import (
    ALL_TASKS,
    CHINESE,
    KNOWN,
    Task,
    groups_of,
    in_task_order,
    mean_over_tasks,
    task_name,
    task_of_id,
    task_standings,
)
from prmkit.intervals import Bootstrap, wilson
from prmkit.records import Outcome

OUTCOMES = {True: Outcome.CORRECT, False: Outcome.INCORRECT}
HOW = Bootstrap(seed=0, resamples=200)


def task(name: str, *right: bool) -> Task:
    """A task with one sample a problem."""
    problems = [
        Sampled(
            str(i), [Sample(str(i), Outcome.CORRECT if ok else Outcome.INCORRECT, "4")], [1], {}
        )
        for i, ok in enumerate(right)
    ]
    return Task(name, sampled_table(problems, HOW), Coverage(len(right), len(right), {}))


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("GSM8K", "gsm8k"),
        ("AIME 2024", "aime24"),
        ("math-500", "math500"),
        ("OlympiadBench", "olympiadbench"),
        ("gaokao_math_qa", "gaokao_qa"),
        ("My Own", "My Own"),
    ],
)
def test_a_task_is_known_however_it_is_spelt(found: str, name: str) -> None:
    assert task_name(found) == name


@pytest.mark.parametrize(
    ("problem_id", "name"),
    [
        ("gsm8k-12", "gsm8k"),
        ("mmlu_stem/test/3", "mmlu_stem"),
        ("math-500-7", "math500"),  # the longest known head
        ("amc_2023:5", "amc23"),
        ("my-set-12", "my-set"),
        ("mine/12", "mine"),
        ("12", "12"),
        ("-3", "-3"),
    ],
)
def test_an_id_tells_its_task(problem_id: str, name: str) -> None:
    assert task_of_id(problem_id) == name


def test_known_tasks_come_first_and_in_order() -> None:
    assert in_task_order(["x", "cmath", "math", "a", "gsm8k", "x"]) == [
        "gsm8k",
        "math",
        "cmath",
        "x",
        "a",
    ]
    assert len(set(KNOWN)) == len(KNOWN) == 7 + 3 + 3 + 2


def test_the_papers_groups_have_means_of_their_own_where_there_are_other_tasks() -> None:
    seven, three = [task(name, True) for name in TASKS], [task(name, False) for name in CHINESE]
    assert list(groups_of(seven)) == [ALL_TASKS]
    groups = groups_of([*seven, *three])
    assert {name: len(found) for name, found in groups.items()} == {
        "the paper's seven": 7,
        "the Chinese three": 3,
        ALL_TASKS: 10,
    }


def test_the_mean_is_over_tasks_and_its_interval_over_their_problems() -> None:
    tasks = [task("a", True), task("b", True, False, False, False)]
    mean = mean_over_tasks(tasks, HOW)[Method("pass")]
    assert mean is not None
    assert (mean.value, mean.n) == ((1 + 0.25) / 2, 5)
    # a's one problem cannot vary; b's share of 4 is within 0 and 1
    assert 0.5 <= mean.low < mean.value < mean.high <= 1.0
    none = mean_over_tasks([task("a", False), task("b", False, False)], HOW)[Method("pass")]
    assert none is not None
    assert (none.low, none.value) == (0.0, 0.0)
    assert none.high == pytest.approx((wilson(0, 1).high + wilson(0, 2).high) / 2)


def test_a_method_without_a_figure_in_one_task_has_no_mean() -> None:
    unscored = Sampled("0", [Sample("0", Outcome.UNSCORED, None)], [1], {})
    nothing = Task("b", sampled_table([unscored], HOW), Coverage(1, 1, {}))
    assert mean_over_tasks([task("a", True), nothing], HOW)[Method("pass")] is None


def test_the_papers_seven_with_eight_samples_stand_among_the_published() -> None:
    def whole(name: str, n: int = 8, *, complete: bool = True) -> Task:
        samples = [Sample(str(i), OUTCOMES[i == 0], "4" if i == 0 else "5") for i in range(n)]
        table = sampled_table([Sampled("0", samples, [1] * n, {})], HOW)
        return Task(name, table, Coverage(1, 1, {} if complete else {"cut": ["x"]}))

    seven = [whole(name) for name in reversed(TASKS)]
    found = task_standings(seven, HOW)
    by_name = {row.system: row for row in found if row is not None}
    # one right of eight, the others agree on a wrong answer
    assert by_name["pass"].values == [100.0] * 7
    assert by_name["majority"].figure == 0.0
    assert all(row.own for row in by_name.values())
    assert task_standings(seven[1:], HOW) == [None]
    assert task_standings([*seven[1:], whole(seven[0].name, 4)], HOW) == [None]
    assert task_standings([*seven[1:], whole(seven[0].name, complete=False)], HOW) == [None]


def test_best_of_n_of_no_problem_is_an_error() -> None:
    with pytest.raises(NothingScored, match="Best-of-N of no problem"):
        sampled_table([], HOW)


def test_a_sample_without_scores_is_never_the_best() -> None:
    samples = [Sample("0", Outcome.CORRECT, "4"), Sample("0", Outcome.INCORRECT, "5")]
    scored = {"prm": Scores(((), (0.1,)), by_step=True)}
    table = sampled_table([Sampled("0", samples, [1, 1], scored)], HOW)
    best = table.curves[Method("best", "prm", "min")].estimates
    # the right one cannot be picked: of two draws the wrong one is, whatever it scores
    assert best[1] is not None
    assert best[1].value == 0.0
