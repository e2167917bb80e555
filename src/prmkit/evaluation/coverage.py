"""How stored outputs and the cases that they are about fit together, with counts and ids.

An evaluation of some of the cases is not the benchmark's figure. It is refused unless it was asked
for, and then says in every table what is missing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from prmkit.datasets.importing import AGAIN, Imported
from prmkit.datasets.rows import BadRow
from prmkit.errors import DataError

_SHOWN = 3
_QUOTED = re.compile(rf"found '(.+)' {AGAIN}")


class Coverage(NamedTuple):
    """What was evaluated of what was to be evaluated."""

    n_expected: int
    """Cases of the data."""
    n_used: int
    """Those of them that are evaluated."""
    faults: Mapping[str, Sequence[str]]
    """By what is wrong, each id or row of that kind; only kinds that occurred."""

    @property
    def complete(self) -> bool:
        """Whether every case is evaluated and every row was of use."""
        return not self.faults

    def check(self, what: str, *, partial: bool) -> None:
        """Refuse what does not fit, unless a partial evaluation was asked for.

        Raises:
            DataError: it does not fit, with counts and the first ids; or nothing at all can be
                evaluated.
        """
        if self.n_expected == 0:
            raise DataError(f"{what}: no usable row: {self}" if self.faults else f"{what}: no rows")
        if self.n_used == 0:
            raise DataError(f"{what}: none of {self.n_expected:,} cases can be evaluated: {self}")
        if self.faults and not partial:
            raise DataError(
                f"{what}: {self}; allowed: exactly one usable row a case, or --partial, "
                "which evaluates the rest and marks it"
            )

    def mark(self) -> str:
        """What a table's title says of a partial evaluation; empty for a complete one."""
        if self.complete:
            return ""
        return f"PARTIAL: {self.n_used:,} of {self.n_expected:,} cases"

    def details(self) -> list[str]:
        """What does not fit: how many of each kind, and the first of them."""
        return [f"{len(found):,} {kind} ({_first(found)})" for kind, found in self.faults.items()]

    def __str__(self) -> str:
        return "; ".join(self.details())


def rejected_faults(imported: Imported[Any], kind: str) -> dict[str, list[str]]:
    """What reading a file rejected, by kind: ids that come again, and other unusable rows.

    Args:
        imported: What was read.
        kind: How to call the other rows, e.g. `unusable rows of the data`.
    """
    again = [_repeated(bad) for bad in imported.rejected if AGAIN in bad.reason]
    others = [f"{bad.row}: {bad.reason}" for bad in imported.rejected if AGAIN not in bad.reason]
    found = {f"{kind}, as their id came before": again, kind: others}
    return {name: rows for name, rows in found.items() if rows}


def _repeated(bad: BadRow) -> str:
    found = _QUOTED.search(bad.reason)
    return f"{found[1] if found else '?'} in {bad.row}"


def _first(found: Sequence[str]) -> str:
    more = ", ..." if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
