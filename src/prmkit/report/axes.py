"""An axis: a range that holds the values, round ticks, and where a value lies in pixels."""

import math
from collections.abc import Sequence
from typing import NamedTuple

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_N_TICKS = 5
_EQUAL = 1e-9
_TINY = 1e-300  # below it a fifth of a span may be 0
_NARROW, _WIDE = "iljftr.,:;'|!()[] 1", "mwMW@%&"


class Axis(NamedTuple):
    """A range of values with ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float, begin: float, end: float) -> float:
        """Where a value lies between two pixels."""
        return begin + (value - self.low) / (self.high - self.low) * (end - begin)

    def label(self, tick: float) -> str:
        """A tick as text."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
        digits += step in (2.5, 0.25, 0.025)
        return _signed(f"{tick:.{digits}f}")

    def exact(self, value: float) -> str:
        """A value between ticks as text."""
        span = self.high - self.low
        return _signed(f"{value:.{1 if span > 3 else 2}f}")


class LogAxis(NamedTuple):
    """A range of positive values on a logarithmic scale, with ticks at 1, 2 and 5 times powers."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float, begin: float, end: float) -> float:
        """Where a value lies between two pixels."""
        span = math.log(self.high) - math.log(self.low)
        return begin + (math.log(value) - math.log(self.low)) / span * (end - begin)

    def label(self, tick: float) -> str:
        """A tick as text."""
        return f"{tick:,g}" if tick < 1e6 else f"{tick:.0e}"  # a million is long


def log_axis_over(values: Sequence[float]) -> LogAxis:
    """A logarithmic axis that holds all values.

    Raises:
        ValueError: one is not above 0.
    """
    low, high = min(values), max(values)
    if low <= 0:
        raise ValueError(f"a logarithmic axis holds values above 0, found {low}")
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    first = max(i for i, tick in enumerate(ticks) if tick <= low * (1 + _EQUAL))
    last = min(i for i, tick in enumerate(ticks) if tick >= high * (1 - _EQUAL))
    chosen = ticks[first : max(last, first + 1) + 1]
    return LogAxis(chosen[0], chosen[-1], tuple(chosen))


def axis_over(values: Sequence[float], *, whole: bool) -> Axis:
    """An axis that holds all values.

    Args:
        values: At least one.
        whole: Values are percentages: never beyond 0 and 100, and all of it if they span half.
    """
    low, high = min(values), max(values)
    if whole and high - low > 50:
        low, high = 0.0, 100.0
    largest = max(abs(low), abs(high))
    if high - low <= _EQUAL * largest:  # apart by rounding alone
        low = high = 0.5 * (low + high)
    span = (high - low) or largest
    step = _step(span if span > _TINY else 1.0)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if low == high:
        low, high = low - step, high + step
    if whole:
        low, high = max(low, 0.0), min(high, 100.0)
    n = round((high - low) / step)
    return Axis(low, high, tuple(low + i * step for i in range(n + 1)))


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif font, in pixels."""
    units = sum(0.36 if c in _NARROW else 0.95 if c in _WIDE else 0.63 for c in text)
    return size * units


def _step(span: float) -> float:
    raw = span / _N_TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * step for step in _STEPS if power * step >= raw * (1 - _EQUAL))


def _signed(text: str) -> str:
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")
