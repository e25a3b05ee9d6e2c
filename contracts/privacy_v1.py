"""Messages of mailbox, version 1, about personal data: what is forgotten of a person (docs/privacy.md)."""

from datetime import date

from pydantic import AwareDatetime, Field

from contracts.base import Fact, Request
from contracts.mailbox_v2 import MailboxView
from contracts.values import MailAddress


class ErasePerson(Request):
    """Forget whose a deleted mailbox was (operator; GDPR, article 17). What invoices rest on stays."""

    address: MailAddress


class PersonErased(Fact):
    """Whose the deleted mailbox was is forgotten where it is administered; the rest ends by its age."""

    mailbox: MailboxView
    erased_at: AwareDatetime
    complete_on: date = Field(
        description="from this day on streams and logs hold nothing of the person either; invoices and backups apart"
    )
