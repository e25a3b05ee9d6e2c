"""Which password hashes are strong enough to be taken (R25). What is said about one never repeats any of it."""

import re
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from contracts.refusals import Finding, finding

SCHEMES = ("ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT")
DEFAULT_ROUNDS = 5000  # of SHA512-CRYPT, where the hash names none (Drepper, Unix crypt using SHA-256 and SHA-512)
_SCHEME = re.compile(r"\{([A-Z0-9-]+)\}")
_ARGON2ID = re.compile(r"\$m=(\d+),t=(\d+),p=(\d+)\$")
_BLF_CRYPT = re.compile(r"\$2[aby]\$(\d\d)\$")
_ROUNDS = re.compile(r"\$6\$rounds=(\d+)\$")
_ONE = "|".join(SCHEMES)


class PasswordPolicy(BaseModel):
    """Which schemes are accepted, and what each must cost at least who guesses.

    The defaults for ARGON2ID and BLF-CRYPT are OWASP's minimum (Password Storage Cheat Sheet); that for SHA512-CRYPT is
    what its hashes have that name no number.
    """

    password_schemes: Annotated[str, StringConstraints(pattern=rf"^({_ONE})(,({_ONE}))*$")] = ",".join(SCHEMES)
    argon2id_min_memory_kib: Annotated[int, Field(ge=8)] = 19_456
    argon2id_min_passes: Annotated[int, Field(ge=1)] = 2
    argon2id_min_lanes: Annotated[int, Field(ge=1)] = 1
    blf_crypt_min_cost: Annotated[int, Field(ge=4, le=31)] = 10
    sha512_crypt_min_rounds: Annotated[int, Field(ge=1000, le=999_999_999)] = DEFAULT_ROUNDS

    def weakness(self, password_hash: str | None) -> Finding | None:
        """Say why a hash is not taken. It has passed `values.password_hash`; None is taken."""
        if password_hash is None:
            return None
        known = _SCHEME.match(password_hash)
        assert known is not None, "a hash that names no scheme does not get here"
        scheme = known[1]
        accepted = self.password_schemes.split(",")
        if scheme not in accepted:
            return finding("password_scheme_not_accepted", scheme=scheme, accepted=", ".join(accepted))
        minimum = self._minimum(scheme)
        if any(given < least for given, (_, least) in zip(_costs(scheme, password_hash), minimum, strict=True)):
            wanted = ", ".join(f"{name}={least}" for name, least in minimum)
            return finding("password_hash_too_weak", scheme=scheme, minimum=wanted)
        return None

    def _minimum(self, scheme: str) -> tuple[tuple[str, int], ...]:
        match scheme:
            case "ARGON2ID":
                return (
                    ("m", self.argon2id_min_memory_kib), ("t", self.argon2id_min_passes), ("p", self.argon2id_min_lanes)
                )  # fmt: skip
            case "BLF-CRYPT":
                return (("cost", self.blf_crypt_min_cost),)
            case _:
                return (("rounds", self.sha512_crypt_min_rounds),)


def _costs(scheme: str, password_hash: str) -> tuple[int, ...]:
    """Return what a hash cost, in the order of the minimum."""
    pattern = {"ARGON2ID": _ARGON2ID, "BLF-CRYPT": _BLF_CRYPT, "SHA512-CRYPT": _ROUNDS}[scheme]
    found = pattern.search(password_hash)
    return tuple(map(int, found.groups())) if found else (DEFAULT_ROUNDS,)
