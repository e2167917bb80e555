"""A tree of solutions a problem: rollouts that came out wrong become solutions to annotate.

The idea is OmegaPRM's (arXiv 2406.06592, section 3): a rollout is a solution that is paid for
already, and it shares its first steps, with everything known of them, with the solution that it
branched off. So a problem's states (a prefix of steps) are kept once, whichever solutions pass
through them; the given solutions are annotated first, then new ones, chosen among the wrong
rollouts from positive states. As there, a rollout r from a state s is chosen by the highest

    alpha^(1 - MC(s)) * beta^(len(r) / L) + c_puct * sqrt(sum of N) / (1 + N(s)),

with MC(s) the share of right draws, len(r) in words, N(s) how often a rollout of s was chosen, and
the published alpha = 0.5, beta = 0.9, L = 500, c_puct = 0.125: supposedly easy states that went
wrong first, short rollouts first, not always the same state.

Here errors are searched step by step, as by `sequential`, not by bisection. So a solution's label
is that of `exhaustive` annotation, if that too draws once for a state that solutions share; this is
a test. Where it differs:

* From exhaustive annotation with draws of its own, a grown solution's label differs at its shared
  states by chance alone, as two runs of `exhaustive` with different seeds do.
* The rollout that became a solution is not counted as a draw of the states that it passes through:
  chosen because it came out wrong, it would bias their shares.
* Grown solutions are no sample of what the policy writes: all end wrong, so there are more errors
  among them, later ones, and more from states that the policy mostly completes rightly.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from math import sqrt
from typing import NamedTuple

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import McAnnotation, Outcome, Record, Solution, Usage
from prmkit.rollouts.annotation import AnnotatedStep, assemble, from_draws, known_step
from prmkit.rollouts.draws import Draw, DrawSource
from prmkit.rollouts.slots import StepDraws
from prmkit.steps import split_steps

Steps = tuple[str, ...]

_ALPHA, _BETA, _LENGTH, _EXPLORE = 0.5, 0.9, 500, 0.125


class Tree(Record):
    """What became of one problem's solutions."""

    grown: tuple[Solution, ...]
    """The new solutions, in the order in which they were chosen."""
    annotations: tuple[McAnnotation, ...]
    """Of the given solutions, then of the grown ones. A state's draws are paid for once, by the
    first solution that passes through it."""

    @property
    def usage(self) -> Usage:
        """What all rollouts cost."""
        return sum((row.usage for row in self.annotations), Usage())


def grow_tree(
    given: Sequence[Solution],
    draws_of: Callable[[Solution], DrawSource],
    config: RolloutConfig,
    taken: AbstractSet[Steps] = frozenset(),
) -> Task[Tree]:
    """Annotate solutions of one problem, and rollouts of theirs as new solutions.

    Args:
        given: At least one, by whoever wrote them, all of the same problem.
        draws_of: Draws of a solution, each from the same model.
        config: `grow`, the most new solutions for each given one; K, threshold, redraws, and
            whether a finished solution's last step is known.
        taken: Solutions of this problem that stand elsewhere, and are not to be grown again.

    Returns:
        A task whose result is the tree. It has fewer new solutions where too few rollouts from
        positive states came out wrong, or said the same.
    """
    tree = _Growing(draws_of, config)
    annotations: list[McAnnotation] = []
    for solution in given:
        annotations.append((yield from tree.annotate(solution)))
    texts = {*taken, *(solution.steps for solution in given)}
    grown: list[Solution] = []
    while len(grown) < config.grow * len(given):
        new = tree.choose(texts)
        if new is None:
            break
        texts.add(new.steps)
        grown.append(new)
        annotations.append((yield from tree.annotate(new)))
    return Tree(grown=tuple(grown), annotations=tuple(annotations))


class _State:
    """A prefix of steps, its draws, and how often one of them was chosen."""

    def __init__(self, owner: Solution, draws: StepDraws) -> None:
        estimate = draws.estimate()  # once: no draw follows
        self.owner = owner
        self.draws = draws
        self.is_positive = estimate.hard is True
        self.share = estimate.soft or 0.0
        """MC(s): the share of scored draws that are right, in [0, 1]; rough, as draws end early."""
        self.n_chosen = 0
        self.used: set[int] = set()

    def wrong(self) -> Iterator[tuple[int, Draw]]:
        """The rollouts that can become solutions and were not looked at yet."""
        is_end = self.draws.step == len(self.owner.steps) - 1  # what follows is no solution's step
        if self.is_positive and not is_end:
            for index, draw in enumerate(self.draws.draws):
                if draw.outcome is Outcome.INCORRECT and draw.text and index not in self.used:
                    yield index, draw

    def solution(self, index: int, draw: Draw) -> Solution:
        """The solution that a rollout from here makes."""
        step, owner = self.draws.step, self.owner
        return owner.model_copy(
            update={
                "solution_id": f"{owner.solution_id}@{step}.{index}",
                "steps": (*owner.steps[: step + 1], *split_steps(draw.text or "")),
                "outcome": draw.outcome,
                "reason": draw.reason,
                "extracted": draw.extracted,
                "usage": Usage(),  # it was paid for as a rollout
            }
        )


class _Candidate(NamedTuple):
    """A rollout that can become a solution."""

    state: _State
    at: int
    draw: Draw

    def value(self, n_chosen: int) -> float:
        """How much is expected of it (see the head of this module)."""
        length = len((self.draw.text or "").split())
        worth = float(_ALPHA ** (1 - self.state.share) * _BETA ** (length / _LENGTH))
        return worth + _EXPLORE * sqrt(n_chosen) / (1 + self.state.n_chosen)


class _Growing:
    """The tree of one problem while it grows."""

    def __init__(self, draws_of: Callable[[Solution], DrawSource], config: RolloutConfig) -> None:
        self._draws_of = draws_of
        self._config = config
        self._states: dict[Steps, _State] = {}

    def annotate(self, solution: Solution) -> Task[McAnnotation]:
        """Find a solution's first error, drawing only at states that no other passed through."""
        rollouts = self._draws_of(solution)
        steps: list[AnnotatedStep] = []
        for step in range(len(solution.steps)):
            known = known_step(solution, step, self._config)
            steps.append(known or (yield from self._step(rollouts, step)))
            if not steps[-1].estimate.hard:
                break
        return assemble("tree", solution, self._config, steps)

    def choose(self, texts: AbstractSet[Steps]) -> Solution | None:
        """The most promising rollout that is no solution yet, as one; None if none is left."""
        while candidates := self._candidates():
            n_chosen = sum(state.n_chosen for state in self._states.values())
            best = max(candidates, key=lambda c: c.value(n_chosen))  # the first of equal ones
            best.state.used.add(best.at)
            solution = best.state.solution(best.at, best.draw)
            if solution.steps not in texts and len(solution.steps) > best.state.draws.step + 1:
                best.state.n_chosen += 1
                return solution
        return None

    def _candidates(self) -> list[_Candidate]:
        return [_Candidate(s, *found) for s in self._states.values() for found in s.wrong()]

    def _step(self, rollouts: DrawSource, step: int) -> Task[AnnotatedStep]:
        prefix = rollouts.solution.steps[: step + 1]
        state = self._states.get(prefix)
        if state is not None:
            return _paid_before(state.draws)
        draws = StepDraws(step, self._config)
        yield from draws.decide(rollouts)
        self._states[prefix] = _State(rollouts.solution, draws)
        return from_draws(draws)


def _paid_before(draws: StepDraws) -> AnnotatedStep:
    """A state's estimate for a solution that shares it: its draws cost nothing again."""
    free = [draw._replace(usage=Usage()) for draw in draws.draws]
    nothing = tuple(draw.usage for draw in free)
    return AnnotatedStep(draws.estimate().model_copy(update={"usages": nothing}), free)
