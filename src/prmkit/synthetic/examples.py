"""Training examples for the synthetic world's models, drawn fresh from a random generator.

An example is a list of segments: text and its weight as a training target.
"""

import random
from typing import NamedTuple

from prmkit.synthetic.corrupt import CORRUPTIONS, corrupt, corrupt_form
from prmkit.synthetic.language import (
    Claim,
    Final,
    gold_claims,
    gold_steps,
    question_text,
    step_text,
    usual_order,
)
from prmkit.synthetic.oracle import first_error
from prmkit.synthetic.tokenizer import TURN_END, TURN_START
from prmkit.synthetic.world import Difficulty, Relation, World, make_world


class Segment(NamedTuple):
    """A piece of an example."""

    text: str
    weight: float


_EARLY = 0.12  # share of training on short problems only, where the first circuits form sooner


def training_difficulty(rng: random.Random, progress: float) -> Difficulty:
    """How hard the next example is; every split's problems are within its range."""
    most = 4 if progress < _EARLY else 8
    n = rng.randint(2, most)
    return Difficulty(
        operations=(n, n),
        distractors=(0, 1 if progress < _EARLY else 3),
        shuffled=0.15,
        largest=rng.choice((99, 150)),
        remainder=0.05,
        unusual=0.12,
    )


def _opening(user: str) -> str:
    return f"{TURN_START}user\n{user}{TURN_END}\n{TURN_START}assistant\n"


def policy_example(rng: random.Random, progress: float) -> list[Segment]:
    """A problem with its right solution; only the solution is trained on."""
    world = make_world(rng, training_difficulty(rng, progress))
    solution = "\n\n".join(gold_steps(world))
    return [Segment(_opening(question_text(world)), 0.0), Segment(solution + TURN_END, 1.0)]


def right_variant(rng: random.Random, world: World) -> list[Claim]:
    """A right solution that need not be the usual one: other orders, swaps, true asides."""
    names = world.needed()
    if rng.random() < 0.25:
        names = names | set(rng.sample(sorted(world.relations()), 1))
        names = _closed(world, names)
    order = usual_order(world, names)
    if rng.random() < 0.25:
        order = _random_order(rng, world, order)
    return [_swapped(rng, claim) for claim in gold_claims(world, order)]


def _closed(world: World, names: set[str]) -> set[str]:
    relations, stack, closed = world.relations(), sorted(names), set[str]()
    while stack:
        name = stack.pop()
        if name in relations and name not in closed:
            closed.add(name)
            stack.extend(relations[name].sources)
    return closed


def _random_order(rng: random.Random, world: World, order: list[Relation]) -> list[Relation]:
    known, waiting, chosen = set(world.givens()), list(order), list[Relation]()
    while waiting:
        ready = rng.choice([r for r in waiting if known.issuperset(r.sources)])
        waiting.remove(ready)
        known.add(ready.name)
        chosen.append(ready)
    return chosen


def _swapped(rng: random.Random, claim: Claim) -> Claim:
    if isinstance(claim, Final) or claim.symbol not in "+*" or rng.random() > 0.03:
        return claim
    return claim._replace(operands=(claim.operands[1], claim.operands[0]))


class JudgeCase(NamedTuple):
    """Steps and where their first error is."""

    steps: list[str]
    first_error: int | None


def judge_case(rng: random.Random, world: World) -> JudgeCase:
    """Right steps (two in five), or steps with one random corruption at a random place."""
    claims = right_variant(rng, world)
    if rng.random() < 0.4:
        return JudgeCase([step_text(c) for c in claims], None)
    while True:
        name = rng.choice((*CORRUPTIONS, "form"))
        index = len(claims) - 1 if name == "answer" else rng.randrange(len(claims))
        made = (
            corrupt_form(rng, claims)
            if name == "form"
            else corrupt(rng, world, claims, name, index)
        )
        if made is None or not made.steps:
            continue
        error = first_error(world, made.steps)
        if error is not None:
            return JudgeCase(made.steps, error.step)


_READING = 0.3  # weight of the right paragraphs as targets: learning to expect them teaches to read


def judge_example(rng: random.Random, progress: float) -> list[Segment]:
    """A problem, tagged paragraphs, and a verdict a paragraph up to the first wrong one."""
    world = make_world(rng, training_difficulty(rng, progress))
    case = judge_case(rng, world)
    n_right = len(case.steps) if case.first_error is None else case.first_error
    segments = [Segment(f"{TURN_START}user\n{question_text(world)}\n\n", 0.0)]
    for index, step in enumerate(case.steps):
        if index:
            segments.append(Segment("\n", 0.0))
        segments.append(Segment(f"<paragraph_{index}>", 0.0))
        segments.append(Segment(step, _READING if index < n_right else 0.0))
        segments.append(Segment(f"</paragraph_{index}>", 0.0))
    segments.append(Segment(f"{TURN_END}\n{TURN_START}assistant\n", 0.0))
    segments.append(Segment(verdict_text(case) + TURN_END, 1.0))
    return segments


def verdict_text(case: JudgeCase) -> str:
    """What the judge is to write: a word a paragraph, then the index of the first wrong one."""
    n_right = len(case.steps) if case.first_error is None else case.first_error
    lines = [f"{i} right" for i in range(n_right)]
    if case.first_error is None:
        return "\n".join([*lines, "\\boxed{-1}"])
    return "\n".join([*lines, f"{case.first_error} wrong", f"\\boxed{{{case.first_error}}}"])
