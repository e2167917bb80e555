"""Read YAML as the plain values of its 1.2 core schema, with nothing guessed.

Where this departs from PyYAML's own safe loader (YAML 1.1): `1e-4` is a number; `yes`, `on`, `010`,
`1:30` and dates are not turned into something else; a key that stands twice in one mapping, a
recursive alias, an explicit tag outside the schema and a number too large for a float are refused.
"""

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from prmkit.errors import ConfigError

_RESOLVERS = (
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
    ("merge", re.compile(r"^<<$"), ["<"]),
)
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
_MAX_DIGITS = 300  # a float's range; also below Python's limit on reading whole numbers


class _Loader(yaml.SafeLoader):
    """The core schema and nothing else."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {}


class _Dumper(yaml.SafeDumper):
    """Quotes every text that `_Loader` would read as something else."""


def _null(loader: _Loader, node: Any) -> None:
    return None


def _text(loader: _Loader, node: Any) -> str:
    return str(loader.construct_scalar(node))


def _bool(loader: _Loader, node: Any) -> bool:
    return _text(loader, node).lower() == "true"


def _number(loader: _Loader, node: Any) -> int | float:
    text = _text(loader, node)
    try:
        value = int(text) if node.tag.endswith(":int") else float(text)
    except ValueError:
        value = math.inf
    if len(text) > _MAX_DIGITS or not math.isfinite(value):
        raise yaml.constructor.ConstructorError(None, None, "not a usable number", node.start_mark)
    return value


def _list(loader: _Loader, node: Any) -> list[Any]:
    return list(loader.construct_sequence(node, deep=True))


def _mapping(loader: _Loader, node: Any) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.constructor.ConstructorError(None, None, "not a mapping", node.start_mark)
    _refuse_bad_keys(node)
    return {str(k): v for k, v in loader.construct_mapping(node, deep=True).items()}


def _unknown_tag(loader: _Loader, node: Any) -> None:
    raise yaml.constructor.ConstructorError(None, None, f"tag {node.tag!r}", node.start_mark)


def _refuse_bad_keys(node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            found = f"key {key.value!r:.40} is not text; put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, found, key.start_mark)
        if key.value in seen:
            found = f"key {key.value!r} stands twice, first in line {seen[key.value]}"
            raise yaml.constructor.ConstructorError(None, None, found, key.start_mark)
        seen[key.value] = key.start_mark.line + 1


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML's other styles fold Unicode's line ends into spaces
    style = '"' if _LINE_ENDS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)
_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1's
for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, _first)
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, _first)
for _name, _constructor in {
    "null": _null,
    "str": _text,
    "bool": _bool,
    "int": _number,
    "float": _number,
    "seq": _list,
    "map": _mapping,
}.items():
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _constructor)
_Loader.add_constructor(None, _unknown_tag)


def read_value(text: str, source: str) -> Any:
    """Read one YAML document; `source` names it in errors.

    Returns:
        None, bool, int, finite float, str, or lists and dicts (with str keys) of these; aliases of
        one anchor share an object.

    Raises:
        ConfigError: not YAML, or outside the core schema; says line and column, both from 1.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader that knows less
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{source}{_place(error)}: {_one_line(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        ConfigError: the file is missing, unreadable, empty, not YAML or not a mapping.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from None
    value = read_value(text, str(path))
    if value is None:
        raise ConfigError(f"{path}: found an empty file; allowed: a mapping of settings")
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else f"{value!r:.60}"
        raise ConfigError(f"{path}: found {kind}; allowed: a mapping of settings")
    return value


def write_value(value: Any) -> str:
    """YAML text of plain values that `read_value` reads back equal; keys keep their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _one_line(error: yaml.MarkedYAMLError) -> str:
    said = [part for part in (error.context, error.problem) if part]
    return " ".join(": ".join(said).split())
