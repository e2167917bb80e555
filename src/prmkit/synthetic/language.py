"""From worlds to text and back: problems in several phrasings, steps in one form that parses.

A step names the source before its value ("So Bob has 17 more than Gia: 26+17=43."), so that each
hop from name to number is explicit. No text begins with a name: to a tokenizer a name after a space
is another token than one without, and every name would have to be learnt twice.
"""

import re
from typing import NamedTuple

from prmkit.synthetic.world import (
    LETTERS,
    Given,
    Operation,
    Relation,
    World,
    answer_of,
    apply,
)

_GIVEN = (
    "{a} has {n} {item}.",
    "{a} owns {n} {item}.",
    "There are {n} {item} in the bag of {a}.",
)
# the last form of each names its subject last, which is harder to read
_RELATION: dict[str, tuple[str, ...]] = {
    "add": (
        "{a} has {n} more {item} than {b}.",
        "{a} has {n} {item} more than {b}.",
        "Compared with {b}, {a} has {n} {item} more.",
    ),
    "subtract": (
        "{a} has {n} fewer {item} than {b}.",
        "{a} is {n} {item} short of {b}.",
        "Compared with {b}, {a} has {n} {item} less.",
    ),
    "multiply": (
        "{a} has {n} times as many {item} as {b}.",
        "{a} has {n} times the {item} of {b}.",
        "The {item} of {b}, {n} times over, make those of {a}.",
    ),
    "sum": (
        "{a} has as many {item} as {b} and {c} together.",
        "{a} has the {item} of {b} and {c} put together.",
        "{b} and {c} put together have as many {item} as {a}.",
    ),
    "remainder": (
        "{a} has the {item} left over when those of {b} are packed in bags of {n}.",
        "{a} has what is left of the {item} of {b} packed in bags of {n}.",
        "Packing the {item} of {b} in bags of {n} leaves over those of {a}.",
    ),
}
_STEP: dict[Operation, str] = {
    "add": "So {a} has {n} more than {b}: {x}+{y}={v}.",
    "subtract": "So {a} has {n} fewer than {b}: {x}-{y}={v}.",
    "multiply": "So {a} has {n} times as many as {b}: {x}*{y}={v}.",
    "sum": "So {a} has as many as {b} and {c}: {x}+{y}={v}.",
    "remainder": "So {a} has the rest of {b} by {n}: {x} mod {y}={v}.",
}
SYMBOLS: dict[Operation, str] = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "sum": "+",
    "remainder": "mod",
}


class Derivation(NamedTuple):
    """One step that derives a person's number, as claimed; nothing in it need be true."""

    name: str
    operation: Operation
    sources: tuple[str, ...]
    number: int
    symbol: str
    operands: tuple[int, int]
    result: int


class Final(NamedTuple):
    """The last step, as claimed."""

    values: tuple[tuple[str, int], ...]
    answer: str


Claim = Derivation | Final


def question_text(world: World) -> str:
    """The problem as a person reads it."""
    parts = [_statement(s, world.item) for s in world.statements]
    return " ".join(["Read this.", *parts, _question(world)])


def _statement(statement: Given | Relation, item: str) -> str:
    if isinstance(statement, Given):
        return _GIVEN[statement.phrasing].format(a=statement.name, n=statement.value, item=item)
    forms = _RELATION[statement.operation]
    b, c = statement.sources[0], statement.sources[-1]
    return forms[statement.phrasing].format(
        a=statement.name, b=b, c=c, n=statement.number, item=item
    )


def _question(world: World) -> str:
    name, item = world.targets[0], world.item
    match world.kind:
        case "free":
            return f"How many {item} does {name} have?"
        case "last_digit":
            return f"What is the last digit of the number of {item} that {name} has?"
        case "parity":
            return f"Does {name} have an even or an odd number of {item}?"
        case "choice":
            options = " ".join(f"({k}) {n}" for k, n in zip(LETTERS, world.choices, strict=True))
            return f"How many {item} does {name} have? {options}"
        case "who":
            return f"Who has the most {item}: {_listed(world.targets, 'or')}?"


def _listed(parts: tuple[str, ...] | list[str], word: str) -> str:
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}" if len(parts) > 1 else parts[0]


def step_text(claim: Claim) -> str:
    """A claim as a solution paragraph."""
    if isinstance(claim, Final):
        stated = _listed([f"{name} has {value}" for name, value in claim.values], "and")
        return f"So {stated}, and the answer is \\boxed{{{claim.answer}}}."
    text = _STEP[claim.operation].format(
        a=claim.name,
        b=claim.sources[0],
        c=claim.sources[-1],
        n=claim.number,
        x=claim.operands[0],
        y=claim.operands[1],
        v=claim.result,
    )
    usual, x = SYMBOLS[claim.operation], claim.operands[0]
    if claim.symbol == usual:
        return text
    return text.replace(f": {x}{_spaced(usual)}", f": {x}{_spaced(claim.symbol)}")


def _spaced(symbol: str) -> str:
    """How a symbol stands between its operands."""
    return f" {symbol} " if symbol.isalpha() else symbol


_NAME, _INT, _EQ = r"([A-Z][a-z]{0,15})", r"(-?\d{1,6})", r"(-?\d{1,6})(\+|-|\*| mod )(-?\d{1,6})"
_PARSERS: tuple[tuple[Operation, re.Pattern[str]], ...] = (
    ("add", re.compile(rf"So {_NAME} has {_INT} more than {_NAME}: {_EQ}={_INT}\.")),
    ("subtract", re.compile(rf"So {_NAME} has {_INT} fewer than {_NAME}: {_EQ}={_INT}\.")),
    ("multiply", re.compile(rf"So {_NAME} has {_INT} times as many as {_NAME}: {_EQ}={_INT}\.")),
    ("remainder", re.compile(rf"So {_NAME} has the rest of {_NAME} by {_INT}: {_EQ}={_INT}\.")),
)
_SUM = re.compile(rf"So {_NAME} has as many as {_NAME} and {_NAME}: {_EQ}={_INT}\.")
_FINAL = re.compile(
    rf"So ((?:{_NAME} has {_INT}(?:, (?!and)| and |(?=, and))){{1,4}}), and the answer is "
    r"\\boxed\{([A-Za-z0-9?-]{1,16})\}\."
)
_STATED = re.compile(rf"{_NAME} has {_INT}")
_MAX_STEP_CHARS = 400  # longer text is no step of this world, whatever it says


def parse_step(text: str) -> Claim | None:
    """Read one paragraph; None if it is not a step of this language. Never raises."""
    if len(text) > _MAX_STEP_CHARS:
        return None
    text = text.strip()
    for operation, pattern in _PARSERS:
        if match := pattern.fullmatch(text):
            a, second, third, x, symbol, y, v = match.groups()
            swapped = operation == "remainder"
            number, b = (third, second) if swapped else (second, third)
            operands = (int(x), int(y))
            return Derivation(a, operation, (b,), int(number), symbol.strip(), operands, int(v))
    if match := _SUM.fullmatch(text):
        a, b, c, x, symbol, y, v = match.groups()
        return Derivation(a, "sum", (b, c), 0, symbol.strip(), (int(x), int(y)), int(v))
    if match := _FINAL.fullmatch(text):
        stated = tuple((n, int(v)) for n, v in _STATED.findall(match.group(1)))
        return Final(stated, match.group(match.lastindex or 0))
    return None


def derive(relation: Relation, values: dict[str, int]) -> Derivation:
    """The right step for a relation, given values of its sources (right or claimed)."""
    operands = tuple(values[s] for s in relation.sources)
    if relation.operation != "sum":
        operands = (*operands, relation.number)
    left, right = operands
    return Derivation(
        name=relation.name,
        operation=relation.operation,
        sources=relation.sources,
        number=relation.number,
        symbol=SYMBOLS[relation.operation],
        operands=(left, right),
        result=apply(relation.operation, left, right),
    )


def conclude(world: World, values: dict[str, int]) -> Final:
    """The last step that follows from (right or claimed) values of the targets."""
    stated = {name: values[name] for name in world.targets}
    return Final(tuple(stated.items()), answer_of(world, stated))


def usual_order(world: World, names: set[str]) -> list[Relation]:
    """Relations that define `names`, each as early in text order as its sources allow."""
    waiting = [s for s in world.statements if isinstance(s, Relation) and s.name in names]
    known, order = set(world.givens()), list[Relation]()
    while waiting:
        ready = next(r for r in waiting if known.issuperset(r.sources))
        waiting.remove(ready)
        known.add(ready.name)
        order.append(ready)
    return order


def gold_claims(world: World, order: list[Relation] | None = None) -> list[Claim]:
    """The steps of a right solution, in the usual or a given valid order of derivations."""
    values = world.givens()
    claims: list[Claim] = []
    for relation in order if order is not None else usual_order(world, world.needed()):
        derivation = derive(relation, values)
        values[relation.name] = derivation.result
        claims.append(derivation)
    return [*claims, conclude(world, values)]


def gold_steps(world: World) -> list[str]:
    """A right solution's paragraphs."""
    return [step_text(claim) for claim in gold_claims(world)]


def vocabulary_text() -> str:
    """Every template of the language, for the tokenizer's vocabulary."""
    filled = [f.format(a="Ana", b="Bob", c="Cleo", n=1, item="coins") for f in _GIVEN]
    for forms in _RELATION.values():
        filled += [f.format(a="Ana", b="Bob", c="Cleo", n=1, item="coins") for f in forms]
    filled += [f.format(a="Ana", b="Bob", c="Cleo", n=1, x=1, y=1, v=1) for f in _STEP.values()]
    for kind in ("free", "last_digit", "parity", "choice", "who"):
        world = World(
            item="coins",
            statements=(Given(name="Ana", value=1),),
            kind=kind,
            targets=("Ana", "Bob", "Cleo"),
            choices=(1, 2, 3, 4),
        )
        filled.append(_question(world))
    filled.append(step_text(Final((("Ana", 1), ("Bob", 1), ("Cleo", 1)), "odd")))
    return " ".join(["Read this.", *filled])
