"""Postfix asks for each recipient whether his mail may come; this reads the question and words the answer. Pure.

The protocol is that of Postfix's SMTPD_POLICY_README: lines `name=value` and an empty line, answered by `action=...`
and an empty line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.values import domain_name

DELIMITER = "+"  # sub-addressing (RFC 5233): anna+lists@ is anna's. Postfix has it too, and address_quarantined

PASS = "DUNNO"  # noqa: S105 - no opinion: the rules after this one decide
REFUSE = "554 5.7.1 The recipient does not accept mail from this sender"


@dataclass(frozen=True, slots=True)
class Address:
    """An address as addresses are kept, and what is left of it without its tag, if it has one."""

    whole: str
    untagged: str | None

    @property
    def domain(self) -> str:
        """Return the domain."""
        return self.whole.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Question:
    """Whether mail from a sender may come to an address.

    An entry of a block list names a sender by his address, with or without his tag, or by his domain; a domain stands
    for itself, not for the domains below it.
    """

    recipient: Address
    sender: Address

    @property
    def columns(self) -> tuple[str | None, ...]:
        """Return what is looked up: who the recipient may be, then by what a block list may name the sender."""
        to, of = self.recipient, self.sender
        return to.whole, to.untagged, of.whole, of.untagged, f"@{of.domain}"


def attributes_of(request: bytes) -> dict[str, str]:
    """Return the attributes of a request; a line without `=` is passed over. What is no UTF-8 matches nobody."""
    lines = request.decode(errors="replace").split("\n")
    return {name: value for name, is_pair, value in (line.partition("=") for line in lines) if is_pair}


def question_of(attributes: Mapping[str, str]) -> Question | None:
    """Return what is to be looked up, or None where a block list has no say.

    It has a say at RCPT only, where one recipient can be refused and the others not; and never about the null sender,
    which bounces and read receipts have: refusing it would hide from a holder what became of his own mail.
    """
    sender, recipient = attributes.get("sender", ""), attributes.get("recipient", "")
    if attributes.get("protocol_state") != "RCPT" or "@" not in sender or "@" not in recipient:
        return None
    if "\0" in sender + recipient:  # in no address that anybody has, and PostgreSQL would not take it
        return None
    return Question(address_of(recipient), address_of(sender))


def address_of(text: str) -> Address:
    """Read an address of an SMTP envelope."""
    local, _, domain = _lower(text).rpartition("@")
    domain = _as_a_labels(domain)
    base, tagged, _ = local.partition(DELIMITER)
    return Address(f"{local}@{domain}", f"{base}@{domain}" if tagged and base else None)


def answer(action: str) -> bytes:
    """Return an action as it is sent."""
    return f"action={action}\n\n".encode()


def _lower(text: str) -> str:
    # Only what is ASCII: other letters have lower cases that are somebody else's address (the Kelvin sign's is k).
    return text.lower() if text.isascii() else text


def _as_a_labels(domain: str) -> str:
    """SMTPUTF8 (RFC 6531) allows U-labels. What is no domain name, as an address literal, matches no entry."""
    try:
        return domain_name(domain)
    except ValueError:
        return domain
