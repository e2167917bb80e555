"""Take typed values out of a row; a value that is not as its format says names its field.

Nothing is bent into shape: a number is no text, and true is no number.
"""

import math
from collections.abc import Sequence
from typing import Any

from prmkit.errors import DataError

_MAX_SHOWN = 60


class BadField(DataError):
    """A column is missing, or its value is not allowed."""

    def __init__(self, field: str, found: str, allowed: str) -> None:
        at = f"{field}: " if field else ""
        super().__init__(f"{at}found {found}; allowed: {allowed}")
        self.field = field
        """Dotted name of the column, list positions from 0."""


class Fields:
    """The columns of a row, or of a mapping inside it.

    Every method raises `BadField` where the column is missing or of another type.
    """

    def __init__(self, values: dict[str, Any], at: str = "") -> None:
        self._values = values
        self._at = at

    def __contains__(self, name: str) -> bool:
        """Whether the column is there and not null."""
        return self._values.get(name) is not None

    def bad(self, name: str, found: str, allowed: str) -> BadField:
        """The error for a value of this row."""
        return BadField(f"{self._at}{name}", found, allowed)

    def raw(self, name: str, allowed: str) -> Any:
        """The value, whatever it is; `allowed` says what it should be."""
        if name not in self._values:
            has = ", ".join(map(str, self._values)) or "none"
            raise self.bad(name, f"no such column among {has:.200}", allowed)
        return self._values[name]

    def first(self, names: Sequence[str]) -> str:
        """The first of some columns that is there and not null; else the first name."""
        return next((name for name in names if name in self), names[0])

    def text(self, name: str) -> str:
        """Text that is not blank."""
        value = self.any_text(name)
        if not value.strip():
            raise self.bad(name, "blank text", "text that is not blank")
        return value

    def any_text(self, name: str) -> str:
        """Text, which may be blank."""
        value = self.raw(name, "text")
        if not isinstance(value, str):
            raise self.bad(name, shown(value), "text")
        return value

    def texts(self, name: str, *, blank: bool = False) -> tuple[str, ...]:
        """A list, not empty, of texts, blank ones only if `blank`."""
        allowed = "a list of texts" if blank else "a list of texts that are not blank"
        return tuple(
            self._element(name, i, value, str, allowed, ok=lambda v: blank or bool(v.strip()))
            for i, value in enumerate(self._list(name, allowed))
        )

    def wholes(self, name: str, low: int) -> tuple[int, ...]:
        """A list, may be empty, of whole numbers of at least `low`."""
        allowed = f"a list of whole numbers, at least {low}"
        return tuple(
            self._element(name, i, value, int, allowed, ok=lambda v: bool(v >= low))
            for i, value in enumerate(self._list(name, allowed, empty=True))
        )

    def shares(self, name: str) -> tuple[float, ...]:
        """A list, not empty, of true, false or numbers in [0, 1]."""
        allowed = "a list of true, false or numbers in [0, 1]"
        values = self._list(name, allowed)
        for i, value in enumerate(values):
            number = isinstance(value, int | float) and math.isfinite(value)
            if not number or not 0 <= value <= 1:
                raise self.bad(f"{name}.{i}", shown(value), allowed)
        return tuple(float(value) for value in values)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list, not empty, of finite numbers."""
        allowed = "a list of finite numbers"
        return tuple(
            float(self._element(name, i, value, int | float, allowed, ok=math.isfinite))
            for i, value in enumerate(self._list(name, allowed))
        )

    def flag(self, name: str, default: bool | None = None) -> bool:  # noqa: FBT001
        """True or false; `default` if the column is missing or null and a default is given."""
        if default is not None and name not in self:
            return default
        value = self.raw(name, "true or false")
        if not isinstance(value, bool):
            raise self.bad(name, shown(value), "true or false")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        allowed = f"a whole number from {low} to {high}"
        value = self.raw(name, allowed)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.bad(name, shown(value), allowed)
        return value

    def key(self, name: str, default: str | int) -> str:
        """An id, text or a whole number; `default` where the column is missing or null."""
        value = self._values[name] if name in self else default
        if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
            raise self.bad(name, shown(value), "text or a whole number")
        return str(value)

    def mapping(self, name: str) -> "Fields":
        """A mapping inside this one."""
        value = self.raw(name, "a mapping")
        if not isinstance(value, dict):
            raise self.bad(name, shown(value), "a mapping")
        return Fields(value, f"{self._at}{name}.")

    def mappings(self, name: str) -> list["Fields"]:
        """A list of mappings, may be empty."""
        values = self._list(name, "a list of mappings", empty=True)
        for i, value in enumerate(values):
            if not isinstance(value, dict):
                raise self.bad(f"{name}.{i}", shown(value), "a mapping")
        return [Fields(value, f"{self._at}{name}.{i}.") for i, value in enumerate(values)]

    def _list(self, name: str, allowed: str, *, empty: bool = False) -> list[Any]:
        value = self.raw(name, allowed)
        if not isinstance(value, list | tuple):
            raise self.bad(name, shown(value), allowed)
        if not value and not empty:
            raise self.bad(name, "an empty list", allowed)
        return list(value)

    def _element(self, name: str, i: int, value: Any, kind: Any, allowed: str, ok: Any) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool) or not ok(value):
            raise self.bad(f"{name}.{i}", shown(value), allowed)
        return value


def shown(value: Any) -> str:
    """A value in a message: kind and the beginning of its content."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a mapping"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
