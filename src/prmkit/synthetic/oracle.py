"""The exact first error of a solution in the synthetic world: the ground truth.

A step is right if it derives a related person's number by that person's own fact, which it cites by
its letter, from numbers that are given or were derived by earlier right steps, which it states
rightly, with the right arithmetic and conclusion. Any order that respects this is right, operands
of a sum or product may be swapped, a derivation that the question does not need is right if it is
true, and so is saying a true thing twice. The last step must state the targets' numbers and the
answer that follows from them. Checking stops at the first error.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from prmkit.errors import DataError
from prmkit.records import Problem
from prmkit.synthetic.language import SYMBOLS, Derivation, Final, labels, parse_step
from prmkit.synthetic.world import Relation, World, answer_of, apply

ErrorKind = Literal[
    "unparsable",
    "unknown_quantity",
    "wrong_fact",
    "wrong_operation",
    "wrong_operand",
    "not_yet_derived",
    "wrong_arithmetic",
    "wrong_answer",
    "missing_answer",
    "after_answer",
]
_COMMUTES = frozenset({"add", "sum", "multiply"})


class FirstError(NamedTuple):
    """Where a solution goes wrong first, and how."""

    step: int
    """0-based."""
    kind: ErrorKind
    """What is wrong with it."""


def first_error(world: World, steps: Sequence[str]) -> FirstError | None:
    """The first error of a finished solution; None if every step is right.

    A solution whose steps are all right but which never answers is wrong at its last step
    (`missing_answer`).

    Args:
        world: The truth.
        steps: The solution's paragraphs, at least one.

    Raises:
        DataError: there are no steps.
    """
    if not steps:
        raise DataError("a solution without steps has no first error; it should have been rejected")
    found = prefix_error(world, steps)
    if found is not None or isinstance(parse_step(steps[-1]), Final):
        return found
    return FirstError(len(steps) - 1, "missing_answer")


def prefix_error(world: World, steps: Sequence[str]) -> FirstError | None:
    """The first error of an unfinished solution; None if all its steps are right so far."""
    checker = _Checker(world)
    for index, text in enumerate(steps):
        kind = checker.check(text)
        if kind is not None:
            return FirstError(index, kind)
    return None


def world_of(problem: Problem) -> World:
    """The truth behind a synthetic problem.

    Raises:
        DataError: the problem has no machine-readable truth.
    """
    if problem.spec is None:
        raise DataError(f"problem {problem.problem_id}: no spec; only synthetic problems have one")
    return World.model_validate_json(problem.spec)


class _Checker:
    """Checks steps in order and keeps what has been derived so far."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._relations = world.relations()
        self._labels = labels(world)
        self._known = world.givens()
        self._answered = False

    def check(self, text: str) -> ErrorKind | None:
        if self._answered:
            return "after_answer"
        claim = parse_step(text)
        if claim is None:
            return "unparsable"
        if isinstance(claim, Final):
            return self._check_final(claim)
        return self._check_derivation(claim)

    def _check_derivation(self, claim: Derivation) -> ErrorKind | None:
        names = {claim.name, *claim.sources}
        if not names <= self._relations.keys() | self._known.keys():
            return "unknown_quantity"
        if claim.label != self._labels[claim.name]:
            return "wrong_fact"
        relation = self._relations.get(claim.name)
        if relation is None or claim.operation != relation.operation:
            return "wrong_operation"
        if claim.symbol != SYMBOLS[claim.operation]:
            return "wrong_operation"
        if sorted(claim.sources) != sorted(relation.sources) or claim.number != relation.number:
            return "wrong_operand"
        if not all(source in self._known for source in claim.sources):
            return "not_yet_derived"
        if not self._operands_match(claim, relation):
            return "wrong_operand"
        left, right = claim.operands
        if claim.symbol == "mod" and right == 0:
            return "wrong_operand"
        if claim.result != apply(claim.operation, left, right) or claim.concluded is not None:
            return "wrong_arithmetic"
        self._known[claim.name] = claim.result
        return None

    def _operands_match(self, claim: Derivation, relation: Relation) -> bool:
        stated = claim.stated or claim.usual_stated
        if list(stated) != [self._known[source] for source in claim.sources]:
            return False
        due = [self._known[source] for source in relation.sources]
        if relation.operation != "sum":
            due.append(relation.number)
        if relation.operation in _COMMUTES:
            return sorted(claim.operands) == sorted(due)
        return list(claim.operands) == due

    def _check_final(self, claim: Final) -> ErrorKind | None:
        stated = dict(claim.values)
        if len(stated) != len(claim.values) or stated.keys() != set(self._world.targets):
            known = self._relations.keys() | self._world.givens().keys()
            return "wrong_operand" if stated.keys() <= known else "unknown_quantity"
        if not all(name in self._known for name in stated):
            return "not_yet_derived"
        if any(self._known[name] != value for name, value in stated.items()):
            return "wrong_operand"
        if claim.answer != answer_of(self._world, stated):
            return "wrong_answer"
        self._answered = True
        return None
