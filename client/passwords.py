"""Password hashes, made where the password is typed: a password itself never travels (R25)."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SCHEME = "{ARGON2ID}"  # the prefix by which Dovecot recognises the hash
MEMORY_KIB = 19 * 1024  # OWASP's minimum for Argon2id: 19 MiB, two passes, one lane
PASSES = 2
LANES = 1


def hash_password(password: str) -> str:
    """Return the password as `{ARGON2ID}$argon2id$...`, ready for a request's `password_hash`.

    It takes some 20 ms of CPU and every call draws a new salt: run it in a thread (`asyncio.to_thread`), and keep the
    hash with the request id if the request may be sent again, since other content under the same id is refused.
    """
    return SCHEME + _hasher().hash(password)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # imported late: most users of the client never hash

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
