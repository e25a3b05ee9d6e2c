"""Message ids: UUIDv7 for what a publisher starts, UUIDv5 for what follows from it.

A derived id depends on its cause and its role alone, so handling a message again names its consequences the same
and every receiver recognises them.
"""

import secrets
import time
from collections.abc import Callable
from uuid import UUID, uuid5

UNIX_EPOCH_MILLISECONDS_BITS = 48


def uuid7(milliseconds: int | None = None, random_bits: Callable[[int], int] = secrets.randbits) -> UUID:
    """Make a time-ordered id (RFC 9562, section 5.7). `milliseconds` since 1970, now if not given."""
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    value = (stamp & ((1 << UNIX_EPOCH_MILLISECONDS_BITS) - 1)) << 80
    value |= 0x7 << 76 | random_bits(12) << 64
    value |= 0b10 << 62 | random_bits(62)
    return UUID(int=value)


def derived(cause: UUID, role: str) -> UUID:
    """Name what `cause` leads to in the given role (RFC 9562, section 5.5): the same at every repetition."""
    return uuid5(cause, role)
