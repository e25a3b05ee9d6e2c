"""DNS servers from Debian packages: the real ones that tests put beside the demo server, where they are installed."""

import shutil

SYSTEM_PATHS = "/usr/sbin:/usr/local/sbin"  # not on an ordinary user's path
PACKAGES = {"knotd": "knot", "knotc": "knot", "named": "bind9", "rndc": "bind9"}


def find_program(name: str) -> str | None:
    """The path of an installed server, or None."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATHS)


def program(name: str) -> str:
    """The path of an installed server; raises FileNotFoundError with what to do."""
    found = find_program(name)
    if found is None:
        raise FileNotFoundError(missing(name))
    return found


def missing(name: str) -> str:
    """The sentence for whoever lacks a server."""
    return f"{name} is not installed: apt install {PACKAGES[name]}"
