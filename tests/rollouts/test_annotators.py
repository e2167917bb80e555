import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollouts_script import (
    COST,
    PROBLEM,
    C,
    U,
    W,
    annotate,
    rollouts,
    scripts,
    solution,
    with_annotator,
)

from prmkit.config import RolloutConfig
from prmkit.errors import DataError
from prmkit.generators.base import Request
from prmkit.generators.drive import Task, drive
from prmkit.generators.scripted import ScriptedGenerator
from prmkit.records import McAnnotation, Outcome, Usage
from prmkit.rollouts import annotators


def test_each_draw_continues_its_steps_prefix_with_a_seed_of_its_own() -> None:
    _, asked = annotate([["right"] * 2, ["right"] * 2], RolloutConfig(k=2))
    assert [r.prefix for r in asked] == ["step 0\n\n"] * 2 + ["step 0\n\nstep 1\n\n"] * 2
    assert len({r.seed for r in asked}) == 4
    assert [m.content for r in asked for m in r.messages] == ["2 + 2?"] * 4


def test_exhaustive_estimates_every_step_and_sums_its_cost() -> None:
    words = [["right", "wrong"], ["wrong", "wrong"], ["right", "right"]]
    found, asked = annotate(words, RolloutConfig(k=2))
    assert [step.outcomes for step in found.steps] == [(C, W), (W, W), (C, C)]
    assert [step.hard for step in found.steps] == [True, False, True]
    assert (found.first_error, found.unscored, found.annotator) == (1, "", "exhaustive")
    assert found.usage == Usage(n_calls=6, prompt_tokens=30, generated_tokens=12)
    assert len(asked) == 6


def test_distinct_completions_are_counted_and_a_failed_call_is_none() -> None:
    words = [["right", "right", "wrong", "cut", "failed"], ["failed"] * 5]
    found, _ = annotate(words, RolloutConfig(k=5, redraws=0))
    # "so 4" three times, one of them cut off, and "so 5"
    assert [(s.n_completions, s.n_distinct) for s in found.steps] == [(4, 2), (0, 0)]


def test_sequential_stops_a_step_at_its_first_success_and_the_solution_at_its_first_error() -> None:
    words = [["wrong", "right", "right"], ["wrong"] * 3, ["right"] * 3]
    found, asked = annotate(words, RolloutConfig(annotator="sequential", k=3))
    assert [step.outcomes for step in found.steps] == [(W, C), (W, W, W)]
    assert (found.first_error, found.annotator, len(asked)) == (1, "sequential", 5)


@pytest.mark.parametrize("word", ["slow", "cut", "failed"])
def test_a_draw_that_could_decide_but_says_nothing_leaves_the_solution_unscored(word: str) -> None:
    reason = {"slow": "timeout", "cut": "unfinished", "failed": "server"}[word]
    for name in ("exhaustive", "sequential"):
        config = RolloutConfig.model_validate({"annotator": name, "k": 2, "redraws": 0})
        found, _ = annotate([["right", "right"], ["wrong", word], ["right"] * 2], config)
        assert found.unscored == f"step 1 undecided: 1 {reason}"
        assert (found.first_error, found.steps[1].hard) == (None, None)


def test_a_failed_call_costs_nothing() -> None:
    found, _ = annotate([["right", "failed"]], RolloutConfig(k=2))
    assert found.usage == COST
    assert found.first_error is None


def test_a_finished_solutions_last_step_needs_no_draws_if_so_asked() -> None:
    config = RolloutConfig(k=2, finished_is_known=True)
    found, asked = annotate([["right", "right"], []], config, outcome=W)
    assert (found.first_error, len(asked)) == (1, 2)
    assert (found.steps[1].known, found.steps[1].outcomes) == (True, ())
    unchecked, asked = annotate([["right", "right"], ["right", "wrong"]], config, U)
    assert (unchecked.steps[1].known, len(asked)) == (False, 4)


def test_a_problem_or_a_solution_that_cannot_be_annotated_is_refused() -> None:
    other = PROBLEM.model_copy(update={"problem_id": "q"})
    for given_solution, problem in ((solution(1), other), (solution(0), PROBLEM)):
        with pytest.raises(DataError):
            rollouts(given_solution, problem)


@given(scripts(), st.sampled_from([C, W, U]))
def test_both_annotators_find_the_same_first_error(
    scripted: tuple[list[list[str]], RolloutConfig], outcome: Outcome
) -> None:
    words, config = scripted
    full, _ = annotate(words, config, outcome)
    sequential, _ = annotate(words, with_annotator(config, "sequential"), outcome)
    assert sequential.first_error == full.first_error
    assert bool(sequential.unscored) == bool(full.unscored)
    n_seen = len(sequential.steps)
    assert [s.hard for s in sequential.steps] == [s.hard for s in full.steps[:n_seen]]
    assert sequential.usage.n_calls <= full.usage.n_calls


@given(scripts())
def test_labels_are_those_of_draws_made_again_until_they_are_scored(
    scripted: tuple[list[list[str]], RolloutConfig],
) -> None:
    # the definition: each draw stands for its first scored attempt among the first 1 + redraws
    words, config = scripted
    config = config.model_copy(update={"finished_is_known": False})
    outcome = {"right": C, "wrong": W}
    found, _ = annotate(words, config)
    for step, row in zip(found.steps, words, strict=True):
        tried = [word.split("/")[: config.redraws + 1] for word in row]
        final = [next((outcome[w] for w in ws if w in outcome), U) for ws in tried]
        assert step.hard is _plain(final, config.threshold)


def test_a_draw_made_again_costs_both_attempts_and_is_made_only_where_it_decides() -> None:
    words = [["cut/right", "wrong"], ["cut/right", "right"]]
    found, asked = annotate(words, RolloutConfig(k=2, redraws=1))
    assert [step.outcomes for step in found.steps] == [(C, W), (U, C)]
    assert (len(asked), found.usage.n_calls, found.first_error) == (5, 5, None)
    assert [u.n_calls for u in found.steps[0].usages] == [2, 1]
    assert sum((u for step in found.steps for u in step.usages), Usage()) == found.usage
    assert found.steps[0].n_completions == 2


@pytest.mark.parametrize("release", [1, 3, None])
def test_the_order_of_replies_does_not_change_an_annotation(release: int | None) -> None:
    # Many solutions at once over one generator, replies in random order, few at a time.
    def reply(request: Request) -> str:
        return "so 4" if request.seed % 3 == 0 else "so 5"

    def tasks(name: str) -> list[Task[McAnnotation]]:
        rows = [solution(4).model_copy(update={"solution_id": f"p/m/{i}"}) for i in range(20)]
        config = with_annotator(RolloutConfig(k=4, threshold=1), name)
        return [annotators.annotate(rollouts(row), config) for row in rows]

    for name in ("exhaustive", "sequential"):
        generator = ScriptedGenerator(reply, release=release, shuffle_seed=5)
        found = dict(drive(tasks(name), generator, max_open=8))
        in_order = dict(drive(tasks(name), ScriptedGenerator(reply)))
        assert found == in_order
        assert len({a.first_error for a in found.values()}) > 1


@given(scripts())
def test_each_sequential_draw_but_the_last_of_a_step_left_it_open(
    scripted: tuple[list[list[str]], RolloutConfig],
) -> None:
    words, config = scripted
    k, threshold = config.k, config.threshold
    config = config.model_copy(
        update={"annotator": "sequential", "redraws": 0, "finished_is_known": False}
    )
    found, asked = annotate(words, config)
    assert len(asked) == sum(len(step.outcomes) for step in found.steps)
    for step in found.steps:
        shorter = list(step.outcomes[:-1])
        # The same start with all-correct and with all-incorrect endings: labels still differ, or
        # (unscored draws) one of them is undecided and the other is not.
        n_left = k - len(shorter)
        endings = [[C] * n_left, [W] * n_left, [U] * n_left]
        labels = {_plain(shorter + ending, threshold) for ending in endings}
        assert len(labels) > 1


def _plain(outcomes: list[Outcome], threshold: int) -> bool | None:
    if outcomes.count(C) > threshold:
        return True
    return False if outcomes.count(C) + outcomes.count(U) <= threshold else None
