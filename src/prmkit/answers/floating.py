"""Numbers for proving that two formulas differ: floats, each with a bound of its rounding error.

Letters stand for fixed numbers. Two formulas whose values there lie further apart than both bounds
are different formulas; equal values prove nothing.
"""

import cmath
import math
import zlib
from collections.abc import Callable
from typing import NamedTuple

from prmkit.answers.formula import Unsure

_EPSILON = 2.0**-50
_LARGEST = 1e200
_CONSTANTS: dict[str, complex] = {"pi": math.pi, "e": math.e, "i": 1j}
_LARGEST_FACTORIAL = 100


class Bounded(NamedTuple):
    """A number known to lie within `error` of `value`."""

    value: complex
    error: float


class Floating:
    """The number system; implements `formula.Numbers`."""

    def __init__(self, whole: int = 0) -> None:
        """Letters stand for numbers from 1 to 1.2, or for distinct whole numbers if `whole` is set.

        Args:
            whole: Which set of whole numbers letters stand for; 0 = not for whole numbers.
        """
        self._whole = whole

    def number(self, text: str) -> Bounded:
        """A number as written."""
        return _checked(complex(float(text)), 0.0)

    def symbol(self, name: str) -> Bounded:
        """A constant's value, or a number that depends on the letter only."""
        value = _CONSTANTS.get(name)
        if value is None:
            position = zlib.crc32(name.encode())
            value = complex(1 + position % 9973 / 9973 / 5)
            if self._whole:
                value = complex(7 + (position >> self._whole) % 97)
        return Bounded(value, abs(value) * _EPSILON)

    def add(self, a: Bounded, b: Bounded) -> Bounded:
        """The sum."""
        return _checked(a.value + b.value, a.error + b.error)

    def negative(self, a: Bounded) -> Bounded:
        """The number with its sign turned."""
        return Bounded(-a.value, a.error)

    def multiply(self, a: Bounded, b: Bounded) -> Bounded:
        """The product."""
        error = abs(a.value) * b.error + abs(b.value) * a.error + a.error * b.error
        return _checked(a.value * b.value, error)

    def divide(self, a: Bounded, b: Bounded) -> Bounded:
        """The quotient."""
        room = abs(b.value) - b.error
        if room <= abs(b.value) / 2 or room < 1 / _LARGEST:
            raise Unsure("divisor near zero")
        value = a.value / b.value
        return _checked(value, (a.error + abs(value) * b.error) / room)

    def power(self, a: Bounded, b: Bounded) -> Bounded:
        """The power a^b; a real and positive, or b a small whole number."""
        if b.value == round(b.value.real) and abs(b.value) <= 4096:
            return self._whole_power(a, round(b.value.real))
        if a.value.imag or b.value.imag or a.value.real <= 0:
            raise Unsure("power")
        return self.call("exp", self.multiply(b, self.call(r"\ln", a)))

    def _whole_power(self, a: Bounded, n: int) -> Bounded:
        try:
            value = a.value**n
        except (OverflowError, ZeroDivisionError):
            raise Unsure("power") from None
        relative = a.error / abs(a.value) if a.value else 0.0
        if abs(n) * relative > 1e-3:
            raise Unsure("power")
        return _checked(value, abs(value) * abs(n) * (2 * relative + _EPSILON))

    def root(self, a: Bounded, degree: int) -> Bounded:
        """The positive root of a non-negative real."""
        if a.value == 0 == a.error:
            return a
        if a.value.imag or a.value.real <= 2 * a.error:
            raise Unsure("root")
        value = a.value.real ** (1 / degree)
        return _checked(complex(value), value * 2 * a.error / a.value.real)

    def call(self, function: str, a: Bounded) -> Bounded:
        """A function of a real number; steps are taken only where the bound is clear of them."""
        compute = _FUNCTIONS.get(function)
        if compute is None or (a.value.imag and function != "abs"):
            raise Unsure(function)
        try:
            values = [compute(a.value + shift) for shift in (0.0, -2 * a.error, 2 * a.error)]
        except (ValueError, OverflowError, ZeroDivisionError):
            raise Unsure(function) from None
        error = max(abs(value - values[0]) for value in values)
        if error > 1e-3:
            raise Unsure(function)
        return _checked(complex(values[0]), error)


def apart(a: Bounded, b: Bounded) -> bool:
    """Whether two numbers differ, and by more than any grader takes for rounding."""
    gap, size = abs(a.value - b.value), max(abs(a.value), abs(b.value))
    return gap > 1e-5 + 1e-9 * size + 4 * (a.error + b.error)


def _checked(value: complex, error: float) -> Bounded:
    size = abs(value)
    if not size < _LARGEST:
        raise Unsure("too large")
    return Bounded(value, error * (1 + _EPSILON) + size * _EPSILON)


def _factorial(x: complex) -> complex:
    n = round(x.real)
    if abs(x - n) > 1e-9 or not 0 <= n <= _LARGEST_FACTORIAL:
        raise ValueError(n)
    return complex(math.factorial(n))


def _real(compute: Callable[[float], float]) -> Callable[[complex], complex]:
    return lambda x: complex(compute(x.real))


_FUNCTIONS: dict[str, Callable[[complex], complex]] = {
    "abs": lambda x: complex(abs(x)),
    "exp": cmath.exp,
    "factorial": _factorial,
    r"\lfloor": _real(math.floor),
    r"\lceil": _real(math.ceil),
    r"\ln": _real(math.log),
    r"\sin": _real(math.sin),
    r"\cos": _real(math.cos),
    r"\tan": _real(math.tan),
    r"\cot": _real(lambda x: 1 / math.tan(x)),
    r"\sec": _real(lambda x: 1 / math.cos(x)),
    r"\csc": _real(lambda x: 1 / math.sin(x)),
    r"\arcsin": _real(math.asin),
    r"\arccos": _real(math.acos),
    r"\arctan": _real(math.atan),
}
