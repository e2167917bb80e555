from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prmkit.faults import allowed_values, first_fault


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    share: float = Field(0.5, gt=0.0, le=1.0)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: Colour = Colour.RED
    only: Literal["one"] = "one"
    pair: tuple[str, ...] = Field((), min_length=0, max_length=2)
    code: str = Field("abc", min_length=3)
    parts: tuple[Inner, ...] = ()
    named: dict[str, Inner] = Field(default_factory=dict)
    small: Annotated[int, Field(lt=10)] | None = None
    other: bytes = b""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("colour", "one of red, blue"),
        ("only", "one"),
        ("pair", "a list (text each), length at least 0, length at most 2"),
        ("code", "text, length at least 3"),
        ("parts", "a list (a mapping with share each)"),
        ("named", "a mapping of names (a mapping with share each)"),
        ("small", "a whole number, or null"),
        ("other", "<class 'bytes'>"),
    ],
)
def test_what_a_field_takes_is_said_in_words(name: str, words: str) -> None:
    assert allowed_values(Outer.model_fields[name]) == words


@pytest.mark.parametrize(
    ("values", "key", "problem"),
    [
        ({"parts": [{}, {"share": 2}]}, "parts.1.share",
         "found 2; allowed: a number, above 0 and at most 1"),
        ({"named": {"a": {"share": 0}}}, "named.a.share",
         "found 0; allowed: a number, above 0 and at most 1"),
        ({"parts": [{"shar": 1}]}, "parts.0.shar",
         "found an unknown key; nearest known: parts.0.share"),
        ({"shares": 1}, "shares", "found an unknown key; nearest known: parts.N.share"),
        ({"colour": "r" * 99}, "colour", f"found '{'r' * 59}...; allowed: one of red, blue"),
        ({"a\nb": 1}, "a b", "found an unknown key; "
         "allowed: colour, only, pair, code, parts, named, small, other"),
        ([], "", "found []; "
         "allowed: a mapping with colour, only, pair, code, parts, named, small, other"),
    ],
)  # fmt: skip
def test_a_fault_has_key_found_and_allowed(values: Any, key: str, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    assert first_fault(caught.value, Outer) == (key, problem)


def test_text_that_is_no_json_is_said_as_the_parser_says_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json("{")
    assert first_fault(caught.value, Outer).problem.startswith("Invalid JSON: ")
