"""Claims in every state, and what happens to them, for the tests of domain's rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from contracts.base import Text
from contracts.dnscheck_v1 import Attempt
from contracts.domain_v1 import DomainState
from contracts.refusals import Refusal
from services.domain import rules
from services.domain.rows import PROVEN, Claim, Name, Transfer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DOMAIN = "nordwind-segel.de"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
ids = count(1)


def attempt(kind="confirmed", *, code=None, at=NOW, ended=False) -> Attempt:
    """Return a look begun at a time; `ended` when it was the last by schedule."""
    return Attempt(
        kind=kind, code=code or kind, text=Text(de="Gesehen: {x}", en="Seen: {x}"), expected_name="n",
        expected_value="v", checked_at=at, elapsed_ms=1, next_check_at=None if ended else at + HOUR,
    )  # fmt: skip


def claimed(name: Name, account: str, *, password_hash=None, now=NOW) -> Claim | Refusal:
    """Claim a name with a new id and token."""
    number = next(ids)
    return rules.claim_name(
        name,
        account=account,
        domain_id=UUID(int=number),
        token=rules.token_of(number.to_bytes(20, "big")),
        label="_postkontor-challenge",
        password_hash=password_hash,
        now=now,
    )


def standing(state: DomainState, account: str = "nordwind") -> Claim:
    """Return a claim in a state, with what belongs to it."""
    claim = claimed(Name(DOMAIN), account)
    assert isinstance(claim, Claim)
    transfer = Transfer("open", NOW, NOW + 72 * HOUR) if state == "contested" else None
    return replace(claim, state=state, proof="held" if state in PROVEN else "pending", transfer=transfer)


def looked(name: Name, account: str, *looks: Attempt, now=None) -> Name:
    """Let looks for an account's proof be heard, each when it was begun or at a time."""
    for look in looks:
        claim = name.of(account)
        assert claim is not None
        name = rules.txt_checked(name, claim, look, now or look.checked_at)
    return name


def proven(name: Name, account: str, now=NOW) -> Name:
    """Let the account's proof be seen."""
    return looked(name, account, attempt(at=now))
