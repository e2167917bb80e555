"""Numbers and names as a reader sees them."""

import re
from typing import NamedTuple

from prmkit.analysis.result import Cell, Unit
from prmkit.records import Estimate

_NUMBER = re.compile(r"[\d,]*\.?\d+(e[+-]\d+)?")
FEW = 10
"""With fewer cases behind it an estimate is shown pale: its interval is not to be relied on."""

NO_INTERVAL = "a single measurement, without an interval"
"""The method of an estimate whose ends say nothing."""


class Shown(NamedTuple):
    """A cell of a table, ready to be shown."""

    value: str
    interval: str = ""
    n: str = ""
    method: str = ""
    is_number: bool = False
    is_few: bool = False


def shown(cell: Cell, unit: Unit) -> Shown:
    """A cell as its parts; a dash where there is nothing to say."""
    if cell is None:
        return Shown("\N{EN DASH}")
    if isinstance(cell, str):
        return Shown(cell, is_number=bool(_NUMBER.fullmatch(cell)))
    if isinstance(cell, int):
        return Shown(f"{cell:,}", is_number=True)
    if cell.method == NO_INTERVAL:
        return Shown(number(cell.value, unit), method=cell.method, is_number=True)
    unscored = f", {cell.n_unscored:,} unscored" if cell.n_unscored else ""
    return Shown(
        number(cell.value, unit),
        f"{number(cell.low, unit)} to {number(cell.high, unit)}",
        f"n = {cell.n:,}{unscored}",
        cell.method,
        is_number=True,
        is_few=cell.n < FEW,
    )


def number(value: float, unit: Unit) -> str:
    """A value as text in its unit, with a real minus sign."""
    times, digits = (1.0, 2) if unit == "number" else (100.0, 1)
    text = f"{times * value:.{digits}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def estimate_text(estimate: Estimate, unit: Unit) -> str:
    """An estimate in one line."""
    value, interval, n, *_ = shown(estimate, unit)
    return f"{value} [{interval}], {n}" if interval else value


def share_text(estimate: Estimate) -> str:
    """A share in a sentence: 34.7 % (26.0 to 42.8)."""
    value, interval, *_ = shown(estimate, "percent")
    return f"{value} % ({interval})"


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


UNIT_WORDS: dict[Unit, str] = {"percent": "percent", "points": "percentage points", "number": ""}
