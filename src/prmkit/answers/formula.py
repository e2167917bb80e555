r"""Read a small, unambiguous part of LaTeX and compute it in a number system.

The grammar: integers, decimals, letters (with subscripts), \pi, + - * / ^ !, \cdot, \times, \frac,
\sqrt, |...|, floors and ceilings, the usual functions, and products without a sign.
Whatever has two readings in use (1/2x, 2(3), \log without a base, words, units) raises `Unsure`, so
that a value, where there is one, is the value in every reading.
"""

import re
from typing import Generic, Protocol, TypeVar


class Unsure(Exception):
    """The text, or a value in it, cannot be read with certainty."""


V = TypeVar("V")


class Numbers(Protocol[V]):
    """A number system; every operation may raise `Unsure`."""

    def number(self, text: str) -> V:
        """A non-negative integer or decimal, as written."""

    def symbol(self, name: str) -> V:
        """A letter or a named constant (`pi`, `e`, `i`)."""

    def add(self, a: V, b: V) -> V:
        """The sum."""

    def negative(self, a: V) -> V:
        """The number with its sign turned."""

    def multiply(self, a: V, b: V) -> V:
        """The product."""

    def divide(self, a: V, b: V) -> V:
        """The quotient."""

    def power(self, a: V, b: V) -> V:
        """The power a^b."""

    def root(self, a: V, degree: int) -> V:
        """The positive real root of that degree, of a non-negative real."""

    def call(self, function: str, a: V) -> V:
        """A function of one argument, by the name of its LaTeX command, or `abs`, `factorial`."""


_TOKEN = re.compile(
    r" *([0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|[A-Za-z]+|[-+*/^_(){}\[\]|!])", re.ASCII
)
_LONGEST = 400
_DEEPEST = 20
_NAME = re.compile(r"\\[a-z]+")
_GREEK = frozenset(
    _NAME.findall(
        r"\alpha \beta \gamma \delta \theta \lambda \mu \omega \phi \varphi \rho \sigma \tau"
    )
)
_FUNCTIONS = frozenset(_NAME.findall(r"\sin \cos \tan \cot \sec \csc \arcsin \arccos \arctan \ln"))
_TIMES = frozenset({"*", r"\cdot", r"\times"})
_CLOSES = {r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", "|": "|", "(": ")", "{": "}"}
# Letters that stand side by side in products; other runs of letters may be words or units.
_FACTORS = frozenset("abcknmpqruvwxyz")
_NO_PRODUCTS = frozenset({"am", "cm", "km", "mm", "pm", "ab", "bc", "cc", "by", "max", "nan", "up"})


def evaluate(text: str, numbers: Numbers[V]) -> V:
    """The value of a formula.

    Args:
        text: A formula without sizing commands and math delimiters (`exact.normal_form`).
        numbers: The number system to compute in.

    Raises:
        Unsure: the text is not a formula of the grammar, or its value is not certain.
    """
    return _Reader(_tokens(text), numbers).whole()


def _tokens(text: str) -> list[str]:
    if len(text) > _LONGEST:
        raise Unsure("long")
    tokens: list[str] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise Unsure(text[position])
        tokens += _letters(token[1]) if token[1][0].isalpha() else [token[1]]
        position = token.end()
    return tokens


def _letters(run: str) -> list[str]:
    low = run.lower()
    product = len(run) <= 3 and _FACTORS.issuperset(low) and low not in _NO_PRODUCTS
    product = product or (len(run) == 2 and low[1] in "xyz" and low not in _NO_PRODUCTS)
    if len(run) > 1 and not product:
        raise Unsure(run)
    return list(run)


class _Reader(Generic[V]):
    """A recursive descent over the tokens, computing as it goes."""

    def __init__(self, tokens: list[str], numbers: Numbers[V]) -> None:
        self._tokens = [*tokens, ""]
        self._at = 0
        self._depth = 0
        self._in_bars = False
        self._numbers = numbers

    def whole(self) -> V:
        value = self._sum()
        if self._token:
            raise Unsure(self._token)
        return value

    @property
    def _token(self) -> str:
        return self._tokens[self._at]

    def _take(self, *wanted: str) -> bool:
        if self._token not in wanted:
            return False
        self._at += 1
        return True

    def _need(self, wanted: str) -> None:
        if not self._take(wanted):
            raise Unsure(self._token)

    def _sum(self) -> V:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unsure("deep")
        minus = self._sign()
        value = self._product()
        value = self._numbers.negative(value) if minus else value
        while self._token in {"+", "-"}:
            minus = self._sign()
            term = self._product()
            value = self._numbers.add(value, self._numbers.negative(term) if minus else term)
        self._depth -= 1
        return value

    def _sign(self) -> bool:
        minus = self._take("-")
        if not minus:
            self._take("+")
        if self._token in {"+", "-"}:
            raise Unsure("two signs")
        return minus

    def _product(self) -> V:
        value = self._factor()
        divided = False
        while True:
            if self._take(*_TIMES):
                value = self._numbers.multiply(value, self._factor())
            elif self._take("/"):
                value = self._numbers.divide(value, self._factor())
                divided = True
            elif self._starts_factor():
                # 1/2x has two readings; 2(3), 2 3 and 2\frac12 have others than a product.
                plain_number = self._tokens[self._at - 1][0] in "0123456789.}"
                if divided or self._token[0] in "0123456789." or self._token == r"\frac":
                    raise Unsure("product")
                if plain_number and self._token == "(" and not self._letter_ahead():
                    raise Unsure("product")
                value = self._numbers.multiply(value, self._factor())
            else:
                return value

    def _letter_ahead(self) -> bool:
        """Whether the bracket that opens here holds more than plain numbers."""
        closing = self._tokens.index(")", self._at) if ")" in self._tokens[self._at :] else -1
        inner = self._tokens[self._at : closing]
        return any(t[0].isalpha() or t in {r"\sqrt", r"\pi"} for t in inner if t)

    def _starts_factor(self) -> bool:
        token = self._token
        if not token or token in {"+", "-", "/", "^", "_", ")", "}", "]", "!", *_TIMES}:
            return False
        if token == "|":
            return not self._in_bars
        return token not in {r"\rfloor", r"\rceil"}

    def _factor(self) -> V:
        value = self._atom()
        while self._token in {"!", "^"}:
            if self._take("!"):
                value = self._numbers.call("factorial", value)
            else:
                self._need("^")
                value = self._numbers.power(value, self._exponent())
                if self._token == "^":
                    raise Unsure("tower")
        return value

    def _exponent(self) -> V:
        if self._token == "(":
            raise Unsure("exponent")
        if self._token[:1].isdigit() and len(self._token) > 1:
            raise Unsure("x^12")
        return self._group()

    def _group(self) -> V:
        """The argument of a command: {...}, or one digit or letter."""
        if self._take("{"):
            value = self._sum()
            self._need("}")
            return value
        token = self._token
        if len(token) == 1 and token.isdigit():
            self._at += 1
            return self._numbers.number(token)
        if len(token) == 1 and token.isalpha():
            self._at += 1
            return self._numbers.symbol(token.lower())
        if token and token[0].isdigit():
            # \frac12 is 1/2: take the first digit only.
            self._tokens[self._at] = token[1:]
            return self._numbers.number(token[0])
        if token == r"\pi":
            return self._atom()
        raise Unsure(token)

    def _atom(self) -> V:
        token = self._token
        if token[:1].isdigit() or token[:1] == ".":
            self._at += 1
            return self._numbers.number(token)
        if token[:1].isalpha() or token in _GREEK:
            return self._symbol()
        if token in _CLOSES:
            return self._bracket()
        return self._command()

    def _symbol(self) -> V:
        name = self._token.lower()
        self._at += 1
        if self._take("_"):
            braced = self._take("{")
            index = self._token
            if not (index.isdigit() or (len(index) == 1 and index.isalpha())):
                raise Unsure("index")
            self._at += 1
            if braced:
                self._need("}")
            name += f"_{index.lower()}"
        return self._numbers.symbol(name)

    def _bracket(self) -> V:
        opening = self._token
        if opening == "{":
            raise Unsure("braces")
        self._at += 1
        outer, self._in_bars = self._in_bars, opening == "|"
        value = self._sum()
        self._in_bars = outer
        self._need(_CLOSES[opening])
        if opening == "(":
            return value
        return self._numbers.call("abs" if opening == "|" else opening, value)

    def _command(self) -> V:
        name = self._token
        self._at += 1
        if name == r"\pi":
            return self._numbers.symbol("pi")
        if name == r"\frac":
            return self._numbers.divide(self._group(), self._group())
        if name == r"\sqrt":
            return self._numbers.root(self._sqrt_argument(), self._degree)
        if name == r"\log":
            self._need("_")
            base = self._group()
            value = self._argument()
            call = self._numbers.call
            return self._numbers.divide(call(r"\ln", value), call(r"\ln", base))
        if name in _FUNCTIONS:
            exponent = None
            if self._take("^"):
                if self._token not in {"2", "3", "{"}:
                    raise Unsure("inverse")
                exponent = self._group() if self._token != "{" else self._small_exponent()
            value = self._numbers.call(name, self._argument())
            return value if exponent is None else self._numbers.power(value, exponent)
        raise Unsure(name)

    def _small_exponent(self) -> V:
        if self._tokens[self._at + 1] not in {"2", "3"}:
            raise Unsure("inverse")
        return self._group()

    def _sqrt_argument(self) -> V:
        self._degree = 2
        if self._take("["):
            if self._token not in {"2", "3", "4", "5"}:
                raise Unsure("degree")
            self._degree = int(self._token)
            self._at += 1
            self._need("]")
        return self._group()

    def _argument(self) -> V:
        r"""What a function is of; \sin 2x has two readings, \sin x \cos x has one."""
        if self._token in {"(", "{"}:
            opening = self._token
            self._at += 1
            value = self._sum()
            self._need(_CLOSES[opening])
        else:
            value = self._atom()
        if self._token in {"^", "!"} or (
            self._starts_factor() and self._token not in _FUNCTIONS and self._token != r"\log"
        ):
            raise Unsure("argument")
        return value
