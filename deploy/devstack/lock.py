"""One stack per directory: a lock that the kernel releases however its holder ends."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

# A reader asking whether a stack runs holds the lock for an instant; that must not make a start fail.
ACQUIRE_SECONDS = 0.2


class DirectoryInUse(RuntimeError):
    """Another process runs a stack in this directory."""


class DirectoryLock:
    """An exclusive flock on a file that names its holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock or raise DirectoryInUse with the holder's pid."""
        file = self.path.open("a+")
        deadline = time.monotonic() + ACQUIRE_SECONDS
        while not _try_lock(file, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                file.seek(0)
                pid = file.read().strip() or "unknown"
                file.close()
                raise DirectoryInUse(f"{self.path.parent} is in use by another stack, process {pid}")
            time.sleep(0.01)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let go; the file stays, because deleting a lock file lets two holders in."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def is_locked(path: Path) -> bool:
    """Say whether some living process holds the lock."""
    try:
        with path.open("r") as file:
            return not _try_lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _try_lock(file: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
