"""Say in one line what is wrong with a value: its dotted key, what was found, what is allowed.

What is allowed is read off the model's own fields, so a range is written once, in the field, and
error messages and docs/records.md follow it.
"""

import types
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_CLOSE = 0.6  # difflib's own cutoff for a match worth showing
_MAX_SHOWN = 60
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
}


class Fault(NamedTuple):
    """One wrong value."""

    key: str
    """Dotted, list positions from 0, e.g. `arms.1.name`; empty for the whole."""
    problem: str
    """What was found and what is allowed."""


class _Place(NamedTuple):
    annotation: Any
    metadata: Sequence[Any]


def first_fault(error: ValidationError, model: type[BaseModel]) -> Fault:
    """The fault to show of a failed validation of `model`, and how many more there are.

    An unknown key comes first: it often explains a missing one.
    """
    found = error.errors(include_url=False)
    worst = min(found, key=lambda e: e["type"] != "extra_forbidden")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    key = " ".join(".".join(str(part) for part in worst["loc"]).split())
    return Fault(key, _problem(worst, model) + more)


def allowed_values(field: FieldInfo) -> str:
    """What a field takes, in words with its range, e.g. `a whole number, at least 1, or null`."""
    return _allowed(_Place(field.annotation, field.metadata))


def bare_type(annotation: Any) -> Any:
    """The type without `Annotated` and without `| None`."""
    if get_origin(annotation) is Annotated:
        return bare_type(get_args(annotation)[0])
    if takes_none(annotation):
        return bare_type(next(a for a in get_args(annotation) if a is not types.NoneType))
    return annotation


def takes_none(annotation: Any) -> bool:
    """Whether the type is `X | None`."""
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return is_union and types.NoneType in get_args(annotation)


def as_model(annotation: Any) -> type[BaseModel] | None:
    """The model class that a type is, or None."""
    bare = bare_type(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _problem(error: ErrorDetails, model: type[BaseModel]) -> str:
    place = _at(model, error["loc"])
    if error["type"] == "extra_forbidden":
        return f"found an unknown key; {_hint(model, error['loc'])}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if place is None or error["type"] == "json_invalid":
        return error["msg"]
    if error["type"] == "missing":
        return f"found nothing; allowed: {_allowed(place)}"
    return f"found {_shown(error['input'])}; allowed: {_allowed(place)}"


def _shown(value: Any) -> str:
    text = repr(value)
    if isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _at(model: type[BaseModel], loc: Sequence[str | int]) -> _Place | None:
    """Type and range of the place that `loc` leads to; None if it leads nowhere."""
    place = _Place(model, ())
    for part in loc:
        inner = as_model(place.annotation)
        if inner is not None:
            field = inner.model_fields.get(str(part))
            if field is None:
                return None
            place = _Place(field.annotation, field.metadata)
        elif get_origin(bare_type(place.annotation)) in (dict, tuple):
            args = get_args(bare_type(place.annotation))
            place = _Place(args[1] if len(args) > 1 and args[1] is not Ellipsis else args[0], ())
        else:
            return None
    return place


def _hint(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    *above, wrong = (str(part) for part in loc)
    place = _at(model, loc[:-1])
    owner = as_model(place.annotation) if place is not None else None
    siblings = list(owner.model_fields) if owner is not None else []
    near = get_close_matches(wrong, siblings, n=1, cutoff=_CLOSE)
    if near:
        return f"nearest known: {'.'.join([*above, near[0]])}"
    closeness = {
        key: SequenceMatcher(None, key.rpartition(".")[2], wrong).ratio() for key in _keys(model)
    }
    best = max(closeness, key=lambda key: closeness[key], default="")
    if best and closeness[best] >= _CLOSE:
        return f"nearest known: {best}"
    return f"allowed: {', '.join(siblings)}"


def _keys(model: type[BaseModel]) -> Iterator[str]:
    """All dotted keys of a model; NAME stands for a name of one's own, N for a list position."""
    for name, field in model.model_fields.items():
        yield name
        annotation, path = bare_type(field.annotation), name
        if get_origin(annotation) in (dict, tuple):
            path += ".NAME" if get_origin(annotation) is dict else ".N"
            annotation = next(a for a in reversed(get_args(annotation)) if a is not Ellipsis)
        inner = as_model(annotation)
        if inner is not None:
            yield from (f"{path}.{key}" for key in _keys(inner))


def _allowed(place: _Place) -> str:
    said = [_kind(bare_type(place.annotation)), *_range(place.metadata)]
    if takes_none(place.annotation):
        said.append("or null")
    return ", ".join(said)


def _kind(annotation: Any) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _choice([str(a) for a in args])
    if origin is tuple:
        return f"a list ({_kind(bare_type(args[0]))} each)"
    if origin is dict:
        return f"a mapping of names ({_kind(bare_type(args[1]))} each)"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice([str(member.value) for member in annotation])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a mapping with {', '.join(annotation.model_fields)}"
    return str(annotation)


def _choice(values: list[str]) -> str:
    return f"one of {', '.join(values)}" if len(values) > 1 else values[0]


def _range(metadata: Sequence[Any]) -> list[str]:
    limits = {
        name: getattr(m, name)
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
        for m in metadata
        if getattr(m, name, None) is not None
    }
    ends = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
    words = [f"{word} {limits[name]:g}" for name, word in ends if name in limits]
    said = [" and ".join(words)] if words else []
    if limits.get("min_length") == 1:
        said.append("not empty")
    elif "min_length" in limits:
        said.append(f"length at least {limits['min_length']}")
    if "max_length" in limits:
        said.append(f"length at most {limits['max_length']}")
    if "pattern" in limits:
        said.append(f"matching {limits['pattern']}")
    return said
