"""Every error that prmkit raises on purpose.

The command line prints one of these as a single line and exits with 1; anything else that escapes
is a bug and keeps its traceback.

* PrmkitError
  x ConfigError           a recipe or setting is missing, malformed, unknown or out of range
  x DataError             a file or row is not what its format says; names file, row and field
  x ModelError            a model directory cannot be used (no chat template, no step token, ...)
  x RunError              a run folder cannot be used or resumed
  x TooManyFailures       a stage stopped because more model calls failed than allowed
  x NothingScored         a figure was asked of zero scored cases; 0/0 is not a number
  x MissingExtra          an optional dependency is not installed; names the extra
"""


class PrmkitError(Exception):
    """Base of all errors that prmkit raises on purpose."""


class ConfigError(PrmkitError, ValueError):
    """A recipe or setting is missing, malformed, unknown or out of range."""


class DataError(PrmkitError, ValueError):
    """A file or row is not what its format says; the message names file, row and field."""


class ModelError(PrmkitError, ValueError):
    """A model directory cannot be used as asked."""


class RunError(PrmkitError, RuntimeError):
    """A run folder cannot be used or resumed."""


class TooManyFailures(PrmkitError, RuntimeError):
    """A stage stopped because more model calls failed than its settings allow."""


class NothingScored(PrmkitError, ValueError):
    """A figure was asked of zero scored cases."""


class MissingExtra(PrmkitError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, module: str, extra: str) -> "MissingExtra":
        """Build the error for `module`, which `pip install 'prmkit[extra]'` provides."""
        return cls(f"{module} is not installed; run: pip install 'prmkit[{extra}]'")
