"""Keep transformers from writing to the terminal; what matters comes back as values and errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from prmkit.errors import MissingExtra

try:
    from transformers.utils import logging
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no messages below an error from transformers in this block."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
