"""Generate the pages of docs/ that repeat what the code says: `python -m prmkit.cli.docs`.

With `--check` nothing is written, and a page that is missing or stale is an error (exit 1).
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import EnumMeta
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from prmkit import config, records
from prmkit.cli.main import app
from prmkit.config import Config
from prmkit.faults import allowed_values, as_model, bare_type, takes_none
from prmkit.generators.base import Sampling
from prmkit.records import Record
from prmkit.store import arrow_schema

_RECORDS_HEAD = """\
# Records

Generated from `src/prmkit/records.py` by `python -m prmkit.cli.docs`; edit there.

A stage's result is one Parquet file of one of these records, a column a field, in this order
(`prmkit.store.write_records`). A column is nullable exactly where null is allowed. The docstrings
below are also in each file, as Arrow field metadata.
"""


def records_markdown() -> str:
    """docs/records.md: each record with its fields, their Arrow types, ranges and docstrings."""
    return "\n".join([_RECORDS_HEAD, *_choices(), *map(_record, record_types())])


def record_types() -> list[type[Record]]:
    """The records of `prmkit.records` in source order, without those that others build on."""
    own = [
        kind
        for kind in vars(records).values()
        if isinstance(kind, type)
        and issubclass(kind, Record)
        and kind.__module__ == "prmkit.records"
    ]
    return [kind for kind in own if not any(kind in other.__mro__[1:] for other in own)]


_RECIPE_HEAD = """\
# Recipes

Generated from `src/prmkit/config.py` by `python -m prmkit.cli.docs`; edit there.

A recipe is one YAML file. A key that stands in no table below is an error that names the nearest
one; `prm run RECIPE --set a.b=value` changes one key.
"""


def recipe_markdown() -> str:
    """docs/recipe.md: each settings model with its keys, allowed values and docstrings."""
    kinds: list[type[Config] | type[Record]] = [
        kind
        for kind in vars(config).values()
        if isinstance(kind, type) and issubclass(kind, Config) and kind is not Config
    ]
    return "\n".join([_RECIPE_HEAD, *map(_settings, [*reversed(kinds), Sampling])])


def _settings(kind: type[Config] | type[Record]) -> str:
    rows = [
        f"| `{name}` | {_cell(_allowed_setting(field))} | {_default(field)} "
        f"| {_cell(field.description or '')} |"
        for name, field in kind.model_fields.items()
    ]
    head = ["| key | allowed | default | meaning |", "|---|---|---|---|"]
    about = inspect.getdoc(kind) or ""
    return "\n".join([f"## {kind.__name__}", "", about, "", *head, *rows, ""])


def _allowed_setting(field: FieldInfo) -> str:
    """What a key takes; settings within settings have tables of their own."""
    inner = _inner_settings(field.annotation)
    if inner is None:
        return allowed_values(field)
    origin = get_origin(bare_type(field.annotation))
    prefix = "a list of " if origin is tuple else "names, each with " if origin is dict else ""
    return (
        f"{prefix}[{inner}](#{inner.lower()}){', or null' if takes_none(field.annotation) else ''}"
    )


def _inner_settings(annotation: Any) -> str | None:
    bare = bare_type(annotation)
    if get_origin(bare) in (tuple, dict):
        bare = next(a for a in reversed(get_args(bare)) if a is not Ellipsis)
    inner = as_model(bare)
    return inner.__name__ if inner else None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    is_settings = as_model(field.annotation) is not None and field.default is not None
    return "see there" if is_settings else f"`{json.dumps(field.default)}`"


_CLI_HEAD = """\
# The prm command

Generated from `src/prmkit/cli` by `python -m prmkit.cli.docs`; edit there.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 an error explained in one
line, 2 wrong usage, 130 interrupted.
"""


def cli_markdown() -> str:
    """docs/cli.md: each subcommand with its help, arguments and options."""
    root = typer.main.get_command(app)
    return "\n".join([_CLI_HEAD, *_commands(root, "prm")])


def _commands(command: Any, path: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _commands(child, f"{path} {name}")
        return
    rows = [
        f"| `{', '.join(p.opts) if p.param_type_name == 'option' else p.name.upper()}` "
        f"| {_cell(getattr(p, 'help', '') or '')} |"
        for p in command.params
        if p.name != "help"
    ]
    text = inspect.cleandoc(command.help or "")
    shown = re.sub(r"(?m)^ {4}(prm .*)$", r"    \1", text)
    head = ["| argument or option | meaning |", "|---|---|"]
    yield "\n".join([f"## {path}", "", shown, "", *head, *rows, ""])


PAGES: dict[str, Callable[[], str]] = {
    "docs/records.md": records_markdown,
    "docs/recipe.md": recipe_markdown,
    "docs/cli.md": cli_markdown,
}
"""Each generated page, by its path in the repository."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the pages; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m prmkit.cli.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    parser.add_argument("--root", type=Path, default=Path(), help="the repository (default: here)")
    options = parser.parse_args(arguments)
    stale = [name for name, page in PAGES.items() if not _is_fresh(options.root / name, page())]
    for name in stale:
        if options.check:
            print(f"{name} is stale; run: python -m prmkit.cli.docs", file=sys.stderr)
            continue
        (options.root / name).parent.mkdir(parents=True, exist_ok=True)
        (options.root / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote {name}")
    return int(bool(stale) and options.check)


def _is_fresh(path: Path, content: str) -> bool:
    return path.is_file() and path.read_bytes() == content.encode()


def _choices() -> Iterator[str]:
    for kind in vars(records).values():
        if isinstance(kind, EnumMeta) and kind.__module__ == "prmkit.records":
            members: list[Any] = list(kind)
            values = ", ".join(f"`{member.value}`" for member in members)
            yield f"## {kind.__name__}\n\n{inspect.getdoc(kind)}\n\nA string: {values}.\n"


def _record(record_type: type[Record]) -> str:
    about = inspect.getdoc(record_type) or ""
    rows = [
        f"| `{name}` | {_arrow_cell(record_type, name)} | {_allowed_cell(field)} "
        f"| {_cell(field.description or '')} |"
        for name, field in record_type.model_fields.items()
    ]
    head = ["| field | Arrow type | allowed | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {record_type.__name__}", "", about, "", *head, *rows, ""])


def _arrow_cell(record_type: type[Record], name: str) -> str:
    inner, is_list = _inner_record(record_type.model_fields[name])
    if inner is None:
        arrow_type = arrow_schema(record_type).field(name).type
        is_list = get_origin(bare_type(record_type.model_fields[name].annotation)) is tuple
        return f"list of {arrow_type.value_type}" if is_list else str(arrow_type)
    return f"{'list of ' if is_list else ''}struct [{inner}](#{inner.lower()})"


def _allowed_cell(field: FieldInfo) -> str:
    inner, _ = _inner_record(field)
    if inner is None:
        return _cell(allowed_values(field))
    return "see there, or null" if takes_none(field.annotation) else "see there"


def _inner_record(field: FieldInfo) -> tuple[str | None, bool]:
    """Name of the record that a field holds, if it does, and whether it holds a list of them."""
    bare = bare_type(field.annotation)
    is_list = get_origin(bare) is tuple
    inner = as_model(get_args(bare)[0] if is_list else bare)
    return (inner.__name__ if inner else None), is_list


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
