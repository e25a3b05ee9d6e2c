"""Password hashes, made where the password is typed: a password itself never travels (R25)."""

import hashlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SCHEME = "{ARGON2ID}"  # the prefix by which Dovecot recognises the hash
MEMORY_KIB = 19 * 1024  # OWASP's minimum for Argon2id: 19 MiB, two passes, one lane
PASSES = 2
LANES = 1


def hash_password(password: str, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES, lanes: int = LANES) -> str:
    """Return the password as `{ARGON2ID}$argon2id$...`, ready for a request's `password_hash`.

    The costs are what is accepted by default; an operator may ask for more (the refusal `password_hash_too_weak` names
    what).

    It takes some 20 ms of CPU and every call draws a new salt: run it in a thread (`asyncio.to_thread`), and keep the
    hash with the request id if the request may be sent again, since other content under the same id is refused.
    """
    return SCHEME + _hasher(memory_kib, passes, lanes).hash(password)


def hash_with_salt(password: str, salt: bytes) -> str:
    """Return the password's hash with a salt of the caller's, 16 bytes that are used for nothing else."""
    return SCHEME + _hasher(MEMORY_KIB, PASSES, LANES).hash(password, salt=salt)


def slow_digest(content: bytes, purpose: str) -> bytes:
    """Return 32 bytes that tell contents apart and cost as much to guess at as a password's hash."""
    from argon2.low_level import Type, hash_secret_raw

    salt = hashlib.blake2b(purpose.encode(), digest_size=16, person=b"slow-digest").digest()
    return hash_secret_raw(content, salt, PASSES, MEMORY_KIB, LANES, 32, Type.ID)


@cache
def _hasher(memory_kib: int, passes: int, lanes: int) -> "PasswordHasher":
    from argon2 import PasswordHasher  # imported late: most users of the client never hash

    return PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
