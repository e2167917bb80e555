"""Rows of a data set on the Hugging Face hub, through the `datasets` library (extra `hub`).

Only data files are read: a data set that would run code of its own is refused by the library, and
nothing here asks it to.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from prmkit.datasets.rows import Row, rows_of
from prmkit.errors import DataError, MissingExtra


class Hub(NamedTuple):
    """Where a data set lies on the hub."""

    repository: str
    """`owner/name`."""
    configs: tuple[str, ...] = ()
    """Configurations to read one after the other; none = the default one."""
    splits: tuple[tuple[str, str], ...] = ()
    """Our name of a split and the hub's, where they differ."""


def hub_rows(hub: Hub, split: str) -> Iterator[Row]:
    """Rows of one split, in the hub's order.

    Raises:
        MissingExtra: `datasets` is not installed.
        DataError: the hub or its cache does not give the data set, with the library's reason.
    """
    load = _loader()
    theirs = dict(hub.splits).get(split, split)
    return rows_of(_tables(hub, theirs, load))


def _tables(hub: Hub, theirs: str, load: Any) -> Iterator[tuple[str, Any]]:
    for config in hub.configs or (None,):
        name = "/".join(part for part in (hub.repository, config, theirs) if part)
        try:
            table = load(hub.repository, config, split=theirs)
        except Exception as error:  # a network library raises whatever it likes
            reason = " ".join(str(error).split())
            raise DataError(
                f"{name}: cannot be loaded: {type(error).__name__}: {reason}"
            ) from error
        yield name, table


def _loader() -> Any:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingExtra.of("datasets", "hub") from error
    return load_dataset
