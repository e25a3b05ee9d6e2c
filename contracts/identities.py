"""How the names on the bus are built from an identity: what permissions are written for, and what programs then use.

An identity is the name that the bus configuration gives a key: `billing`, `operator`, `tenant_nordwind`, `crm`. Without
one, as on a bus without authorisation, the names are the plain ones.
"""

import re
from collections.abc import Iterator

TAILS = 8  # readers without a durable name that one identity may have open at a time
_IDENTITY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")


def checked(identity: str) -> str:
    """Return an identity that can stand in subjects and file names. Raises ValueError."""
    if not _IDENTITY.match(identity):
        raise ValueError(f"an identity holds a-z, 0-9, - and _, at most 63, not {identity!r}")
    return identity


def tenant(account: str) -> str:
    """Return the identity of an account's own programs. No account has a `_` in its name, so no two are alike."""
    return f"tenant_{account}"


def inbox_prefix(identity: str) -> str:
    """Return what the subjects begin with on which the bus answers this identity, and no other may listen."""
    return f"_INBOX_{identity}" if identity else "_INBOX"


def durable_name(identity: str, name: str) -> str:
    """Return the name on the bus of a durable subscription."""
    return f"{identity}_{name}" if identity else name


def tail_names(identity: str) -> Iterator[str]:
    """Return the names that readers without a durable name may have. The broker cannot permit names by prefix."""
    return (f"{identity}_tail{number}" for number in range(TAILS))
