"""Training examples for the synthetic world's models, drawn fresh from a random generator.

An example is a list of segments: text and its weight as a training target.
"""

import random
import re
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
from prmkit.synthetic.tokenizer import TURN_END, TURN_START
from prmkit.synthetic.world import NAMES, Difficulty, Relation, World, make_world


class Segment(NamedTuple):
    """A piece of an example."""

    text: str
    weight: float
    after: str = ""
    """What to expect after the text instead of what follows; its first token counts."""
    after_weight: float = 0.0
    throughout: bool = False
    """Expect `after` after each token of the text, at `weight`, not after the last alone."""


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


def _opening(user: str) -> str:
    return f"{TURN_START}user\n{user}{_ANSWERS}"


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
    steps = [step_text(claim) for claim in gold_claims(world, reading_order(world))]
    solution = "\n\n".join(steps) + TURN_END
    return [Segment(_opening(question_text(world)), 0.0), *_with_results(solution, 1.0)]


_RESULT = re.compile(r"(?<==)-?\d+")
_RESULT_WEIGHT = 3.0  # one token in twenty, and as hard as all others together


def _with_results(text: str, weight: float) -> list[Segment]:
    """A text whose results of equations weigh more than the rest."""
    segments, end = list[Segment](), 0
    for result in _RESULT.finditer(text):
        segments.append(Segment(text[end : result.start()], weight))
        segments.append(Segment(result.group(), weight * _RESULT_WEIGHT))
        end = result.end()
    return [*segments, Segment(text[end:], weight)]


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


_FREQUENT = ("person", "person", "answer")  # what a solution most often ends with


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
            return JudgeCase(made.steps, error.step, due)


def _due(world: World, right: list[str], made: Corrupted) -> str:
    """What stood in the place of the error before, or what an inserted step should have said."""
    if made.kind in ("after_answer", "not_yet_derived"):
        return ""
    claim = parse_step(made.steps[made.first_error])
    if isinstance(claim, Derivation) and len(made.steps) > len(right):
        return step_text(derive(world, world.relations()[claim.name], world.values()))
    return right[made.first_error]


_READING = 1.0  # weight of the paragraphs' words, up to the first that is wrong
_DECIDING = 5.0  # weight of what a paragraph is called at its end
_WRITING = 0.35  # share of the judge's training in which it writes solutions
_JUDGING = 0.8  # share from which on it judges whole cases only
_SPOTTING = 0.6  # share of examples between the two with words out of place
_SPOILED = 0.6  # share of their paragraphs that have one
_NEAR = 0.4  # share of spoiled numbers that are near misses; other words stand in the text, too
_CUT = 0.5  # share of wrong solutions read up to their first error only
_ALARM = 3.0  # how much more a wrong paragraph weighs than a right one, of which there are more
_QUOTING = 1.5  # weight of paragraphs that it writes again, as they stand and not as they should


def judge_example(rng: random.Random, progress: float) -> list[Segment]:
    """A problem, tagged paragraphs, a verdict on each up to the first wrong one, and its index.

    While it reads, the judge is to expect at each word what is due there, and at the end of a
    paragraph whether it is right: what differs from what it expected is where an error is. After
    the first error nothing is expected of it. First of all it learns to write solutions, and then
    to spot words out of place.
    """
    if progress < _WRITING:
        return policy_example(rng, progress)
    world = make_world(rng, training_difficulty(rng, progress))
    if rng.random() < (_SPOTTING if progress < _JUDGING else 0.0):
        return _spotting_example(rng, world)
    case = judge_case(rng, world)
    cut = rng.random() < _CUT and case.first_error is not None
    steps = case.steps[: len(case.due)] if cut else case.steps
    read = [_read(step, case, index) for index, step in enumerate(steps)]
    # where it is cut no answer is due: that it ends early would give it away
    return _tagged(world, read) + ([] if cut else _answer(steps, case.first_error))


def _tagged(world: World, paragraphs: list[list[Segment]]) -> list[Segment]:
    """The problem and paragraphs in their tags, as the judge's prompt has them."""
    segments = [Segment(f"{TURN_START}user\n{question_text(world)}\n\n", 0.0)]
    for index, paragraph in enumerate(paragraphs):
        end = "\n" if index + 1 < len(paragraphs) else _ANSWERS
        segments.append(Segment(f"<paragraph_{index}>", 0.0))
        segments += [*paragraph, Segment(f"</paragraph_{index}>{end}", 0.0)]
    return segments


def _answer(steps: list[str], first_error: int | None) -> list[Segment]:
    """Each paragraph again with a verdict, up to the first wrong one, and its index.

    What the judge notices at the end of a paragraph it can use only if it is written there: a token
    cannot attend to what the last layer found at an earlier one.
    """
    segments = list[Segment]()
    for index, step in enumerate(steps if first_error is None else steps[: first_error + 1]):
        quoting = _QUOTING * (_ALARM if index == first_error else 1.0)
        segments.append(Segment(f"{index}>{step}", quoting))
        if index == first_error:
            segments.append(Segment(" wrong", _DECIDING * _ALARM))
        else:
            segments.append(Segment(" right", _DECIDING))
        segments.append(Segment("\n", _QUOTING))
    index = -1 if first_error is None else first_error
    return [*segments, Segment(f"\\boxed{{{index}}}{TURN_END}", 1.0)]


def _spotting_example(rng: random.Random, world: World) -> list[Segment]:
    """Right paragraphs, in many of which one word was replaced; each is judged by itself."""
    steps = [step_text(claim) for claim in right_variant(rng, world)]
    pool = " ".join([question_text(world), *steps])
    read, wrong = list[list[Segment]](), list[int]()
    for index, step in enumerate(steps):
        spoiled = _spoiled(rng, step, pool) if rng.random() < _SPOILED else None
        if spoiled is None:
            read.append(_read_right(step))
            continue
        wrong.append(index)
        start, word, rest = spoiled
        weight = _READING * _RESULT_WEIGHT if start.endswith("=") else _READING
        due = step[len(start) :]
        read.append(
            [
                Segment(start, _READING, due, weight),
                Segment(word, _READING, " wrong", _READING, throughout=True),
                Segment(rest, _READING, " wrong", _DECIDING),
            ]
        )
    said = ["".join(part.text for part in paragraph) for paragraph in read]
    return [*_tagged(world, read), *_answer(said, wrong[0] if wrong else None)]


_KINDS_OF_WORDS = {
    "letter": re.compile(r"(?<=By) [a-z](?=\))"),
    "name": re.compile(rf" (?:{'|'.join(NAMES)})\b"),
    "number": re.compile(r"\d+"),
    "comparison": re.compile(r" (?:more|fewer)\b"),
}


def _spoiled(rng: random.Random, step: str, pool: str) -> tuple[str, str, str] | None:
    """A step with one word replaced by another of its kind: what stands before, it, and after."""
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
    same = same if kind == "number" else 0
    return step[: found.start() + same], new[same:], step[found.end() :]


def _read_right(step: str) -> list[Segment]:
    """A right paragraph: its own words, and at its end that it is right."""
    *before, last = _with_results(step, _READING)
    return [*before, last._replace(after=" right", after_weight=_DECIDING)]


def _read(step: str, case: JudgeCase, index: int) -> list[Segment]:
    """One paragraph: what is due in it and at its end; nothing after the first error."""
    if index >= len(case.due):
        return [Segment(step, 0.0)]
    due = case.due[index]
    if index != case.first_error:
        return _read_right(step)
    same = shared_length(due, step)
    weight = _READING * _RESULT_WEIGHT if step[:same].endswith("=") else _READING
    first = Segment(step[:same], _READING, due[same:] or "</", weight if due else 0.0)
    rest = Segment(step[same:], _READING, " wrong", _DECIDING, throughout=True)
    return [first, rest] if first.text else [rest]


def shared_length(due: str, said: str) -> int:
    """How many characters two texts share at their start, without a word that then differs."""
    pairs = enumerate(zip(due, said, strict=False))
    same = next((at for at, (a, b) in pairs if a != b), min(len(due), len(said)))
    while same and said[same - 1].isalpha():  # back to the space before the word
        same -= 1
    return same - (same > 0 and said[same - 1] == " ")
