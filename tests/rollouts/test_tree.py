"""Claims about trees: rollouts that become solutions, and draws that solutions share."""

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st
from rollouts_script import COST, C, U, W, play

from prmkit.config import RolloutConfig
from prmkit.generators.base import Reply, Request
from prmkit.generators.drive import Task
from prmkit.records import Outcome, Solution, Usage
from prmkit.rollouts.draws import Draw, DrawAt
from prmkit.rollouts.exhaustive import annotate_exhaustive
from prmkit.rollouts.replay import settled
from prmkit.rollouts.tree import Tree, grow_tree

Steps = tuple[str, ...]


def written(name: str, steps: Sequence[str], outcome: Outcome) -> Solution:
    return Solution(
        solution_id=name,
        problem_id="p",
        policy="m",
        sample_index=0,
        steps=tuple(steps),
        outcome=outcome,
    )


class ByState:
    """Draws that depend on the prefix alone, as if a state were drawn from once; counts them."""

    def __init__(
        self, solution: Solution, seed: int, made: Counter[tuple[Steps, int, int]]
    ) -> None:
        self.solution, self._seed, self._made = solution, seed, made

    def draw(self, places: Sequence[DrawAt]) -> Task[list[Draw]]:
        return [self._one(at) for at in places]
        yield []

    def _one(self, at: DrawAt) -> Draw:
        prefix = self.solution.steps[: at.step + 1]
        self._made[prefix, at.draw, at.attempt] += 1
        chance = random.Random(f"{self._seed}/{prefix}/{at.draw}/{at.attempt}")
        easy = random.Random(f"{self._seed}/{prefix}").choice([0.0, 0.3, 0.6, 1.0])
        steps = [chance.choice("ab") for _ in range(chance.randint(0, 3))]
        if chance.random() < 0.15:
            return Draw(U, "unfinished", COST, "a")
        outcome = C if chance.random() < easy else W
        answer = "4" if outcome is C else "5"
        return Draw(outcome, "", COST, "\n\n".join([*steps, answer]), answer)


@st.composite
def configs(draw: st.DrawFn) -> RolloutConfig:
    k = draw(st.integers(1, 6))
    return RolloutConfig(
        annotator="tree",
        k=k,
        threshold=draw(st.integers(0, k - 1)),
        redraws=draw(st.integers(0, 2)),
        grow=draw(st.integers(1, 4)),
        finished_is_known=draw(st.booleans()),
    )


GIVEN = st.lists(
    st.tuples(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), st.sampled_from([C, W])),
    min_size=1,
    max_size=3,
    unique_by=lambda pair: tuple(pair[0]),
).map(lambda pairs: [written(f"p/m/{i}", *pair) for i, pair in enumerate(pairs)])


def grown(
    solutions: Sequence[Solution], config: RolloutConfig, seed: int, taken: frozenset[Steps]
) -> tuple[Tree, Counter[tuple[Steps, int, int]]]:
    made = Counter[tuple[Steps, int, int]]()
    tree, _ = play(grow_tree(solutions, lambda s: ByState(s, seed, made), config, taken), _never)
    return tree, made


def _never(request: Request) -> Reply:
    raise AssertionError(request)


@given(GIVEN, configs(), st.integers(0, 10**6))
@example(  # draws that nothing can decide any more are not made, so the reasons count fewer
    [written("p/m/0", ["b"], C)],
    RolloutConfig(annotator="tree", k=6, threshold=2, redraws=0, grow=1),
    1830,
)
def test_labels_are_those_of_exhaustive_annotation_where_a_state_is_drawn_from_once(
    solutions: list[Solution], config: RolloutConfig, seed: int
) -> None:
    tree, _ = grown(solutions, config, seed, frozenset())
    everything = [*solutions, *tree.grown]
    assert [row.solution_id for row in tree.annotations] == [s.solution_id for s in everything]
    for solution, row in zip(everything, tree.annotations, strict=True):
        full = settled(annotate_exhaustive(ByState(solution, seed, Counter()), config))
        found, expected = ((r.first_error, r.unscored.split(":")[0]) for r in (row, full))
        assert found == expected  # the step that nothing decided, but for how many draws said so
        assert row.annotator == "tree"


@given(GIVEN, configs(), st.integers(0, 10**6))
def test_no_draw_is_made_twice_and_each_is_paid_for_once(
    solutions: list[Solution], config: RolloutConfig, seed: int
) -> None:
    tree, made = grown(solutions, config, seed, frozenset())
    assert set(made.values()) <= {1}
    assert tree.usage == sum((COST for _ in made), Usage())
    for row in tree.annotations:
        assert row.usage == sum((u for step in row.steps for u in step.usages), Usage())


@given(GIVEN, configs(), st.integers(0, 10**6))
def test_grown_solutions_are_new_wrong_and_branch_off_after_a_positive_step(
    solutions: list[Solution], config: RolloutConfig, seed: int
) -> None:
    tree, _ = grown(solutions, config, seed, frozenset())
    assert len(tree.grown) <= config.grow * len(solutions)
    texts = [s.steps for s in (*solutions, *tree.grown)]
    assert len(set(texts)) == len(texts)
    by_id = {row.solution_id: row for row in tree.annotations}
    for new in tree.grown:
        assert (new.outcome, new.extracted, new.usage) == (W, "5", Usage())
        parent, _, place = new.solution_id.rpartition("@")
        step = int(place.split(".")[0])
        assert by_id[parent].steps[step].hard is True
        assert by_id[new.solution_id].steps[step].hard is True
        assert by_id[new.solution_id].first_error != step


@given(GIVEN, configs(), st.integers(0, 10**6))
def test_what_stands_elsewhere_is_not_grown_again(
    solutions: list[Solution], config: RolloutConfig, seed: int
) -> None:
    first, _ = grown(solutions, config, seed, frozenset())
    taken = frozenset(s.steps for s in first.grown)
    again, _ = grown(solutions, config, seed, taken)
    assert not taken & {s.steps for s in again.grown}


class Listed:
    """Draws by hand: what completions of a prefix of one step are, in order."""

    def __init__(self, solution: Solution, completions: dict[str, list[str]]) -> None:
        self.solution, self._completions = solution, completions

    def draw(self, places: Sequence[DrawAt]) -> Task[list[Draw]]:
        return [self._one(at) for at in places]
        yield []

    def _one(self, at: DrawAt) -> Draw:
        text = self._completions["/".join(self.solution.steps[: at.step + 1])][at.draw]
        outcome = C if text.endswith("4") else W
        return Draw(outcome, "", COST, text, text[-1])


def test_the_rollout_of_the_easier_state_is_chosen_and_then_one_of_a_state_not_chosen_yet() -> None:
    solution = written("p/m/0", ["a", "b", "4"], C)
    completions = {
        # two of three wrong at "a", one of two at "a/b": Q = 0.5^(2/3) < 0.5^(1/2)
        "a": ["x\n\n5", "y\n\n5", "4"],
        "a/b": ["z\n\n5", "4"],
        **{f"a/{last}": ["5"] * 3 for last in "xy"},
        "a/b/z": ["5"] * 3,
    }
    config = RolloutConfig(annotator="tree", k=3, grow=3, finished_is_known=True)
    tree, _ = play(grow_tree([solution], lambda s: Listed(s, completions), config), _never)
    assert [s.steps for s in tree.grown] == [
        ("a", "b", "z", "5"),
        ("a", "x", "5"),
        ("a", "y", "5"),
    ]
    assert [s.solution_id for s in tree.grown] == ["p/m/0@1.0", "p/m/0@0.0", "p/m/0@0.1"]
    assert [row.first_error for row in tree.annotations] == [None, 2, 1, 1]
    # given: 3 + 2 draws; each grown one: 3 at its first own step, nothing at those it shares
    assert [row.usage.n_calls for row in tree.annotations] == [5, 3, 3, 3]
    assert tree.annotations[1].steps[0].outcomes == (W, W, C)
