"""Does a stage's rows one by one over a generator, and keeps what is finished in the journal."""

import logging
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from prmkit.generators.drive import Task, drive
from prmkit.generators.guard import Guarded
from prmkit.pipeline.context import AnyRun, StageWork
from prmkit.records import Record, Rejected, Solution

R = TypeVar("R", bound=Record)

_LOGGER = logging.getLogger(__name__)
_ROWS_AT_ONCE = 32  # finished rows a journal transaction


class Job(NamedTuple, Generic[R]):
    """One row of a stage: its key and the conversation that makes it."""

    key: str
    start: Callable[[], Task[R | Rejected]]


class Worker(Generic[R]):
    """Runs a stage's jobs over a generator, journalling finished rows."""

    def __init__(self, run: AnyRun, stage: str, row_type: type[R], work: StageWork) -> None:
        self._run, self._stage, self._work = run, stage, work
        found = run.folder.journal.rows(stage)
        self.rows = {key: row_type.model_validate_json(text) for key, text in found.items()}
        self.rejected: dict[str, Rejected] = {}
        self._fresh: dict[str, R] = {}

    def in_order(self, solutions: Sequence[Solution]) -> list[R]:
        """The rows of these solutions."""
        return [self.rows[solution.solution_id] for solution in solutions]

    def do(self, jobs: Sequence[Job[R]], guarded: Guarded) -> None:
        """Make the rows that are not there yet; calls that failed are told at the end.

        Raises:
            TooManyFailures: more calls failed than are allowed.
        """
        waiting = [job for job in jobs if job.key not in self.rows]
        self._work.advance(len(jobs) - len(waiting))
        tasks = (job.start() for job in waiting)
        for index, row in drive(tasks, guarded, self._run.folder.journal):
            key = waiting[index].key
            if isinstance(row, Rejected):
                self.rejected[key] = row  # not journalled: a resume tries it again
                self._work.advance(1)
                continue
            self.rows[key] = self._fresh[key] = row
            usage = getattr(row, "usage", None)
            self._work.advance(1, usage.generated_tokens if usage else 0)
            if len(self._fresh) >= _ROWS_AT_ONCE:
                self._flush()
        guarded.check()  # before the last rows are kept: of a failure they know nothing
        self._flush()
        if guarded.complaint:
            _LOGGER.warning("%s", guarded.complaint)

    def _flush(self) -> None:
        self._run.folder.journal.add_rows(self._stage, self._fresh)
        self._fresh = {}
