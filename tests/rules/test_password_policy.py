"""Which password hashes are taken, and that nothing of one is told."""

import pytest

from client.passwords import hash_password
from contracts.password_policy import PasswordPolicy
from contracts.refusals import refusal
from contracts.values import password_hash
from services.domain.app import DomainSettings
from services.mailbox.app import MailboxSettings

SALT, DIGEST = "c2FsdHNhbHQ", "ZGlnZXN0ZGlnZXN0ZGlnZX"


def argon2id(m: int = 19_456, t: int = 2, p: int = 1) -> str:
    return password_hash(f"{{ARGON2ID}}$argon2id$v=19$m={m},t={t},p={p}${SALT}${DIGEST}")


def blf_crypt(cost: int) -> str:
    return password_hash(f"{{BLF-CRYPT}}$2y${cost:02}${'S' * 53}")


def sha512_crypt(rounds: int | None) -> str:
    return password_hash(f"{{SHA512-CRYPT}}$6${'' if rounds is None else f'rounds={rounds}$'}{SALT}${'D' * 86}")


@pytest.mark.parametrize("strong", [argon2id(), argon2id(65_536, 3, 4), blf_crypt(10), sha512_crypt(None), None])
def test_what_costs_enough_is_taken(strong: str | None) -> None:
    assert PasswordPolicy().weakness(strong) is None


@pytest.mark.parametrize(
    ("weak", "scheme", "minimum"),
    [
        (argon2id(m=19_455), "ARGON2ID", "m=19456, t=2, p=1"),
        (argon2id(t=1), "ARGON2ID", "m=19456, t=2, p=1"),
        (blf_crypt(9), "BLF-CRYPT", "cost=10"),
        (sha512_crypt(4_999), "SHA512-CRYPT", "rounds=5000"),
    ],
)
def test_what_costs_too_little_is_refused_by_scheme_and_minimum(weak: str, scheme: str, minimum: str) -> None:
    found = PasswordPolicy().weakness(weak)
    assert found is not None
    assert (found.code, found.details) == ("password_hash_too_weak", {"scheme": scheme, "minimum": minimum})
    told = refusal(found).model_dump_json()
    assert not any(piece in told for piece in (SALT, DIGEST, "S" * 5, "D" * 5, "m=19455", "rounds=4999"))


@pytest.mark.parametrize(
    ("costly", "scheme", "maximum"),
    [
        (argon2id(m=4_194_304), "ARGON2ID", "m=1048576, t=10, p=16"),
        (argon2id(t=1_000_000), "ARGON2ID", "m=1048576, t=10, p=16"),
        (argon2id(p=17), "ARGON2ID", "m=1048576, t=10, p=16"),
        (blf_crypt(31), "BLF-CRYPT", "cost=14"),
        (sha512_crypt(999_999_999), "SHA512-CRYPT", "rounds=1000000"),
    ],
)
def test_what_every_login_would_pay_for_is_refused_by_scheme_and_maximum(
    costly: str, scheme: str, maximum: str
) -> None:
    found = PasswordPolicy().weakness(costly)
    assert found is not None
    assert (found.code, found.details) == ("password_hash_too_costly", {"scheme": scheme, "maximum": maximum})


def test_a_policy_that_takes_nothing_is_not_configured() -> None:
    with pytest.raises(ValueError, match="above its most"):
        PasswordPolicy(blf_crypt_min_cost=15)
    assert PasswordPolicy(blf_crypt_min_cost=15, blf_crypt_max_cost=15).weakness(blf_crypt(15)) is None


def test_the_operator_may_want_more_and_fewer_schemes() -> None:
    strict = PasswordPolicy(password_schemes="ARGON2ID", argon2id_min_lanes=4)
    other = strict.weakness(blf_crypt(12))
    assert other is not None
    assert (other.code, other.details) == (
        "password_scheme_not_accepted",
        {"scheme": "BLF-CRYPT", "accepted": "ARGON2ID"},
    )
    found = strict.weakness(argon2id())
    assert found is not None
    assert found.details["minimum"] == "m=19456, t=2, p=4"
    assert PasswordPolicy(sha512_crypt_min_rounds=5_001).weakness(sha512_crypt(None)) is not None


@pytest.mark.parametrize("schemes", ["", "PLAIN", "ARGON2ID,", "argon2id"])
def test_schemes_that_are_none_are_not_configured(schemes: str) -> None:
    with pytest.raises(ValueError, match="password_schemes"):
        PasswordPolicy(password_schemes=schemes)


@pytest.mark.parametrize("settings", [MailboxSettings, DomainSettings])
def test_both_workers_read_the_same_settings(settings: type[PasswordPolicy], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTKONTOR_BLF_CRYPT_MIN_COST", "12")
    monkeypatch.setenv("POSTKONTOR_PASSWORD_SCHEMES", "BLF-CRYPT,ARGON2ID")
    read = settings()
    assert read.weakness(blf_crypt(11)) is not None
    assert read.weakness(blf_crypt(12)) is None
    assert read.weakness(sha512_crypt(None)) is not None


def test_what_the_client_makes_is_taken_and_can_cost_more() -> None:
    assert PasswordPolicy().weakness(hash_password("ahoi")) is None
    stricter = PasswordPolicy(argon2id_min_memory_kib=32 * 1024, argon2id_min_lanes=2)
    assert stricter.weakness(hash_password("ahoi")) is not None
    assert stricter.weakness(hash_password("ahoi", memory_kib=32 * 1024, lanes=2)) is None
