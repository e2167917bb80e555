"""Numbers for proving that two formulas are equal: quotients of polynomials, exactly.

A polynomial has rational coefficients, its variables are letters and pi, and square roots of whole
numbers without square factors. In that form every polynomial is written in one way only (roots of
different square-free numbers are linearly independent over the rationals), so that comparing is
exact. A function of an argument is a letter of its own, the same for the same argument; sine and
cosine obey sin^2 + cos^2 = 1, by which no sine has a power, and the other four are their quotients.
Everything else (other roots, powers that are not whole numbers) is `Unsure`.
"""

import functools
import math
from fractions import Fraction
from typing import NamedTuple

from prmkit.answers.formula import Unsure

Letters = tuple[tuple[str, int], ...]
"""Letters with their exponents, sorted."""
Term = tuple[int, Letters]
"""A square-free number under a root, and letters with their exponents, sorted."""
Polynomial = dict[Term, Fraction]

_ONE: Term = (1, ())
_SIN, _COS = r"\sin ", r"\cos "
_MOST_TERMS = 40
_MOST_PRODUCTS = 400
_LARGEST_EXPONENT = 40
_LARGEST_RADICAND = 10**8
_LONGEST_COEFFICIENT = 2000  # bits


class Quotient(NamedTuple):
    """One polynomial over another, not reduced."""

    top: Polynomial
    bottom: Polynomial


class Rational:
    """The number system; implements `formula.Numbers`."""

    def number(self, text: str) -> Quotient:
        """A number as written."""
        return _whole({_ONE: Fraction(text)} if Fraction(text) else {})

    def symbol(self, name: str) -> Quotient:
        """A letter or pi; e and i are letters here, and i must not meet itself."""
        return _whole({(1, ((name, 1),)): Fraction(1)})

    def add(self, a: Quotient, b: Quotient) -> Quotient:
        """The sum."""
        if a.bottom == b.bottom:
            return Quotient(_added(a.top, b.top), a.bottom)
        top = _added(_product(a.top, b.bottom), _product(b.top, a.bottom))
        return Quotient(top, _product(a.bottom, b.bottom))

    def negative(self, a: Quotient) -> Quotient:
        """The number with its sign turned."""
        return Quotient({term: -c for term, c in a.top.items()}, a.bottom)

    def multiply(self, a: Quotient, b: Quotient) -> Quotient:
        """The product."""
        return Quotient(_product(a.top, b.top), _product(a.bottom, b.bottom))

    def divide(self, a: Quotient, b: Quotient) -> Quotient:
        """The quotient."""
        if not b.top:
            raise Unsure("division by zero")
        return Quotient(_product(a.top, b.bottom), _product(a.bottom, b.top))

    def power(self, a: Quotient, b: Quotient) -> Quotient:
        """The power a^b; b a small whole number."""
        exponent = _fraction(b)
        if exponent.denominator != 1 or abs(exponent) > _LARGEST_EXPONENT:
            raise Unsure("power")
        n = int(exponent)
        if not a.top and n <= 0:
            raise Unsure("power of zero")
        top, bottom = (a.top, a.bottom) if n >= 0 else (a.bottom, a.top)
        return Quotient(_power(top, abs(n)), _power(bottom, abs(n)))

    def root(self, a: Quotient, degree: int) -> Quotient:
        """The square root of a non-negative rational."""
        value = _fraction(a)
        if degree != 2 or value < 0:
            raise Unsure("root")
        if not value:
            return a
        # sqrt(p/q) = sqrt(pq)/q
        outside, inside = _square_free(value.numerator * value.denominator)
        return _whole({(inside, ()): Fraction(outside, value.denominator)})

    def call(self, function: str, a: Quotient) -> Quotient:
        """A letter for the function of this argument, or a quotient of sine and cosine."""
        if function not in _QUOTIENTS:
            return self.symbol(f"{function} {_named(a)}")
        positive, sign = _positive(a)
        cos = self.symbol(_COS + _named(positive))
        sin = self.symbol(_SIN + _named(positive))
        one = self.number("1")
        over, under = _QUOTIENTS[function]
        parts = {"sin": sin if sign > 0 else self.negative(sin), "cos": cos, "": one}
        return self.divide(parts[over], parts[under])


_QUOTIENTS = {
    r"\sin": ("sin", ""),
    r"\cos": ("cos", ""),
    r"\tan": ("sin", "cos"),
    r"\cot": ("cos", "sin"),
    r"\sec": ("", "cos"),
    r"\csc": ("", "sin"),
}


def identical(a: Quotient, b: Quotient) -> bool:
    """Whether two quotients are the same function."""
    return _product(a.top, b.bottom) == _product(b.top, a.bottom)


def _named(a: Quotient) -> str:
    """A text that is the same for the same polynomial."""
    if set(a.bottom) != {_ONE} or not a.top:
        raise Unsure("argument")
    divided = {term: c / a.bottom[_ONE] for term, c in a.top.items()}
    return str(sorted(divided.items()))


def _positive(a: Quotient) -> tuple[Quotient, int]:
    """The one of a and -a whose first coefficient is positive, and the sign of a against it."""
    if set(a.bottom) != {_ONE} or not a.top:
        raise Unsure("argument")
    if min(a.top.items())[1] * a.bottom[_ONE] > 0:
        return a, 1
    return Rational().negative(a), -1


def _whole(polynomial: Polynomial) -> Quotient:
    return Quotient(polynomial, {_ONE: Fraction(1)})


def _fraction(a: Quotient) -> Fraction:
    if not set(a.top) | set(a.bottom) <= {_ONE}:
        raise Unsure("not rational")
    return a.top.get(_ONE, Fraction(0)) / a.bottom[_ONE]


def _added(a: Polynomial, b: Polynomial) -> Polynomial:
    total = dict(a)
    for term, coefficient in b.items():
        _put(total, term, coefficient)
    return total


def _put(total: Polynomial, term: Term, coefficient: Fraction) -> None:
    new = total.get(term, Fraction(0)) + coefficient
    if new.numerator.bit_length() + new.denominator.bit_length() > _LONGEST_COEFFICIENT:
        raise Unsure("long number")
    if new:
        total[term] = new
    else:
        total.pop(term, None)


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    if len(a) * len(b) > _MOST_PRODUCTS:
        raise Unsure("many terms")
    total: Polynomial = {}
    for (root_a, letters_a), coefficient_a in a.items():
        for (root_b, letters_b), coefficient_b in b.items():
            common = math.gcd(root_a, root_b)
            inside = (root_a // common) * (root_b // common)
            coefficient = coefficient_a * coefficient_b * common
            for letters, sign in _without_sin_squared(_letters(letters_a, letters_b)):
                _put(total, (inside, letters), coefficient * sign)
    if len(total) > _MOST_TERMS:
        raise Unsure("many terms")
    return total


def _without_sin_squared(letters: Letters) -> list[tuple[Letters, int]]:
    """A product of letters as a sum of such without a squared sine."""
    exponents = dict(letters)
    sin = next((name for name, n in letters if n > 1 and name.startswith(_SIN)), None)
    if sin is None:
        return [(letters, 1)]
    cos = sin.replace(_SIN, _COS, 1)
    rest = exponents | {sin: exponents[sin] - 2}
    minus = rest | {cos: rest.get(cos, 0) + 2}
    return [
        (found, sign * inner)
        for product, sign in ((rest, 1), (minus, -1))
        for found, inner in _without_sin_squared(_sorted(product))
    ]


def _sorted(exponents: dict[str, int]) -> Letters:
    return tuple(sorted((name, n) for name, n in exponents.items() if n))


def _letters(a: Letters, b: Letters) -> Letters:
    if not a or not b:
        return a or b
    exponents = dict(a)
    for name, exponent in b:
        exponents[name] = exponents.get(name, 0) + exponent
        if name == "i":
            raise Unsure("i may be the imaginary unit")
    return _sorted(exponents)


def _power(a: Polynomial, n: int) -> Polynomial:
    power: Polynomial = {_ONE: Fraction(1)}
    for _ in range(n):
        power = _product(power, a)
    return power


@functools.lru_cache(maxsize=256)
def _square_free(n: int) -> tuple[int, int]:
    """(a, b) with n = a a b and no square in b."""
    if n > _LARGEST_RADICAND:
        raise Unsure("long root")
    outside, factor = 1, 2
    while factor * factor <= n:
        while n % (factor * factor) == 0:
            n //= factor * factor
            outside *= factor
        factor += 1
    return outside, n
