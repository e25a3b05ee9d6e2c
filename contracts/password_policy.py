"""Which password hashes are strong enough to be taken (R25). What is said about one never repeats any of it."""

import re
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from contracts.refusals import Finding, finding

SCHEMES = ("ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT")
DEFAULT_ROUNDS = 5000  # of SHA512-CRYPT, where the hash names none (Drepper, Unix crypt using SHA-256 and SHA-512)
_SCHEME = re.compile(r"\{([A-Z0-9-]+)\}")
_ARGON2ID = re.compile(r"\$m=(\d+),t=(\d+),p=(\d+)\$")
_BLF_CRYPT = re.compile(r"\$2[aby]\$(\d\d)\$")
_ROUNDS = re.compile(r"\$6\$rounds=(\d+)\$")
_ONE = "|".join(SCHEMES)


class Bound(NamedTuple):
    """What one figure of a hash may be, at least and at most."""

    name: str
    least: int
    most: int


class PasswordPolicy(BaseModel):
    """Which schemes are accepted, and what each must cost at least who guesses, and at most who logs in.

    The defaults for ARGON2ID and BLF-CRYPT are OWASP's minimum (Password Storage Cheat Sheet); that for SHA512-CRYPT is
    what its hashes have that name no number. The most is bounded too: every login pays it again, on a mail server that
    others share.
    """

    password_schemes: Annotated[str, StringConstraints(pattern=rf"^({_ONE})(,({_ONE}))*$")] = ",".join(SCHEMES)
    argon2id_min_memory_kib: Annotated[int, Field(ge=8)] = 19_456
    argon2id_min_passes: Annotated[int, Field(ge=1)] = 2
    argon2id_min_lanes: Annotated[int, Field(ge=1)] = 1
    argon2id_max_memory_kib: Annotated[int, Field(ge=8)] = 1_048_576
    argon2id_max_passes: Annotated[int, Field(ge=1)] = 10
    argon2id_max_lanes: Annotated[int, Field(ge=1)] = 16
    blf_crypt_min_cost: Annotated[int, Field(ge=4, le=31)] = 10
    blf_crypt_max_cost: Annotated[int, Field(ge=4, le=31)] = 14
    sha512_crypt_min_rounds: Annotated[int, Field(ge=1000, le=999_999_999)] = DEFAULT_ROUNDS
    sha512_crypt_max_rounds: Annotated[int, Field(ge=1000, le=999_999_999)] = 1_000_000

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
        costs, bounds = _costs(scheme, password_hash), self._bounds(scheme)
        if any(given < bound.least for given, bound in zip(costs, bounds, strict=True)):
            wanted = ", ".join(f"{bound.name}={bound.least}" for bound in bounds)
            return finding("password_hash_too_weak", scheme=scheme, minimum=wanted)
        if any(given > bound.most for given, bound in zip(costs, bounds, strict=True)):
            wanted = ", ".join(f"{bound.name}={bound.most}" for bound in bounds)
            return finding("password_hash_too_costly", scheme=scheme, maximum=wanted)
        return None

    def _bounds(self, scheme: str) -> tuple[Bound, ...]:
        match scheme:
            case "ARGON2ID":
                return (
                    Bound("m", self.argon2id_min_memory_kib, self.argon2id_max_memory_kib),
                    Bound("t", self.argon2id_min_passes, self.argon2id_max_passes),
                    Bound("p", self.argon2id_min_lanes, self.argon2id_max_lanes),
                )
            case "BLF-CRYPT":
                return (Bound("cost", self.blf_crypt_min_cost, self.blf_crypt_max_cost),)
            case _:
                return (Bound("rounds", self.sha512_crypt_min_rounds, self.sha512_crypt_max_rounds),)

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if any(bound.least > bound.most for scheme in SCHEMES for bound in self._bounds(scheme)):
            raise ValueError("a password hash's least cost is above its most")
        return self


def _costs(scheme: str, password_hash: str) -> tuple[int, ...]:
    """Return what a hash cost, in the order of the minimum."""
    pattern = {"ARGON2ID": _ARGON2ID, "BLF-CRYPT": _BLF_CRYPT, "SHA512-CRYPT": _ROUNDS}[scheme]
    found = pattern.search(password_hash)
    return tuple(map(int, found.groups())) if found else (DEFAULT_ROUNDS,)
