"""Arrow schemas, derived from the records' own fields.

| in the record | in Arrow |
|---|---|
| str, int, float, bool | string, int64, double, bool |
| StrEnum, Literal of texts | string |
| tuple[X, ...] | list of X |
| a record | struct |
| X or None | X, nullable; everything else is not nullable |

A field's docstring is its metadata `description`; the record's name and docstring are the schema's
metadata `record` and `description`.
"""

import inspect
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa

from prmkit.faults import as_model, bare_type, takes_none
from prmkit.records import Record

_SCALARS: dict[Any, Any] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}
_DECISIVE = frozenset({"first_error", "unscored"})


def arrow_schema(record_type: type[Record]) -> Any:
    """The `pyarrow.Schema` of a table of these records, columns in field order.

    Raises:
        TypeError: a field has a type outside the module's table.
    """
    about = {"record": record_type.__name__, "description": inspect.getdoc(record_type) or ""}
    return pa.schema(_fields(record_type), metadata=about)


def optional_columns(record_type: Any, above: str = "") -> frozenset[str]:
    """Dotted names of columns that a table may lack: the field's default then counts.

    Tables of earlier versions lack fields that came later. Where an error is and why nothing could
    be decided must be there all the same: their defaults together say that no step is wrong.
    """
    names: set[str] = set()
    for name, field in record_type.model_fields.items():
        path = f"{above}{name}"
        if not field.is_required() and name not in _DECISIVE:
            names.add(path)
        bare = bare_type(field.annotation)
        inner = as_model(get_args(bare)[0] if get_origin(bare) is tuple else bare)
        if inner is not None:
            names |= optional_columns(inner, f"{path}.")
    return frozenset(names)


def _fields(record_type: Any) -> list[Any]:
    return [
        pa.field(
            name,
            _arrow_type(field.annotation, f"{record_type.__name__}.{name}"),
            nullable=takes_none(field.annotation),
            metadata={"description": field.description or ""},
        )
        for name, field in record_type.model_fields.items()
    ]


def _arrow_type(annotation: Any, where: str) -> Any:
    bare = bare_type(annotation)
    if bare in _SCALARS:
        return _SCALARS[bare]
    inner = as_model(bare)
    if inner is not None:
        return pa.struct(_fields(inner))
    if get_origin(bare) is tuple and get_args(bare)[1:] == (Ellipsis,):
        element = get_args(bare)[0]
        # "element" is the name that Parquet itself gives a list's content
        nullable = takes_none(element)
        return pa.list_(pa.field("element", _arrow_type(element, where), nullable=nullable))
    if _is_text(bare):
        return pa.string()
    raise TypeError(f"{where}: {annotation} has no Arrow type here")


def _is_text(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return all(isinstance(choice, str) for choice in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, StrEnum)
