"""Messages of mailbox, version 2: a mailbox's person, who may have one name only.

Version 1 asks for a first and a last name. Some people have one name, and a mailbox such as Versand has no person at
all: here a given name may be missing, which neither a field that is required nor a text that readers rely on can say.
What is not here is still said in version 1; contracts/evolution.py leads from one to the other.
"""

from pydantic import AwareDatetime, Field

from contracts.base import Fact, Part, Request, RequestPart
from contracts.mailbox_v1 import FeatureState, MailboxState
from contracts.values import AccountId, Bytes, Cents, MailAddress, PersonName, PlanCode


class NewPerson(RequestPart):
    """Whose mailbox it shall be. One name alone, or a function such as Versand, stands as the family name."""

    given_name: PersonName | None = None
    family_name: PersonName


class Person(Part):
    """Whose mailbox it is."""

    given_name: str | None
    family_name: str
    display_name: str = Field(description="both names, as a mail program shows them")


class MailboxView(Part):
    """The public state of a mailbox. It holds no password and no hash."""

    account: AccountId
    address: str
    domain: str
    person: Person
    state: MailboxState
    plan: PlanCode
    price_cents: Cents
    mail_bytes: Bytes
    cloud_bytes: Bytes
    groupware: bool
    catalogue: str
    aliases: tuple[str, ...]
    forwardings: tuple[str, ...]
    keep_copy: bool = Field(description="forwarded mail is also kept in the inbox")
    features: FeatureState
    blocked_senders: tuple[str, ...]
    created_at: AwareDatetime
    deletes_at: AwareDatetime | None = Field(default=None, description="while deleting: gone from then on")
    deleted_at: AwareDatetime | None = None
    revision: int


class RenamePerson(Request):
    """Change whose mailbox it is; the address stays."""

    address: MailAddress
    person: NewPerson


class PersonRenamed(Fact):
    """The mailbox's person has another name."""

    mailbox: MailboxView
