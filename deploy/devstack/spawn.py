"""Become another program that dies with its parent and, where PostgreSQL demands it, is not root.

Run as a script, `python -I -S spawn.py PARENT_PID DEATH_SIGNAL OWNER PROGRAM ARGUMENT...`, so it imports nothing of the
project. A script of its own costs some 40 ms per child; the alternative, Popen's preexec_fn, runs Python between fork
and exec and may deadlock as soon as the parent has a second thread.
"""

import ctypes
import os
import stat
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_GET_SECUREBITS = 27
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522

CAP_DAC_OVERRIDE = 1  # any access, in Docker's default set
CAP_DAC_READ_SEARCH = 2  # reading files and passing directories, not in Docker's default set


def main(arguments: list[str]) -> None:
    """Drop root if an owner ("uid:gid", or "-" for none) is named, tie the life to the parent's, run the program."""
    parent_pid, death_signal, owner, *argv = arguments
    if owner != "-":
        uid, gid = owner.split(":")
        drop_root(int(uid), int(gid), argv[0])
    # After the drop: the kernel forgets the death signal when a process changes its user.
    die_with_parent(int(parent_pid), int(death_signal))
    try:
        os.execv(argv[0], argv)  # noqa: S606 - replacing ourselves by the named program is the whole purpose
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


def die_with_parent(parent_pid: int, death_signal: int) -> None:
    """Have the kernel signal this process when its parent ends; other systems than Linux cannot, and do nothing."""
    if not sys.platform.startswith("linux"):
        return
    prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:  # the parent ended before the request was in place
        sys.exit("the parent is gone")


def drop_root(uid: int, gid: int, program: str) -> None:
    """Become this user, still able to pass directories closed to it, such as a /root that only root may enter.

    The programs (in the virtual environment) and the data directory may both lie below such a directory. One ambient
    capability survives the change of user and every exec after it. Rejected: opening those directories to everybody,
    which is what the wheel's own start does, and a second copy of the 41 MB of programs in a public place.
    """
    capability = passing_capability(program)
    if capability is not None:
        # More than PR_SET_KEEPCAPS: it also lets access(2) count the capability, by which initdb looks for postgres.
        prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS) | SECBIT_NO_SETUID_FIXUP)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        sys.exit(f"root cannot become user {uid}: {error.strerror}; start the stack as an ordinary user")
    if capability is not None:
        keep_only(capability)


def passing_capability(program: str) -> int | None:
    """Return the narrowest capability that lets others run this program, or None where there is none to keep."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/status") as status:
        permitted = next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm:"))
    # Installed under a strict umask the program is root's alone, and reading it is not running it.
    others_may_run_it = os.stat(program).st_mode & stat.S_IXOTH
    wanted = (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if others_may_run_it else (CAP_DAC_OVERRIDE,)
    return next((number for number in wanted if permitted & (1 << number)), None)


def keep_only(capability: int) -> None:
    """Give up every capability but this one, and pass it on through exec.

    A refusal of the kernel is not fatal here: if the programs are within reach anyway, nothing is missing, and if they
    are not, exec names the path it could not open.
    """
    mask = 1 << capability
    libc().capset(
        struct.pack("=Ii", CAPABILITY_VERSION_3, 0),
        struct.pack("=6I", mask, mask, mask, 0, 0, 0),  # effective, permitted, inheritable; then the upper halves
    )
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def prctl(option: int, *arguments: int) -> int:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return libc().prctl(ctypes.c_int(option), *(ctypes.c_ulong(argument) for argument in padded))


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


if __name__ == "__main__":
    main(sys.argv[1:])
