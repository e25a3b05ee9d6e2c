"""The bus edge of billing, fourth part: packages, and mailboxes that will be gone.

A package that is too small is refused with a plan. For that everything the account holds is looked at, so it is done
outside the transaction, by a wake-up; then the request is decided anew, on what there is by then. A dry run is refused
at once, without one.
"""

from typing import Any
from uuid import UUID

from contracts.billing_v1 import AssignPackage, ChangePackage, PackageChanged
from contracts.downgrade_v1 import AskDowngradePlan, DowngradePlanAnswer
from contracts.mailbox_v1 import MailboxDeletionScheduled, MailboxUndeleted
from contracts.messages import REGISTRY
from contracts.refusals import Refusal
from services.billing import booking, planning, quoting, rules, views
from services.billing.capacity import Room, holder_of
from services.billing.handlers import HOUSE, begun, kept, service
from services.billing.planning import Wish
from services.billing.quoting import Bargain
from services.billing.rules import Account
from services.billing.steps import Particular
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS
from services.billing.store_plan import PARTICULARS
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Done, Fate, HandedOver, Refused
from services.chassis.received import Received, Tick
from services.chassis.runtime import utc_now
from services.chassis.service import Moment

ASSIGN = REGISTRY.of(AssignPackage).type
PLAN = "downgrade-plan"  # wakes who writes the plan of a package that is too small

# --- a package is chosen or assigned ----------------------------------------------------------------------------------


def _of_package(message: Received[ChangePackage] | Received[AssignPackage]) -> list[Wanted]:
    return [*booking.wanted(message), *quoting.rows_of_package(message)]


@service.command(ChangePackage, keys=_of_package)
def change_package(message: Received[ChangePackage], book: Book, moment: Moment) -> Fate:
    """Give the account the package that its customer chose (R3, R4)."""
    return _repackaged(message, message, book, moment)


@service.command(AssignPackage, keys=_of_package)
def assign_package(message: Received[AssignPackage], book: Book, moment: Moment) -> Fate:
    """Give the account the package that the operator assigns, with its terms (R3)."""
    return _repackaged(message, message, book, moment)


def _repackaged(request: Received[Any], message: Received[Any] | Tick, book: Book, moment: Moment) -> Fate:
    """Decide on a request, when it comes or at the wake-up that it waited for."""
    found = begun(_entitled(request, book), request, book, moment)
    if isinstance(found, Refusal):
        return Refused(found)
    (before, bargain), wish = found, _wish(request.type, request.data)
    asked = before, _room(book, request.account), wish.package, wish.terms
    change = bargain.change(lambda: quoting.package_change(bargain, book, *asked))
    if isinstance(change, Refusal):
        return Refused(change)
    changed = planning.decided(before, asked[1], wish, bargain.prices)
    if isinstance(changed, Refusal):
        if isinstance(message, Received) and not message.dryrun and changed.code == planning.TOO_SMALL:
            return _planned_first(message, bargain, moment)
        fate: Fate = Refused(changed)
    else:
        fact = PackageChanged(account=views.account_view(*changed), previous_package=before.package)
        waited = request.request_id if isinstance(message, Tick) else None
        fate = kept(message, book, moment, changed, fact, waited)
    return bargain.ended(book, fate, change, lambda: quoting.package_room(bargain, *asked))


def _entitled(request: Received[Any], book: Book) -> Account | Refusal:
    account = book.get(ACCOUNTS, request.account)
    if request.type == ASSIGN:
        return rules.assignable(account, request.account)
    return rules.admitted(account, request.account, request.channel)


def _planned_first(message: Received[Any], bargain: Bargain, moment: Moment) -> Fate:
    payload: dict[str, Any] = {
        "type": message.type,
        "channel": message.channel,
        "order": message.data.model_dump(mode="json"),
    }
    if bargain.quoted is not None:
        payload |= {"quote_id": str(bargain.quoted.quote_id), "catalogue": bargain.quoted.catalogue}
    return HandedOver((), timings=(At(PLAN, str(message.id), moment.now, message.account, payload, urgent=True),))


def _room(book: Book, account_id: str) -> Room:
    room = book.get(ROOMS, account_id)
    assert room is not None, f"the account {account_id} has no counters"
    return room


# --- a package that is too small ------------------------------------------------------------------------------------


async def _look_for_plan(tick: Tick) -> DowngradePlanAnswer:
    request, quoted = _waiting(tick), HOUSE.prices.version(tick.payload.get("catalogue", ""))
    async with HOUSE.pool.acquire() as connection:
        wish, prices = _wish(request.type, request.data), quoted or HOUSE.prices.at(tick.started_at)
        return await planning.look(connection, tick.account, wish, prices)


def _waiting(tick: Tick) -> Received[Any]:
    """Return the request that the wake-up is for."""
    told, quote_id = tick.payload, tick.payload.get("quote_id")
    model = AssignPackage if told["type"] == ASSIGN else ChangePackage
    return Received(
        id=UUID(tick.key),
        request_id=UUID(tick.key),
        account=tick.account,
        type=told["type"],
        channel=told["channel"],
        time=tick.due_at,
        data=model.model_validate(told["order"]),
        quote_id=UUID(quote_id) if quote_id else None,
    )


def _wish(type_: str, order: ChangePackage | AssignPackage) -> Wish:
    return Wish(order.package, getattr(order, "terms", None), by_operator=type_ == ASSIGN)


def _of_plan(tick: Tick) -> list[Wanted]:
    return [*booking.wanted(tick), *quoting.rows_of_package(_waiting(tick))]


@service.timer(PLAN, keys=_of_plan, observe=_look_for_plan)
def refuse_with_plan(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Refuse a package with what would make it fit; give it if it fits by now (R4)."""
    request = _waiting(tick)
    fate = _repackaged(request, tick, book, moment)
    if not isinstance(fate, Refused):
        return fate
    refusal = fate.refusal
    if refusal.code == planning.TOO_SMALL:
        refusal = planning.with_remedy(refusal, tick.observation)
    return Refused(refusal, request_type=request.type, request_id=request.request_id)


@service.query(AskDowngradePlan)
async def downgrade_plan(conn: Conn, account_id: str, ask: AskDowngradePlan) -> DowngradePlanAnswer:
    """Say what would have to go for a package."""
    wish = Wish(ask.package, ask.terms, with_grace=ask.with_grace, after=ask.after, limit=ask.limit)
    return await planning.look(conn, account_id, wish, HOUSE.prices.at(utc_now()))


# --- mailboxes that will be gone ------------------------------------------------------------------------------------


def _of_leaving(message: Received[MailboxDeletionScheduled] | Received[MailboxUndeleted]) -> list[Wanted]:
    key = (message.account, holder_of("mailbox", message.data.mailbox.address))
    return [(ACCOUNTS, message.account), (HOLDINGS, key), (PARTICULARS, key)]


@service.event(MailboxDeletionScheduled, keys=_of_leaving)
@service.event(MailboxUndeleted, keys=_of_leaving)
def mailbox_leaves(
    message: Received[MailboxDeletionScheduled] | Received[MailboxUndeleted], book: Book, moment: Moment
) -> Fate:
    """Know which mailboxes will be gone: they go first. They hold their seat until then."""
    mailbox = message.data.mailbox
    key = (message.account, holder_of("mailbox", mailbox.address))
    held, known = book.get(HOLDINGS, key), book.get(PARTICULARS, key)
    if held is None or not held.confirmed or held.since != mailbox.created_at:
        return Done()  # it is gone by now, or another stands under its address
    if known is None or (known.since, known.revision) < (mailbox.created_at, mailbox.revision):
        book.put(PARTICULARS, key, Particular(mailbox.revision, mailbox.created_at, leaves_at=mailbox.deletes_at))
    return Done()
