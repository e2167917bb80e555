"""Arithmetic word problems whose every solution step a program can check exactly.

A problem is a set of people who each own a number of one kind of thing. Some numbers are given;
each other one is related to one or two people's numbers by a statement. The question needs exactly
`n_operations` of the related numbers; the other statements are distractors. The relations form a
random acyclic graph grown backwards from the question, so that "take the last number" is not a
way through.
"""

import random
from typing import Literal, NamedTuple

from pydantic import Field

from prmkit.records import Record

NAMES = (
    *("Ana", "Bob", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo", "Iris", "Jack", "Kim", "Leo"),
    *("Mia", "Noah", "Olga", "Paul", "Quinn", "Rosa", "Sam", "Tara", "Uma", "Vera", "Will", "Zoe"),
)
ITEMS = ("coins", "apples", "books", "stamps", "cards", "shells", "pens", "marbles")
LETTERS = "ABCD"

Operation = Literal["add", "subtract", "multiply", "sum", "remainder"]
AnswerKind = Literal["free", "last_digit", "parity", "choice", "who"]
ANSWER_KINDS: tuple[AnswerKind, ...] = ("free", "last_digit", "parity", "choice", "who")


class Given(Record):
    """`name` has `value` things."""

    name: str
    """Who."""
    value: int = Field(ge=1)
    """How many."""
    phrasing: int = Field(0, ge=0, lt=3)
    """Which of the phrasings the text uses; 2 is the unusual one."""


class Relation(Record):
    """`name`'s number follows from other people's."""

    name: str
    """Whose number."""
    operation: Operation
    """How it follows."""
    sources: tuple[str, ...] = Field(min_length=1, max_length=2)
    """From whom: two for `sum`, else one."""
    number: int = 0
    """The constant in the statement; 0 for `sum`, which has none."""
    phrasing: int = Field(0, ge=0, lt=3)
    """Which of the phrasings the text uses; 2 is the unusual one."""


class World(Record):
    """The truth behind one problem."""

    item: str
    """What is counted."""
    statements: tuple[Given | Relation, ...]
    """In the order of the text."""
    kind: AnswerKind
    """What the question asks for."""
    targets: tuple[str, ...] = Field(min_length=1)
    """Whom the question is about: three people for `who`, else one."""
    choices: tuple[int, ...] = ()
    """The numbers on offer if `kind` is `choice`."""

    def relations(self) -> dict[str, Relation]:
        """Relation by the name that it defines."""
        return {s.name: s for s in self.statements if isinstance(s, Relation)}

    def givens(self) -> dict[str, int]:
        """Given numbers by name."""
        return {s.name: s.value for s in self.statements if isinstance(s, Given)}

    def values(self) -> dict[str, int]:
        """Every person's number."""
        relations, values = self.relations(), self.givens()

        def value(name: str) -> int:
            if name not in values:
                relation = relations[name]
                operands = [value(s) for s in relation.sources]
                values[name] = apply(relation.operation, *operands, *_constant(relation))
            return values[name]

        for name in relations:
            value(name)
        return values

    def needed(self) -> set[str]:
        """Names whose relations the question needs."""
        relations, needed = self.relations(), set[str]()
        stack = list(self.targets)
        while stack:
            name = stack.pop()
            if name in relations and name not in needed:
                needed.add(name)
                stack.extend(relations[name].sources)
        return needed

    def answer(self) -> str:
        """The right final answer."""
        values = self.values()
        return answer_of(self, {name: values[name] for name in self.targets})


class Difficulty(Record):
    """What makes a split hard."""

    operations: tuple[int, int]
    """Fewest and most operations that the question needs."""
    distractors: tuple[int, int]
    """Fewest and most statements that it does not need."""
    shuffled: float = Field(ge=0.0, le=1.0)
    """Share of problems whose statements are in random order instead of a usable one."""
    largest: int = Field(ge=20)
    """No number in the problem is larger."""
    remainder: float = Field(0.0, ge=0.0, le=1.0)
    """Share of one-source relations that are remainders."""
    unusual: float = Field(0.0, ge=0.0, le=1.0)
    """Share of statements in a phrasing that names its subject last."""


def _constant(relation: Relation) -> tuple[int, ...]:
    return () if relation.operation == "sum" else (relation.number,)


def apply(operation: Operation, left: int, right: int) -> int:
    """Result of one operation.

    Raises:
        ZeroDivisionError: a remainder by 0.
    """
    match operation:
        case "add" | "sum":
            return left + right
        case "subtract":
            return left - right
        case "multiply":
            return left * right
        case "remainder":
            return left % right


def answer_of(world: World, values: dict[str, int]) -> str:
    """The final answer that follows from claimed values of the targets; `?` if none does."""
    first = values[world.targets[0]]
    match world.kind:
        case "free":
            return str(first)
        case "last_digit":
            return str(abs(first) % 10)
        case "parity":
            return "odd" if first % 2 else "even"
        case "choice":
            return LETTERS[world.choices.index(first)] if first in world.choices else "?"
        case "who":
            most = max(values.values())
            return next(name for name in world.targets if values[name] == most)


class _Node(NamedTuple):
    """A derived person in the graph: who, and from whom."""

    name: str
    sources: tuple[str, ...]


def _grow(rng: random.Random, targets: list[str], names: list[str], n: int) -> list[_Node]:
    """Grow n derived people backwards from the targets; earliest derivable last."""
    leaves, nodes = list(targets), list[_Node]()
    while len(nodes) < n:
        # every target is derived before any other person is: each must cost work
        underived = [t for t in targets if t in leaves]
        leaf = rng.choice(underived or leaves)
        leaves.remove(leaf)
        others = [name for name in leaves if name not in targets]
        sources: tuple[str, ...] = (names.pop(),)
        if len(names) > 4 and rng.random() < 0.25:
            shared = others and rng.random() < 0.5
            sources = (*sources, rng.choice(others) if shared else names.pop())
        leaves.extend(s for s in sources if s not in leaves)
        nodes.append(_Node(leaf, sources))
    return nodes


def _phrasing(rng: random.Random, difficulty: Difficulty) -> int:
    return 2 if rng.random() < difficulty.unusual else rng.randrange(2)


def _given(rng: random.Random, name: str, value: int, difficulty: Difficulty) -> Given:
    return Given(name=name, value=value, phrasing=_phrasing(rng, difficulty))


def _choose_relation(
    rng: random.Random, node: _Node, values: dict[str, int], difficulty: Difficulty
) -> Relation | None:
    """A relation for this node whose result stays in range, or None."""
    source = values[node.sources[0]]
    phrasing = _phrasing(rng, difficulty)
    if len(node.sources) == 2:
        total = source + values[node.sources[1]]
        if total > difficulty.largest:
            return None
        return Relation(name=node.name, operation="sum", sources=node.sources, phrasing=phrasing)
    room = difficulty.largest - source
    options: list[tuple[Operation, int, int]] = [
        ("add", 2, min(40, room)),
        ("subtract", 2, min(40, source - 1)),
        ("multiply", 2, min(5, difficulty.largest // source)),
    ]
    feasible = [o for o in options if o[1] <= o[2]]
    if rng.random() < difficulty.remainder and source > 12:
        feasible = [("remainder", 3, 9)]
    operation, low, high = rng.choice(feasible)
    number = rng.randint(low, high)
    if operation == "remainder" and source % number == 0:
        return None
    return Relation(
        name=node.name, operation=operation, sources=node.sources, number=number, phrasing=phrasing
    )


def _fill(
    rng: random.Random, nodes: list[_Node], leaves: list[str], difficulty: Difficulty
) -> tuple[dict[str, int], list[Given | Relation]] | None:
    """Numbers and relations for a graph, in a usable order; None if a number left its range."""
    values = dict[str, int]()
    statements: list[Given | Relation] = []
    for name in leaves:
        values[name] = rng.randint(2, min(60, difficulty.largest // 2))
    for node in reversed(nodes):
        for name in node.sources:
            if name in leaves and all(s.name != name for s in statements):
                statements.append(_given(rng, name, values[name], difficulty))
        relation = _choose_relation(rng, node, values, difficulty)
        if relation is None:
            return None
        operands = [values[s] for s in relation.sources]
        values[node.name] = apply(relation.operation, *operands, *_constant(relation))
        statements.append(relation)
    return values, statements


def _add_distractors(
    rng: random.Random,
    statements: list[Given | Relation],
    names: list[str],
    values: dict[str, int],
    difficulty: Difficulty,
) -> None:
    """Insert statements that the question does not need, each after what it refers to."""
    for _ in range(rng.randint(*difficulty.distractors)):
        if not names:
            return
        name, position = names.pop(), rng.randint(1, len(statements))
        source = rng.choice(statements[:position]).name
        relation = _choose_relation(rng, _Node(name, (source,)), values, difficulty)
        if relation is None or rng.random() < 0.65:
            values[name] = rng.randint(2, min(60, difficulty.largest // 2))
            statements.insert(position, _given(rng, name, values[name], difficulty))
        else:
            values[name] = apply(relation.operation, values[source], relation.number)
            statements.insert(position, relation)


def _choices(rng: random.Random, value: int) -> tuple[int, ...]:
    """Four different numbers, one of them right, the others near misses."""
    near = [value + d for d in (-10, -2, -1, 1, 2, 10, 5, -5) if value + d > 0]
    options = [value, *rng.sample(near, 3)]
    rng.shuffle(options)
    return tuple(options)


def _try_world(rng: random.Random, kind: AnswerKind, difficulty: Difficulty) -> World | None:
    n = rng.randint(*difficulty.operations)
    names = rng.sample(NAMES, len(NAMES))
    targets = [names.pop() for _ in range(min(3, n) if kind == "who" else 1)]
    if kind == "who" and len(targets) < 3:
        targets.append(names.pop())  # one candidate's number is given
    nodes = _grow(rng, targets, names, n)
    derived = {node.name for node in nodes}
    leaves = {s for node in nodes for s in node.sources if s not in derived}
    leaves |= {t for t in targets if t not in derived}
    filled = _fill(rng, nodes, sorted(leaves), difficulty)
    if filled is None:
        return None
    values, statements = filled
    for name in targets:
        if all(s.name != name for s in statements):
            statements.append(_given(rng, name, values[name], difficulty))
    target_values = [values[t] for t in targets]
    if kind == "who" and target_values.count(max(target_values)) > 1:
        return None
    _add_distractors(rng, statements, names, values, difficulty)
    if rng.random() < difficulty.shuffled:
        rng.shuffle(statements)
    rng.shuffle(targets)
    return World(
        item=rng.choice(ITEMS),
        statements=tuple(statements),
        kind=kind,
        targets=tuple(targets),
        choices=_choices(rng, values[targets[0]]) if kind == "choice" else (),
    )


def make_world(rng: random.Random, difficulty: Difficulty, kind: AnswerKind | None = None) -> World:
    """Draw one world.

    Args:
        rng: Source of all randomness.
        difficulty: How hard.
        kind: What is asked; None = drawn evenly.
    """
    chosen: AnswerKind = rng.choice(ANSWER_KINDS) if kind is None else kind
    while True:
        world = _try_world(rng, chosen, difficulty)
        if world is not None:
            return world
