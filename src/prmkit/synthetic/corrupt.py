"""Programmatic corruptions of right solutions: one named error at a known step.

They teach the judge, and they test the oracle. After the error the solution either goes on
consistently with the wrong number or as if nothing had happened.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from prmkit.synthetic.language import (
    SYMBOLS,
    Claim,
    Derivation,
    Final,
    conclude,
    derive,
    labels,
    step_text,
)
from prmkit.synthetic.oracle import ErrorKind
from prmkit.synthetic.world import LETTERS, NAMES, Operation, Relation, World, answer_of, apply


class Corrupted(NamedTuple):
    """A solution with exactly one cause of error."""

    steps: list[str]
    """Paragraphs."""
    first_error: int
    """The corrupted step, 0-based."""
    kind: ErrorKind
    """What was done to it."""


_LAST_DERIVED = 0.7  # share of answers about somebody else that stop at the last one derived

_OWN_NUMBER = 0.5  # share of sources named wrongly that at least get their own number

Corruption = Callable[[random.Random, World, list[Claim], int], Claim | None]
"""Gives the corrupted claim at an index, or None if it cannot be corrupted so."""


def near_number(rng: random.Random, value: int) -> int:
    """A wrong number of a likely kind: off by a little, a digit changed, digits swapped."""
    options = {value + d for d in (-10, -2, -1, 1, 2, 10, 20, -20)}
    text = str(value)
    options.add(int(text[::-1]))
    position = rng.randrange(len(text))
    options.add(int(text[:position] + str(rng.randrange(10)) + text[position + 1 :]))
    good = sorted(o for o in options if o > 0 and o != value)
    return rng.choice(good)


def _recomputed(claim: Derivation, **changes: object) -> Derivation:
    """The claim with changes, its result following from its operands."""
    changed = claim._replace(**changes)  # type: ignore[arg-type]
    left, right = changed.operands
    operation: Operation = next(o for o, s in SYMBOLS.items() if s == changed.symbol)
    return changed._replace(result=apply(operation, left, right))


def _other_operand(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """A wrong number for a source: another person's, or a near miss."""
    claim = claims[index]
    known = _known_before(world, claims, index)
    if isinstance(claim, Final):
        name, value = rng.choice(claim.values)
        wrong = _wrong_value(rng, known, value)
        return _conclude_with(rng, world, dict(claim.values) | {name: wrong})
    slots = (0, 1) if claim.operation == "sum" else (0,)
    slot = rng.choice(slots)
    operands = list(claim.operands)
    operands[slot] = _wrong_value(rng, known, operands[slot])
    return _recomputed(claim, operands=(operands[0], operands[1]))


def _wrong_value(rng: random.Random, known: dict[str, int], value: int) -> int:
    others = sorted({v for v in known.values() if v != value and v > 0})
    return rng.choice(others) if others and rng.random() < 0.6 else near_number(rng, value)


def _conclude_with(rng: random.Random, world: World, values: dict[str, int]) -> Final:
    final = conclude(world, values)
    return final if final.answer != "?" else final._replace(answer=rng.choice(LETTERS))


def _other_number(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """A wrong constant, in the words and in the equation."""
    claim = claims[index]
    if isinstance(claim, Final) or claim.operation == "sum":
        return None
    numbers = [
        r.number
        for r in world.relations().values()
        if r.number and r.number != claim.number and r.operation == claim.operation
    ]
    use_other = numbers and rng.random() < 0.6
    number = rng.choice(numbers) if use_other else near_number(rng, claim.number)
    return _recomputed(claim, number=number, operands=(claim.operands[0], number))


def _other_source(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """Another known person named as the source, with that person's number."""
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    known = _known_before(world, claims, index)
    others = sorted(known.keys() - set(claim.sources) - {claim.name})
    if not others:
        return None
    slot, other = rng.randrange(len(claim.sources)), rng.choice(others)
    return _from_another(claim, slot, other, known[other])


def _from_another(claim: Derivation, slot: int, source: str, number: int) -> Derivation:
    """The claim with another source in one place, and that number for it."""
    sources = tuple(source if i == slot else s for i, s in enumerate(claim.sources))
    operands = tuple(number if i == slot else o for i, o in enumerate(claim.operands))
    return _recomputed(claim, sources=sources, operands=operands)


def _misread(rng: random.Random, world: World, claims: list[Claim], index: int) -> Claim | None:
    """Any person of the problem named as a source, derived yet or not, and any known number."""
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    known = _known_before(world, claims, index)
    others = sorted({s.name for s in world.statements} - set(claim.sources))
    slot, other = rng.randrange(len(claim.sources)), rng.choice(others)
    own = other in known and rng.random() < _OWN_NUMBER
    number = known[other] if own else rng.choice(sorted(known.values()))
    return _from_another(claim, slot, other, number)


def _other_owner(rng: random.Random, world: World, claims: list[Claim], index: int) -> Claim | None:
    """The result given to another person of the problem than the fact speaks of."""
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    others = sorted({s.name for s in world.statements} - set(claim.sources) - {claim.name})
    return claim._replace(name=rng.choice(others)) if others else None


def _other_fact(rng: random.Random, world: World, claims: list[Claim], index: int) -> Claim | None:
    """Another fact cited than the one that defines the person's number."""
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    return claim._replace(label=rng.choice(sorted(set(labels(world).values()) - {claim.label})))


def _other_operation(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """Another operation in the words and the equation, or in the equation alone."""
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    others: list[Operation] = [o for o in ("add", "subtract", "multiply") if o != claim.operation]
    operation = rng.choice(others)
    if SYMBOLS[operation] == claim.symbol:
        operation = "subtract"
    changed = _recomputed(claim, symbol=SYMBOLS[operation])
    if claim.operation != "sum" and rng.random() < 0.7:
        changed = changed._replace(operation=operation)
    return changed


def _other_result(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    return claim._replace(result=near_number(rng, claim.result))


def _other_conclusion(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """Another number at the end than the equation gives."""
    claim = claims[index]
    if isinstance(claim, Final):
        return None
    return claim._replace(concluded=near_number(rng, claim.result))


def _unknown_person(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """Somebody whom the problem does not name, as source or as the one derived."""
    claim = claims[index]
    named = {s.name for s in world.statements}
    strangers = [n for n in NAMES if n not in named]
    if isinstance(claim, Final) or not strangers:
        return None
    stranger = rng.choice(strangers)
    if rng.random() < 0.5:
        return claim._replace(name=stranger)
    return claim._replace(sources=(stranger, *claim.sources[1:]))


def _too_soon(rng: random.Random, world: World, claims: list[Claim], index: int) -> Claim | None:
    """A true derivation put before the step that it rests on, or with a guessed source."""
    known = _known_before(world, claims, index)
    early = [
        r
        for r in world.relations().values()
        if r.name not in known and not known.keys() >= set(r.sources)
    ]
    if not early:
        return None
    relation = rng.choice(early)
    truth = world.values()
    values = {s: truth[s] if rng.random() < 0.5 else rng.randint(2, 60) for s in relation.sources}
    values |= {s: known[s] for s in relation.sources if s in known}
    return derive(world, relation, values)


def _unneeded_wrong(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """A derivation that the question does not need, with a wrong number in it."""
    known = _known_before(world, claims, index)
    idle = [
        r
        for r in world.relations().values()
        if r.name not in world.needed() and known.keys() >= set(r.sources)
    ]
    if not idle:
        return None
    right = derive(world, rng.choice(idle), known)
    return right._replace(result=near_number(rng, right.result))


def _other_answer(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """A wrong answer from right numbers."""
    claim = claims[index]
    if not isinstance(claim, Final):
        return None
    if world.kind == "free":
        return claim._replace(answer=str(near_number(rng, claim.values[0][1])))
    options: dict[str, Sequence[str]] = {
        "last_digit": "0123456789",
        "parity": ("odd", "even"),
        "choice": LETTERS,
        "who": world.targets,
    }
    wrong = [o for o in options[world.kind] if o != claim.answer]
    return claim._replace(answer=rng.choice(wrong))


def _other_person(
    rng: random.Random, world: World, claims: list[Claim], index: int
) -> Claim | None:
    """An answer about somebody who was not asked for: mostly the last one derived, too early."""
    known = _known_before(world, claims, index)
    before = claims[index - 1] if index else None
    is_last = isinstance(before, Derivation) and rng.random() < _LAST_DERIVED
    other = before.name if isinstance(before, Derivation) and is_last else rng.choice(sorted(known))
    names = [other, *world.targets[1:]]
    if other in world.targets or not known.keys() >= set(names):
        return None
    values = {name: known[name] for name in names}
    if world.kind == "who":
        return Final(tuple(values.items()), max(names, key=lambda name: values[name]))
    answer = answer_of(world, {world.targets[0]: values[other]})
    return Final(tuple(values.items()), rng.choice(LETTERS) if answer == "?" else answer)


def _known_before(world: World, claims: list[Claim], index: int) -> dict[str, int]:
    known = world.givens()
    known |= {c.name: c.result for c in claims[:index] if isinstance(c, Derivation)}
    return known


CORRUPTIONS: dict[str, tuple[Corruption, tuple[ErrorKind, ...]]] = {
    "operand": (_other_operand, ("wrong_operand",)),
    "number": (_other_number, ("wrong_operand",)),
    "source": (_other_source, ("wrong_operand",)),
    "misread": (_misread, ("wrong_operand",)),
    "owner": (_other_owner, ("wrong_fact",)),
    "fact": (_other_fact, ("wrong_fact",)),
    "operation": (_other_operation, ("wrong_operation",)),
    "arithmetic": (_other_result, ("wrong_arithmetic",)),
    "conclusion": (_other_conclusion, ("wrong_arithmetic",)),
    "stranger": (_unknown_person, ("unknown_quantity",)),
    "too_soon": (_too_soon, ("not_yet_derived",)),
    "unneeded": (_unneeded_wrong, ("wrong_arithmetic",)),
    "answer": (_other_answer, ("wrong_answer",)),
    "person": (_other_person, ("wrong_operand",)),
}
"""Corruption by name, with what the oracle must say of it."""


def corrupt(
    rng: random.Random, world: World, claims: list[Claim], name: str, index: int
) -> Corrupted | None:
    """Put one named error at one step of a right solution; None if that cannot be done there."""
    corruption, kinds = CORRUPTIONS[name]
    wrong = corruption(rng, world, claims, index)
    if wrong is None or wrong == claims[index]:
        return None
    inserted = name in ("too_soon", "unneeded")
    rest = claims[index:] if inserted else claims[index + 1 :]
    if isinstance(wrong, Final):
        rest = []
    if rng.random() < 0.6 and isinstance(wrong, Derivation) and not inserted:
        rest = _go_on(rng, world, claims, index, wrong)
    steps = [step_text(c) for c in [*claims[:index], wrong, *rest]]
    return Corrupted(steps, index, kinds[0])


def _go_on(
    rng: random.Random, world: World, claims: list[Claim], index: int, wrong: Derivation
) -> list[Claim]:
    """The steps after an error, consistent with its wrong number."""
    relations: dict[str, Relation] = world.relations()
    values = _known_before(world, claims, index) | {wrong.name: wrong.result}
    rest: list[Claim] = []
    for claim in claims[index + 1 :]:
        if isinstance(claim, Final):
            stated = {name: values.get(name, 1) for name in world.targets}
            rest.append(_conclude_with(rng, world, stated))
            continue
        relation = relations[claim.name]
        if any(s not in values for s in relation.sources):
            return claims[index + 1 :]
        derivation = derive(world, relation, values)
        values[claim.name] = derivation.result
        rest.append(derivation)
    return rest


def corrupt_form(rng: random.Random, claims: list[Claim]) -> Corrupted:
    """Errors of form: the answer left out, something after it, or an unreadable step."""
    steps = [step_text(c) for c in claims]
    kind: ErrorKind = rng.choice(("missing_answer", "after_answer", "unparsable"))
    if kind == "missing_answer":
        return Corrupted(steps[:-1], len(steps) - 2, kind)
    if kind == "after_answer":
        return Corrupted([*steps, rng.choice(steps)], len(steps), kind)
    index = rng.randrange(len(steps))
    words = steps[index].split(" ")
    position = rng.randrange(len(words))
    words[position : position + 2] = []
    steps[index] = " ".join(words) or "."
    return Corrupted(steps, index, kind)
