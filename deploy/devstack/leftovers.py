"""What a killed PostgreSQL leaves behind, and how the next start gets past it."""

import contextlib
import ctypes
from pathlib import Path

import psutil

from deploy.devstack.probes import wait_until
from deploy.devstack.processes import StartFailed

IPC_RMID = 0
# Backends notice the postmaster's death within milliseconds, unless they are deep in a computation.
NOTICE_SECONDS = 2.0
PREDECESSOR_SECONDS = 5.0


def processes_of(cluster_name: str) -> list[psutil.Process]:
    """Return the live processes of one server, found by the cluster name in their titles.

    By title and not by working directory, which root may not read for another user's process inside most containers.
    """
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(cluster_name in part for part in process.info["cmdline"] or ())
    ]


async def wait_until_gone(cluster_name: str) -> None:
    """Wait for a predecessor that is shutting down, as it does when its stack was killed a moment ago."""
    if not await wait_until(lambda: not processes_of(cluster_name), PREDECESSOR_SECONDS):
        pids = ", ".join(str(process.pid) for process in processes_of(cluster_name))
        raise StartFailed(f"another PostgreSQL still serves this directory, processes {pids}")


async def end_children(cluster_name: str) -> None:
    """Return when no process of the server is left, killing those that do not notice the postmaster's end."""
    if await wait_until(lambda: not processes_of(cluster_name), NOTICE_SECONDS):
        return
    for process in processes_of(cluster_name):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    await wait_until_gone(cluster_name)


def forget_dead_postmaster(data: Path, cluster_name: str) -> None:
    """Remove the pid file of a killed postmaster.

    PostgreSQL does so itself, unless the pid has gone to another process of the same user meanwhile: after a reboot, or
    in a container where pids start over, it then refuses to start.
    """
    if not processes_of(cluster_name):
        (data / "postmaster.pid").unlink(missing_ok=True)


def remove_shared_memory(data: Path, postmaster_pid: int) -> None:
    """Remove the System V segment this postmaster left when it was killed, or it stays until the next reboot.

    Only for a postmaster that ended a moment ago: after a reboot the number may be another program's. Best effort: the
    next start over the same data reclaims the segment too, and only its owner or a privileged root may.
    """
    lines = pid_file_lines(data)
    if len(lines) < 7 or lines[0] != str(postmaster_pid):
        return  # shut down in order, nothing left
    with contextlib.suppress(ValueError, AttributeError, OSError):
        _key, segment_id = lines[6].split()
        ctypes.CDLL(None).shmctl(int(segment_id), IPC_RMID, None)


def pid_file_lines(data: Path) -> list[str]:
    """Return the lines of the postmaster's pid file, none when there is no file."""
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []
