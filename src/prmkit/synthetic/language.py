"""From worlds to text and back: problems in several phrasings, steps in one form that parses.

The facts of a problem are labelled ("c) Bob has 17 more coins than Gia."). A step cites the fact
that it uses, says what it knows, computes, and says what follows: "By c) Bob has 17 more than Gia:
Gia owns 26, 26+17=43, so Bob owns 43." So every hop, from label to fact and from name to number,
repeats a pattern that stood there before: "owns" with a number is said of what is given and of what
is derived, and of nothing else. No text begins with a name: to a tokenizer a name after a space is
another token than one without, and every name would have to be learnt twice.
"""

import re
import string
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
    "{a} owns {n} {item}.",
    "{a} owns {n} {item} in all.",
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
    "add": "By {label}) {a} has {n} more than {b}",
    "subtract": "By {label}) {a} has {n} fewer than {b}",
    "multiply": "By {label}) {a} has {n} times as many as {b}",
    "sum": "By {label}) {a} has as many as {b} and {c}",
    "remainder": "By {label}) {a} has the rest of {b} by {n}",
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

    label: str
    name: str
    operation: Operation
    sources: tuple[str, ...]
    number: int
    symbol: str
    operands: tuple[int, int]
    result: int
    stated: tuple[int, ...] | None = None
    """What the sources are said to own, if it differs from what stands in the equation."""
    concluded: int | None = None
    """What `name` is said to own in the end, if it differs from the equation's result."""

    @property
    def usual_stated(self) -> tuple[int, ...]:
        """What the sources own if the equation is to be believed."""
        return self.operands[: len(self.sources)]


class Final(NamedTuple):
    """The last step, as claimed."""

    values: tuple[tuple[str, int], ...]
    answer: str


Claim = Derivation | Final


def question_text(world: World) -> str:
    """The problem as a person reads it."""
    parts = [
        f"{label}) {_statement(s, world.item)}"
        for label, s in zip(labels(world).values(), world.statements, strict=True)
    ]
    return " ".join(["Read this.", *parts, _question(world)])


def labels(world: World) -> dict[str, str]:
    """The letter of the fact that gives or defines each person's number, by name."""
    return {s.name: string.ascii_lowercase[i] for i, s in enumerate(world.statements)}


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
        stated = _listed([f"{name} owns {value}" for name, value in claim.values], "and")
        return f"So {stated}, and the answer is \\boxed{{{claim.answer}}}."
    said = _STEP[claim.operation].format(
        label=claim.label, a=claim.name, b=claim.sources[0], c=claim.sources[-1], n=claim.number
    )
    owned = zip(claim.sources, claim.stated or claim.usual_stated, strict=True)
    known = "".join(f"{name} owns {value}, " for name, value in owned)
    left, right = claim.operands
    equation = f"{left}{_spaced(claim.symbol)}{right}={claim.result}"
    concluded = claim.result if claim.concluded is None else claim.concluded
    return f"{said}: {known}{equation}, so {claim.name} owns {concluded}."


def _spaced(symbol: str) -> str:
    """How a symbol stands between its operands."""
    return f" {symbol} " if symbol.isalpha() else symbol


_NAME, _INT = r"([A-Z][a-z]{0,15})", r"(-?\d{1,6})"
_SAID = {
    "add": rf"(?P<a>{_NAME}) has (?P<n>{_INT}) more than (?P<b>{_NAME})",
    "subtract": rf"(?P<a>{_NAME}) has (?P<n>{_INT}) fewer than (?P<b>{_NAME})",
    "multiply": rf"(?P<a>{_NAME}) has (?P<n>{_INT}) times as many as (?P<b>{_NAME})",
    "sum": rf"(?P<a>{_NAME}) has as many as (?P<b>{_NAME}) and (?P<c>{_NAME})",
    "remainder": rf"(?P<a>{_NAME}) has the rest of (?P<b>{_NAME}) by (?P<n>{_INT})",
}
_EQUATION = rf"(?P<x>{_INT})(?P<symbol>\+|-|\*| mod )(?P<y>{_INT})=(?P<v>{_INT})"


def _parser(operation: str) -> re.Pattern[str]:
    known = rf"(?P=b) owns (?P<bv>{_INT}), "
    if operation == "sum":
        known += rf"(?P=c) owns (?P<cv>{_INT}), "
    concluded = rf"so (?P=a) owns (?P<av>{_INT})"
    return re.compile(
        rf"By (?P<label>[a-z])\) {_SAID[operation]}: {known}{_EQUATION}, {concluded}\."
    )


_PARSERS: dict[Operation, re.Pattern[str]] = {operation: _parser(operation) for operation in _STEP}
_FINAL = re.compile(
    rf"So ((?:{_NAME} owns {_INT}(?:, (?!and)| and |(?=, and))){{1,4}}), and the answer is "
    r"\\boxed\{([A-Za-z0-9?-]{1,16})\}\."
)
_STATED = re.compile(rf"{_NAME} owns {_INT}")
_MAX_STEP_CHARS = 400  # longer text is no step of this world, whatever it says


def parse_step(text: str) -> Claim | None:
    """Read one paragraph; None if it is not a step of this language. Never raises."""
    if len(text) > _MAX_STEP_CHARS:
        return None
    text = text.strip()
    for operation, pattern in _PARSERS.items():
        if match := pattern.fullmatch(text):
            return _derivation(operation, match.groupdict())
    if match := _FINAL.fullmatch(text):
        stated = tuple((n, int(v)) for n, v in _STATED.findall(match.group(1)))
        return Final(stated, match.group(match.lastindex or 0))
    return None


def _derivation(operation: Operation, said: dict[str, str]) -> Derivation:
    is_sum = operation == "sum"
    claim = Derivation(
        label=said["label"],
        name=said["a"],
        operation=operation,
        sources=(said["b"], said["c"]) if is_sum else (said["b"],),
        number=0 if is_sum else int(said["n"]),
        symbol=said["symbol"].strip(),
        operands=(int(said["x"]), int(said["y"])),
        result=int(said["v"]),
    )
    stated = (int(said["bv"]), int(said["cv"])) if is_sum else (int(said["bv"]),)
    concluded = int(said["av"])
    return claim._replace(
        stated=None if stated == claim.usual_stated else stated,
        concluded=None if concluded == claim.result else concluded,
    )


def derive(world: World, relation: Relation, values: dict[str, int]) -> Derivation:
    """The right step for one of a world's relations, given values of its sources (or claims)."""
    operands = tuple(values[s] for s in relation.sources)
    if relation.operation != "sum":
        operands = (*operands, relation.number)
    left, right = operands
    return Derivation(
        label=labels(world)[relation.name],
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


def reading_order(world: World) -> list[Relation]:
    """Every relation, as early in text order as its sources allow, until the question is answered.

    It takes no plan: what the question does not need is derived on the way.
    """
    order = usual_order(world, set(world.relations()))
    known, open_targets = set(world.givens()), set(world.targets)
    for n, relation in enumerate(order):
        if open_targets <= known:
            return order[:n]
        known.add(relation.name)
    return order


def gold_claims(world: World, order: list[Relation] | None = None) -> list[Claim]:
    """The steps of a right solution, in the usual or a given valid order of derivations."""
    values = world.givens()
    claims: list[Claim] = []
    for relation in order if order is not None else usual_order(world, world.needed()):
        derivation = derive(world, relation, values)
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
    step = Derivation("a", "Ana", "add", ("Bob", "Cleo"), 1, "mod", (1, 1), 1)
    filled += [step_text(step._replace(operation=operation)) for operation in _STEP]
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
