"""Stop a stage when too many model calls fail, instead of paying for a data set of holes."""

from prmkit.errors import TooManyFailures
from prmkit.generators.base import Collected, Failure, Generator, Request

_FEWEST = 100  # of fewer calls the share is taken of this many: one failure is no cause


class Guarded:
    """A generator that raises once more than a stated share of its calls have failed.

    Args:
        generator: Where calls go.
        max_failed: Share of calls in [0, 1] that may fail.
        stage: Named in the error.
    """

    def __init__(self, generator: Generator, max_failed: float, stage: str) -> None:
        self._generator = generator
        self._max_failed = max_failed
        self._stage = stage
        self._n_calls = 0
        self._n_failed = 0
        self._last = ""

    @property
    def model_id(self) -> str:
        """The wrapped generator's."""
        return self._generator.model_id

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request."""
        self._generator.submit(ticket, request)

    def collect(self) -> list[Collected]:
        """Finished calls.

        Raises:
            TooManyFailures: the share of failed calls was past what is allowed; replies that came
                with the last failure were handed out, and so kept, before.
        """
        self.check()
        collected = self._generator.collect()
        failures = [c.reply for c in collected if isinstance(c.reply, Failure)]
        self._n_calls += len(collected)
        self._n_failed += len(failures)
        if failures:
            self._last = f"{failures[-1].kind}: {failures[-1].message}"
        return collected

    @property
    def complaint(self) -> str:
        """How many calls have failed and why the last one; empty if none has."""
        if not self._n_failed:
            return ""
        failed = f"{self._n_failed} of {self._n_calls} calls failed"
        return f"{self._stage}: {failed}; the last: {self._last}"

    def check(self) -> None:
        """Whether the calls so far are enough of a failure; also to be asked after the last one.

        Raises:
            TooManyFailures: the share of failed calls is past what is allowed.
        """
        if self._n_failed > self._max_failed * max(self._n_calls, _FEWEST):
            raise TooManyFailures(
                f"{self._stage}: {self._n_failed} of {self._n_calls} calls failed, allowed are "
                f"{self._max_failed:.0%}; the last: {self._last}; "
                "run the same command again to go on"
            )
