"""The `prm` command: subcommands, exit codes, and errors as one line.

Exit codes: 0 done; 1 an error that prmkit explains in one line; 2 wrong usage; 130 Ctrl-C; 141
nobody reads standard output any more. Anything else that escapes is a bug and keeps its traceback.
"""

import logging
import os
import sys

import typer

from prmkit import __version__
from prmkit.cli import (
    analyse,
    data,
    evaluate,
    grade,
    published,
    report,
    rollout,
    run,
    study,
    synthetic,
)
from prmkit.errors import PrmkitError

_INTERRUPTED = 130
_PIPE_CLOSED = 141  # what a shell reports of a program that SIGPIPE ended

app = typer.Typer(
    name="prm",
    help="Develop process reward models: label, filter, train, evaluate.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("rollout")(rollout.rollout)
app.command("import")(data.import_data)
app.command("export")(data.export_data)
app.command("grade")(grade.grade)
app.command("analyse")(analyse.analyse)
app.command("report")(report.report)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(study.app, name="study")
app.command("published")(published.published)
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
    try:
        code = _code()
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a closed pipe can still be told
    except BrokenPipeError:
        code = _closed_pipe()
    sys.exit(code)


def _code() -> int:
    try:
        code = app(standalone_mode=False)
    except SystemExit as end:  # typer turns a closed pipe into exit code 1 of its own accord
        if isinstance(end.__context__, BrokenPipeError):
            return _closed_pipe()
        raise
    except PrmkitError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001  # raised again unless it is wrong usage
        return _usage_error(error)
    if code == _INTERRUPTED:  # typer turns Ctrl-C into an exit code of its own accord
        return _interrupted()
    return code if isinstance(code, int) else 0


def _usage_error(error: Exception) -> int:
    """Exit code of an error of the command line itself; anything else goes on up.

    Typer carries its own copy of click, whose exceptions are not those of an installed click; they
    are told by what they can do.
    """
    if type(error).__name__ == "Abort":
        return _interrupted()
    code, show = getattr(error, "exit_code", None), getattr(error, "show", None)
    if not isinstance(code, int) or not callable(show):
        raise error
    show()
    return code


def _closed_pipe() -> int:
    # what is still buffered goes nowhere, or the interpreter complains of it when it ends
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.close(nowhere)
    return _PIPE_CLOSED


def _interrupted() -> int:
    # Python remembers an interrupt inside exec("...") (imports of torch are full of them) though it
    # was caught, and would die of the signal when run as `python -m`; another exec clears that
    exec("")
    print("interrupted; run the same command again to go on", file=sys.stderr)
    return _INTERRUPTED


if __name__ == "__main__":
    main()
