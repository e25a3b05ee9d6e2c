"""The bus edge of mailbox, sixth part: forgetting persons."""

from collections.abc import Iterable

from contracts.evolution import view_up
from contracts.privacy_v1 import ErasePerson, PersonErased
from contracts.refusals import Refusal
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox import privacy, rules, views
from services.mailbox.bookkeeping import write
from services.mailbox.handlers import rows_of, service
from services.mailbox.store import MAILBOXES
from services.mailbox.store_privacy import ERASURES, Erasure


def _rows(message: Received[ErasePerson]) -> Iterable[Wanted]:
    address = message.data.address
    return *rows_of(message.account, address), (ERASURES, (message.account, address))


@service.command(ErasePerson, keys=_rows)
def erase_person(message: Received[ErasePerson], book: Book, moment: Moment) -> Fate:
    """Forget whose a deleted mailbox was; also of an account that is closed."""
    account, address = message.account, message.data.address
    before = book.get(MAILBOXES, address)
    entered = rules.enter(before, account, address, "erase-person", moment.now)
    if isinstance(entered, Refusal):
        return Refused(entered)
    after = privacy.erase(entered)
    domain = write(book, before, after)
    book.put(ERASURES, (account, address), Erasure(account, address))
    fact = PersonErased(
        mailbox=view_up(views.of_mailbox(after, domain)),
        erased_at=moment.now,
        complete_on=privacy.complete_on(moment.now),
    )
    return Done((Say(fact, f"mailbox/{address}", after.revision),))
