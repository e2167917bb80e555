"""The `prm` command: subcommands, exit codes, and errors as one line.

Exit codes: 0 done; 1 an error that prmkit explains in one line; 2 wrong usage; 130 Ctrl-C. Anything
else that escapes is a bug and keeps its traceback.
"""

import logging
import sys

import click
import typer

from prmkit import __version__
from prmkit.cli import run, synthetic
from prmkit.errors import PrmkitError

app = typer.Typer(
    name="prm",
    help="Develop process reward models: label, filter, train, evaluate.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.add_typer(synthetic.app, name="synthetic")


def _show_version(value: bool) -> None:
    if value:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
    verbose: bool = typer.Option(False, "--verbose", help="Log more to stderr."),
) -> None:
    """Develop process reward models: label, filter, train, evaluate."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(_code())


def _code() -> int:
    try:
        code = app(standalone_mode=False)
    except PrmkitError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
