from typing import Any

import pytest

from prmkit.errors import ConfigError
from prmkit.strict_yaml import read_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # the core schema of YAML 1.2, section 10.3.2
        ("1e-4", 0.0001),
        ("-.5", -0.5),
        ("010", 10),
        ("+7", 7),
        ("~", None),
        ("", None),
        ("False", False),
        # texts here, something else in YAML 1.1
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
    ],
)
def test_a_plain_value_is_read_by_the_core_schema(text: str, value: Any) -> None:
    found = read_value(text, "test")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!python/name:os.system x", "tag 'tag:yaml.org,2002:python/name:os.system'"),
        ("!!timestamp 2024-01-01", "tag 'tag:yaml.org,2002:timestamp'"),
        ("!!int abc", "not a usable number"),
        ("1e999", "not a usable number"),
        ("9" * 301, "not a usable number"),
        ("!!map 3", "not a mapping"),
        ("&a [*a]", "recursive"),
        ("&a {b: *a}", "recursive"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("[1]: 2", "is not text"),
        ("a: \x07", "special characters are not allowed"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_lies_outside_the_schema_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_value(text, "test")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
