"""Training examples for the synthetic world's models, drawn fresh from a random generator.

An example is a list of segments: text and its weight as a training target.
"""

import random
import re
from enum import IntEnum
from typing import NamedTuple

from prmkit.synthetic.corrupt import CORRUPTIONS, Corrupted, corrupt, corrupt_form
from prmkit.synthetic.language import (
    Claim,
    Derivation,
    Final,
    derive,
    gold_claims,
    parse_step,
    question_text,
    reading_order,
    step_text,
    usual_order,
)
from prmkit.synthetic.oracle import first_error
from prmkit.synthetic.tokenizer import TURN_END, TURN_START, VERDICTS
from prmkit.synthetic.world import NAMES, Difficulty, Relation, World, make_world


class State(IntEnum):
    """What a token of a paragraph says of it."""

    UNKNOWN = 0
    """Nothing is to be learnt here."""
    RIGHT = 1
    """The paragraph is right so far."""
    WRONG = 2
    """Here it goes wrong."""
    SPOILT = 3
    """It went wrong before."""
    QUIET = 4
    """Of no paragraph, so nothing can be wrong here."""


class Segment(NamedTuple):
    """A piece of an example."""

    text: str
    weight: float
    due: str = ""
    """What is due after the text instead of what follows; its first token counts."""
    due_weight: float = 0.0
    state: State = State.UNKNOWN
    """Of each of its tokens; after one that is WRONG the others of the segment are SPOILT."""


class Example(NamedTuple):
    """What a model reads, and what it is to say."""

    read: list[Segment]
    said: list[Segment]


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


_ANSWERS = f"{TURN_END}\n{TURN_START}assistant\n"


def policy_example(
    rng: random.Random, progress: float, shuffled: float = 0.15, many: float = 0.0
) -> Example:
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
    steps = [step_text(claim) for claim in gold_claims(world, reading_order(world))]
    solution = "\n\n".join(steps) + TURN_END
    opening = Segment(f"{TURN_START}user\n{question_text(world)}{_ANSWERS}", 0.0)
    return Example([opening], _with_results(solution))


_RESULT = re.compile(r"(?<==)-?\d+")
_RESULT_WEIGHT = 3.0  # one token in twenty, and as hard as all others together


def _with_results(text: str, state: State = State.UNKNOWN) -> list[Segment]:
    """A text whose results of equations weigh more than the rest."""
    segments, end = list[Segment](), 0
    for result in _RESULT.finditer(text):
        segments.append(Segment(text[end : result.start()], 1.0, state=state))
        segments.append(Segment(result.group(), _RESULT_WEIGHT, state=state))
        end = result.end()
    return [*segments, Segment(text[end:], 1.0, state=state)]


def right_variant(rng: random.Random, world: World) -> list[Claim]:
    """A right solution that need not be the usual one: other orders, swaps, true asides."""
    order = reading_order(world)
    if rng.random() < 0.25:
        aside = set(rng.sample(sorted(world.relations()), 1))
        order = usual_order(world, _closed(world, world.needed() | aside))
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
    n_credible: int = 0
    """Characters of a wrong paragraph before its error, where nothing was due in its place."""


def _n_credible(world: World, claims: list[Claim], made: Corrupted) -> int:
    """Where a step that comes too soon first says what a person owns whom nothing says it of."""
    claim = parse_step(made.steps[made.first_error])
    if made.kind != "not_yet_derived" or not isinstance(claim, Derivation):
        return 0
    known = world.givens().keys() | {
        c.name for c in claims[: made.first_error] if isinstance(c, Derivation)
    }
    unknown = next((name for name in claim.sources if name not in known), claim.name)
    said = f"{unknown} owns "
    at = made.steps[made.first_error].find(said)
    return at + len(said) if at >= 0 else 0


_FREQUENT = ("person", "person", "answer", "misread", "misread")  # as a writer's errors mostly are


def judge_case(rng: random.Random, world: World) -> JudgeCase:
    """Right steps (one in three), or steps with one random corruption at a random place."""
    claims = right_variant(rng, world)
    right = [step_text(c) for c in claims]
    if rng.random() < 1 / 3:
        return JudgeCase(right, None, right)
    while True:
        name = rng.choice((*CORRUPTIONS, "form", *_FREQUENT))
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
            return JudgeCase(made.steps, error.step, due, _n_credible(world, claims, made))


def _due(world: World, right: list[str], made: Corrupted) -> str:
    """What stood in the place of the error before, or what an inserted step should have said."""
    if made.kind in ("after_answer", "not_yet_derived"):
        return ""
    claim = parse_step(made.steps[made.first_error])
    if isinstance(claim, Derivation) and len(made.steps) > len(right):
        return step_text(derive(world, world.relations()[claim.name], world.values()))
    return right[made.first_error]


_DECIDING = 4.0  # weight of a verdict, beside that of the words around it
_MISSED = 4.0  # weight of an error, beside that of a right paragraph: one in eight is wrong
_SPOTTING = 0.5  # share of examples with words out of place, in the time when there are such
_SPOTTING_TIME = (0.27, 0.54)  # shares of the training between which there are
_SPOILED = 0.6  # share of their paragraphs that have one


def judge_example(rng: random.Random, progress: float) -> Example:
    """A problem and tagged paragraphs; a verdict on each up to the first wrong one, and its index.

    While it reads, the judge is to expect at each word what is due there, and to know whether the
    paragraph is right so far; after the first error nothing is expected of it. In the middle of its
    training it also reads right paragraphs with single words replaced, each judged by itself, so
    that there is much to notice.
    """
    world = make_world(rng, training_difficulty(rng, progress))
    spotting = _SPOTTING_TIME[0] <= progress < _SPOTTING_TIME[1]
    if rng.random() < (_SPOTTING if spotting else 0.0):
        return _spotting_example(rng, world)
    case = judge_case(rng, world)
    read = [_read(step, case, index) for index, step in enumerate(case.steps)]
    return Example(_tagged(world, read), _answer(len(case.steps), case.first_error))


def _tagged(world: World, paragraphs: list[list[Segment]]) -> list[Segment]:
    """The problem and paragraphs in their tags, as the judge's prompt has them.

    What a paragraph is at its last word, it is at its closing tag, where the answer looks for it.
    Where one stops too soon, the tag is what is wrong.
    """
    problem = f"{TURN_START}user\n{question_text(world)}\n\n"
    segments, gone = [Segment(problem, 0.0, state=State.QUIET)], False
    for index, paragraph in enumerate(paragraphs):
        end = "\n" if index + 1 < len(paragraphs) else _ANSWERS
        *_, last = paragraph
        closing = State.SPOILT if last.state is State.WRONG and last.text else last.state
        weight = 1.0 if closing is State.RIGHT else 0.0
        opening = State.UNKNOWN if gone else State.QUIET
        segments.append(Segment(f"<paragraph_{index}>", 0.0, state=opening))
        segments += [*paragraph, Segment(f"</paragraph_{index}>", weight, state=closing)]
        gone = gone or last.state is State.WRONG
        segments.append(Segment(end, 0.0, state=State.UNKNOWN if gone else State.QUIET))
    return segments


def _answer(n_steps: int, first_error: int | None) -> list[Segment]:
    """Each paragraph's verdict up to the first wrong one, and that one's index."""
    segments = list[Segment]()
    for index in range(n_steps if first_error is None else first_error + 1):
        segments.append(Segment(str(index), 1.0))
        word = VERDICTS[index == first_error]
        weight = _DECIDING * (_MISSED if index == first_error else 1.0)
        segments += [Segment(word, weight), Segment("\n", 1.0)]
    index = -1 if first_error is None else first_error
    return [*segments, Segment(f"\\boxed{{{index}}}{TURN_END}", 1.0)]


def _spotting_example(rng: random.Random, world: World) -> Example:
    """Right paragraphs, in many of which one word was replaced; each is judged by itself."""
    steps = [step_text(claim) for claim in right_variant(rng, world)]
    pool = " ".join([question_text(world), *steps])
    read, wrong = list[list[Segment]](), list[int]()
    for index, step in enumerate(steps):
        spoiled = _spoiled(rng, step, pool) if rng.random() < _SPOILED else None
        read.append(_with_results(step, State.RIGHT) if spoiled is None else spoiled)
        if spoiled is not None:
            wrong.append(index)
    return Example(_tagged(world, read), _answer(len(steps), wrong[0] if wrong else None))


_KINDS_OF_WORDS = {
    "letter": re.compile(r"(?<=By) [a-z](?=\))"),
    "name": re.compile(rf" (?:{'|'.join(NAMES)})\b"),
    "number": re.compile(r"\d+"),
    "comparison": re.compile(r" (?:more|fewer)\b"),
}


_NEAR = 0.4  # share of spoiled numbers that are near misses; other words stand in the text, too


def _spoiled(rng: random.Random, step: str, pool: str) -> list[Segment] | None:
    """A step with one word replaced by another of its kind, and read on as if nothing had been."""
    places = [(k, m) for k, words in _KINDS_OF_WORDS.items() for m in words.finditer(step)]
    kind, found = rng.choice(places)
    old = found.group()
    if kind == "number" and rng.random() < _NEAR:
        new = str(abs(int(old) + rng.choice((-10, -2, -1, 1, 2, 10))))
    else:
        new = rng.choice(_KINDS_OF_WORDS[kind].findall(pool))
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    if same is None:
        return None
    at = found.start() + (same if kind == "number" else 0)
    return _gone_wrong(step[:at], step[at:], step[: found.start()] + new + step[found.end() :])


def _gone_wrong(same: str, due: str, said: str) -> list[Segment]:
    """A paragraph that says `same` as it should and then something else than is due."""
    weight = _RESULT_WEIGHT if same.endswith("=") else 1.0
    *before, last = _with_results(same, State.RIGHT)
    last = last._replace(due=due, due_weight=weight if due else 0.0)
    wrong = Segment(said[len(same) :], 0.0, state=State.WRONG)
    return [*before, last, wrong] if same else [wrong]


def _read(step: str, case: JudgeCase, index: int) -> list[Segment]:
    """One paragraph: what is due in it and whether it is right; nothing after the first error."""
    if index >= len(case.due):
        return [Segment(step, 0.0)]
    due = case.due[index]
    if due == step:
        return _with_results(step, State.RIGHT)
    same = shared_length(due, step) if due else case.n_credible
    if due:
        return _gone_wrong(step[:same], due[same:], step)
    return [
        *([Segment(step[:same], 0.0)] if same else []),
        Segment(step[same:], 0.0, state=State.WRONG),
    ]


def shared_length(due: str, said: str) -> int:
    """How many characters two texts share at their start, up to the first token that differs.

    A word is one token with the space before it, of a number each digit is one.
    """
    pairs = enumerate(zip(due, said, strict=False))
    same = next((at for at, (a, b) in pairs if a != b), min(len(due), len(said)))
    after = (due[same : same + 1], said[same : same + 1])
    if all(char.isdigit() for char in after):
        return same
    if any(char.isalpha() for char in after):  # within a word: back to the space before it
        while same and said[same - 1].isalpha():
            same -= 1
    return same - (same > 0 and said[same - 1] == " ")
