"""Let one process at a time use a file or folder; its death, however sudden, sets it free.

A POSIX record lock belongs to the process: worker processes forked from it neither share it nor
keep it alive after a kill. As the kernel never refuses a process its own lock, the paths that this
process holds are also kept here.
"""

import fcntl
import os
from pathlib import Path

from prmkit.closing import Closing
from prmkit.errors import RunError

_held: set[Path] = set()


class Lock(Closing):
    """Exclusive use of `path` (a lock file, created if absent and left in place) until `close`.

    Raises:
        RunError: another process, or another part of this one, holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        if self._path in _held:
            raise RunError(f"{path.parent}: already open in this process")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            reason = self._refusal(error)
            os.close(self._descriptor)
            raise RunError(f"{path.parent}: {reason}") from None
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        _held.add(self._path)
        self._is_open = True

    def _refusal(self, error: OSError) -> str:
        if not isinstance(error, BlockingIOError | PermissionError):
            return f"cannot be locked: {error.strerror}"
        holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
        return f"in use by process {holder or 'unknown'}"

    def close(self) -> None:
        """Set the path free; closing twice is allowed."""
        if self._is_open:
            self._is_open = False
            _held.discard(self._path)
            os.close(self._descriptor)
