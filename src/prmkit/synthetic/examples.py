"""Training examples for the synthetic world's models, drawn fresh from a random generator.

An example is a list of segments: text and its weight as a training target.
"""

import random
from typing import NamedTuple

from prmkit.synthetic.corrupt import CORRUPTIONS, Corrupted, corrupt, corrupt_form
from prmkit.synthetic.language import (
    Claim,
    Derivation,
    Final,
    derive,
    gold_claims,
    gold_steps,
    parse_step,
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
    hint: str = ""
    """A token to expect after each of the text's, besides what follows."""


_EARLY = 0.12  # share of training on short problems only, where the first circuits form sooner


def training_difficulty(rng: random.Random, progress: float, shuffled: float = 0.15) -> Difficulty:
    """How hard the next example is; every split's problems are within its range."""
    most = 4 if progress < _EARLY else 8
    n = rng.randint(2, most)
    return Difficulty(
        operations=(n, n),
        distractors=(0, 1 if progress < _EARLY else 3),
        shuffled=shuffled,
        largest=rng.choice((99, 150)),
        remainder=0.05,
        unusual=0.12,
    )


def _opening(user: str) -> str:
    return f"{TURN_START}user\n{user}{TURN_END}\n{TURN_START}assistant\n"


def policy_example(
    rng: random.Random, progress: float, shuffled: float = 0.15, many: float = 0.0
) -> list[Segment]:
    """A problem with its right solution; only the solution is trained on.

    Args:
        rng: Source of all randomness.
        progress: Share of the training that is done.
        shuffled: Share of problems with their facts in random order.
        many: Share of problems that ask who of many people has most, so that the last step must
            look up many numbers by name alone.
    """
    world = make_world(rng, training_difficulty(rng, progress, shuffled))
    if rng.random() < many:
        names = [s.name for s in world.statements]
        chosen = tuple(rng.sample(names, min(len(names), 6)))
        world = world.model_copy(update={"kind": "who", "targets": chosen})
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
    left, right = claim.operands
    if left == right:
        return claim
    return claim._replace(operands=(right, left), stated=claim.usual_stated)


class JudgeCase(NamedTuple):
    """Steps of a solution, and what a judge should say of them."""

    steps: list[str]
    """Paragraphs."""
    first_error: int | None
    """0-based; None = all are right."""
    due: list[str]
    """What each paragraph up to the first error should have said; empty where nothing was due."""


def judge_case(rng: random.Random, world: World) -> JudgeCase:
    """Right steps (one in three), or steps with one random corruption at a random place."""
    claims = right_variant(rng, world)
    right = [step_text(c) for c in claims]
    if rng.random() < 1 / 3:
        return JudgeCase(right, None, right)
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
            due = [*right[: error.step], _due(world, right, made)]
            return JudgeCase(made.steps, error.step, due)


def _due(world: World, right: list[str], made: Corrupted) -> str:
    """What stood in the place of the error before, or what an inserted step should have said."""
    if made.kind in ("after_answer", "not_yet_derived"):
        return ""
    claim = parse_step(made.steps[made.first_error])
    if isinstance(claim, Derivation) and len(made.steps) > len(right):
        return step_text(derive(world, world.relations()[claim.name], world.values()))
    return right[made.first_error]


_WRITING = 0.15  # share of the judge's training in which it writes solutions
_HINTING = 0.68  # share of it until which there are hints
_DECIDING = 5.0  # weight of the verdicts from then on, beside 1 for each word of the steps
HINTED = 0.25
"""Weight of a hint as a target."""


def judge_example(rng: random.Random, progress: float) -> list[Segment]:
    """A problem, tagged paragraphs, and up to the first wrong one what each is due and a verdict.

    The judge works each step out for itself and then compares: to see that two texts differ takes
    one skill for every kind of error. While it writes, it is also to expect whether its text has
    left the paragraph yet; not to the end, for what it expects it would write. First of all it
    learns to write solutions without any to look at, since else it would learn to copy.
    """
    if progress < _WRITING:
        return policy_example(rng, progress)
    world = make_world(rng, training_difficulty(rng, progress))
    case = judge_case(rng, world)
    tagged = "\n".join(f"<paragraph_{i}>{s}</paragraph_{i}>" for i, s in enumerate(case.steps))
    segments = [Segment(_opening(f"{question_text(world)}\n\n{tagged}"), 0.0)]
    for index, due in enumerate(case.due):
        parts = hinted(due, case.steps[index])
        segments += parts if progress < _HINTING else [part._replace(hint="") for part in parts]
        word = "wrong" if index == case.first_error else "right"
        verdict = f"\n{index} {word}\n\n" if due else f"{index} {word}\n\n"
        segments.append(Segment(verdict, 1.0 if progress < _HINTING else _DECIDING))
    index = -1 if case.first_error is None else case.first_error
    return [*segments, Segment(f"\\boxed{{{index}}}{TURN_END}", 1.0)]


def hinted(due: str, said: str) -> list[Segment]:
    """A text in one piece, or in two: as far as it is what was said, and from there on."""
    pairs = enumerate(zip(due, said, strict=False))
    same = next((at for at, (a, b) in pairs if a != b), min(len(due), len(said)))
    if same == len(due) == len(said):
        return [Segment(due, 1.0, " right")]
    while same and due[same - 1].isalpha():  # back to the space before the word that differs
        same -= 1
    same -= same > 0 and due[same - 1] == " "
    parts = [Segment(due[:same], 1.0, " right"), Segment(due[same:], 1.0, " wrong")]
    return [part for part in parts if part.text]
