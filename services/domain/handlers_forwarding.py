"""The bus edge of domain, third part: the gate for addresses without a mailbox."""

from contracts.forwarding_v1 import SetCatchAll, SetForwardOnly
from services.chassis.book import Book
from services.chassis.fates import Fate, Refused
from services.chassis.received import Received
from services.chassis.service import Moment
from services.domain.entrance import at_entrance, enter
from services.domain.handlers import refused_account, service


@service.command(SetForwardOnly, keys=at_entrance)
def set_forward_only(message: Received[SetForwardOnly], book: Book, moment: Moment) -> Fate:
    """Let an address that only forwards pass under an active domain of its account (R21, R23)."""
    reason = refused_account(message, book)
    return Refused(reason) if reason else enter(message, book, moment)


@service.command(SetCatchAll, keys=at_entrance)
def set_catch_all(message: Received[SetCatchAll], book: Book, moment: Moment) -> Fate:
    """Let a catch-all pass for an active domain of its account (R21, R23)."""
    reason = refused_account(message, book)
    return Refused(reason) if reason else enter(message, book, moment)
