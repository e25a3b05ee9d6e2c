"""A choice of what goes, written as requests that are ready to send. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from contracts.base import Request, Text
from contracts.billing_v1 import PlanOffer
from contracts.forwarding_v1 import DeleteForwardOnly, RemoveCatchAll, SetForwardOnly
from contracts.mailbox_v1 import ChangePlan, DeleteGroup, DeleteMailbox, RemoveAliases, SetForwardings
from contracts.messages import REGISTRY
from contracts.refusals import Step
from services.billing.capacity import ALIAS_FORWARD, GROUP, MAILBOX, PLAN
from services.billing.downgrade import Choice, Cut, Move, Seat

MAX_ALIASES = 1000  # in one request to remove some


class Particular(NamedTuple):
    """What is known of a thing beside the room it takes: its entries by name, in order; when it will be gone.

    Only `revision` and `since`, its owner's, tell which of two is the newer.
    """

    revision: int
    since: datetime | None = None
    things: tuple[str, ...] = ()
    keep_copy: bool | None = None  # of forwardings
    leaves_at: datetime | None = None  # of a mailbox


class Piece(NamedTuple):
    """A cut, or the part of it that one request can make; `before` entries are cut already."""

    cut: Cut
    before: int = 0


class Group(NamedTuple):
    """A group to delete."""

    name: str


Draft = Seat | Piece | Move | Group


def drafts(choice: Choice, *, with_grace: bool) -> list[Draft]:
    """Return one draft a request, in the order to send them. With grace, what leaves anyway needs none."""
    pieces = [piece for cut in choice.cuts for piece in _pieces(cut)]
    seats = [seat for seat in choice.seats if not (with_grace and seat.leaving)]
    return [*seats, *pieces, *choice.moves, *(Group(holder.partition("/")[2]) for holder in choice.groups)]


def holders_to_name(some: list[Draft]) -> list[str]:
    """Return the lists whose entries have to be known to write these down."""
    return [draft.cut.holder for draft in some if isinstance(draft, Piece)]


def written(
    draft: Draft, particulars: Mapping[str, Particular], offers: Mapping[str, PlanOffer], *, with_grace: bool
) -> Step:
    """Write a draft down as a request."""
    match draft:
        case Seat():
            return _deletion(draft, offers, with_grace=with_grace)
        case Piece(cut, before):
            return _shortening(cut, before, particulars[cut.holder])
        case Move(address, plan, to):
            de = f"Postfach {address} vom Tarif {_name(offers, plan)} in {_name(offers, to)} wechseln"
            en = f"change mailbox {address} from plan {_name(offers, plan)} to {_name(offers, to)}"
            return _step(ChangePlan(address=address, plan=to), {PLAN + plan: 1}, de, en)
        case Group(name):
            de, en = (
                f"Gruppe {name} löschen; die Postfächer ihrer Mitglieder bleiben",
                f"delete group {name}; its members' mailboxes stay",
            )
            return _step(DeleteGroup(name=name), {GROUP: 1}, de, en)


def _pieces(cut: Cut) -> list[Piece]:
    if not cut.holder.startswith("alias/"):
        return [Piece(cut)]
    return [
        Piece(Cut(cut.holder, min(MAX_ALIASES, cut.number - before)), before)
        for before in range(0, cut.number, MAX_ALIASES)
    ]


def _deletion(seat: Seat, offers: Mapping[str, PlanOffer], *, with_grace: bool) -> Step:
    what = f"{seat.address} ({_name(offers, seat.plan)}, {seat.price_cents // 100}.{seat.price_cents % 100:02} EUR"
    if seat.leaving:
        when = ("jetzt statt später löschen", "delete now instead of later:")
    elif with_grace:
        when = (
            "löschen; bis zum Ende der Frist belegt und zurückholbar",
            "delete; takes room and can be had back until the grace is over:",
        )
    else:
        when = ("sofort und endgültig löschen", "delete at once and for good:")
    along = ("", "")
    if seat.number == 1:
        along = (", mit einem Alias oder einer Weiterleitung,", ", with an alias or forwarding")
    elif seat.number:
        along = (f", mit {seat.number} Aliassen oder Weiterleitungen,", f", with {seat.number} aliases or forwardings")
    frees = {MAILBOX: 1} | ({ALIAS_FORWARD: seat.number} if seat.number else {})
    request = DeleteMailbox(address=seat.address, immediately=not with_grace)
    de = f"Postfach {what} im Monat){along[0]} {when[0]}"
    en = f"{when[1]} mailbox {what} a month){along[1]}"
    return _step(request, frees, de, en)


def _shortening(cut: Cut, before: int, particular: Particular) -> Step:
    kind, _, name = cut.holder.partition("/")
    things, frees = particular.things, {ALIAS_FORWARD: cut.number}
    end = len(things) - before
    kept, gone = things[: end - cut.number], things[end - cut.number : end]
    listed = ", ".join(gone[:3]) + (", ..." if len(gone) > 3 else "")
    match kind:
        case "alias":
            de, en = f"Aliasse von {name} entfernen: {listed}", f"remove aliases of {name}: {listed}"
            return _step(RemoveAliases(address=name, aliases=gone), frees, de, en)
        case "forwarding":
            request: Request = SetForwardings(address=name, targets=kept, keep_copy=particular.keep_copy is not False)
            return _step(
                request, frees, f"{name} nicht mehr weiterleiten an {listed}", f"stop forwarding {name} to {listed}"
            )
        case "forward-only":
            whole = DeleteForwardOnly(address=name)
            request = SetForwardOnly(address=name, targets=kept) if kept else whole
            return _step(
                request, frees, f"{name} nicht mehr weiterleiten an {listed}", f"stop forwarding {name} to {listed}"
            )
        case _:
            de, en = f"Catch-all von {name} beenden", f"end the catch-all of {name}"
            return _step(RemoveCatchAll(domain=name), frees, de, en)


def _step(request: Request, frees: dict[str, int], de: str, en: str) -> Step:
    data: dict[str, Any] = request.model_dump(mode="json", exclude_none=True)
    return Step(type=REGISTRY.of(type(request)).type, data=data, frees=frees, text=Text(de=de, en=en))


def _name(offers: Mapping[str, PlanOffer], plan: str) -> str:
    return offers[plan].name if plan in offers else plan
