"""Why things are as they are, in sentences: what an explanation says before it shows its messages. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from client.chains import Link
from contracts.base import Text
from contracts.dnscheck_v1 import Attempt, MxAttempt
from contracts.domain_v1 import DomainView
from contracts.invoicing_v1 import LineFact
from contracts.mailbox_v1 import MailboxView
from contracts.telling import Language, features_told, money_told, resource_of, resource_told, state_told
from contracts.trail_v1 import Cap, MailboxPrice
from contracts.values import address_for_people

STATE_FACTS = (
    "mailbox-created", "mailbox-suspended", "mailbox-reactivated", "mailbox-deletion-scheduled", "mailbox-undeleted",
    "mailbox-deleted",
)  # fmt: skip
DOMAIN_STATES = (
    "domain-claimed", "domain-verified", "domain-activated", "domain-removed", "claim-lost", "claim-abandoned",
    "domain-at-risk", "domain-lapsed", "domain-recovered", "transfer-opened", "transfer-disputed", "transfer-overdue",
    "transfer-closed", "transfer-answered", "transfer-decided",
)  # fmt: skip
DOMAIN_FACTS = (*DOMAIN_STATES, "domain-password-set", "domain-features-changed", "mx-changed")
LANGUAGES: tuple[Language, Language] = ("de", "en")
CAPACITY_FACTS = ("capacity-reserved", "capacity-confirmed", "capacity-released")


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence of an answer, and the message that it rests on, where that is one."""

    text: Text
    message_id: UUID | None = None
    request_id: UUID | None = None
    at: datetime | None = None
    type: str | None = None


def of_fact(fact: LineFact, de: str, en: str) -> Reason:
    """Rest a sentence on a message that billing's ledger names."""
    type_ = fact.subject.split(".", 2)[-1]
    return Reason(Text(de=de, en=en), fact.message_id, fact.request_id, fact.at, type_)


def of_link(link: Link) -> Reason:
    """Let a message speak for itself."""
    return Reason(link.text, link.id, link.request_id, link.at, link.type)


def of_price(price: MailboxPrice) -> list[Reason]:
    """Say what a mailbox costs and where the price stands."""
    address, cents = address_for_people(price.address), price.price_cents
    reasons = [
        _say(
            f"{address} kostet {money_told(cents, 'de')} im Monat: Tarif {price.plan}.",
            f"{address} costs {money_told(cents, 'en')} a month: plan {price.plan}.",
        )
    ]
    if price.contract is not None:
        reasons.append(_of_contract(price, price.contract))
    else:
        reasons.append(
            _say(
                f"Der Preis steht in der Preisliste {price.catalogue}, Zeile {price.line}.",
                f"The price stands in the price list {price.catalogue}, line {price.line}.",
            )
        )
    if price.existing_from is not None:
        reasons.append(_of_later_list(price, price.existing_from))
    name = price.decided_by.subject.split(".")[3]
    reasons.append(
        of_fact(
            price.decided_by,
            f"Auf diesem Tarif ist das Postfach durch {name}: {price.decided_by.text.de}.",
            f"The mailbox is on this plan by {name}: {price.decided_by.text.en}.",
        )
    )
    return reasons


def _of_contract(price: MailboxPrice, contract: LineFact) -> Reason:
    listed = price.list_price_cents
    de = f" Die Preisliste nennt {money_told(listed, 'de')}." if listed is not None else ""
    en = f" The price list says {money_told(listed, 'en')}." if listed is not None else ""
    return of_fact(
        contract,
        f"Es ist der eigene Preis des Kontos, Zeile {price.line} seines Vertrags.{de}",
        f"It is the account's own price, line {price.line} of its contract.{en}",
    )


def _of_later_list(price: MailboxPrice, since: date) -> Reason:
    agreed = price.agreed_price_cents
    return _say(
        f"Bestellt zu {money_told(agreed, 'de')} nach Preisliste {price.agreed_catalogue}; seit {since:%d.%m.%Y} gilt"
        f" {price.catalogue} auch für bestehende Postfächer.",
        f"Ordered at {money_told(agreed, 'en')} by price list {price.agreed_catalogue}; since {since} the list"
        f" {price.catalogue} also holds for existing mailboxes.",
    )


def of_cap(cap: Cap) -> list[Reason]:
    """Say what the cap is, how much of it is taken, and what set it."""
    room, resource = cap.capacity, cap.capacity.resource
    limit = ("unbegrenzt", "unlimited") if room.cap is None else (str(room.cap), str(room.cap))
    names = (resource_told(resource, "de"), resource_told(resource, "en"))
    reasons = [
        _say(
            f"{names[0]}: Grenze {limit[0]}, genutzt {room.confirmed}, reserviert {room.reserved}.",
            f"{names[1]}: cap {limit[1]}, used {room.confirmed}, reserved {room.reserved}.",
        )
    ]
    whence = (
        ("nach dem Vertrag des Kontos", "by the account's contract")
        if cap.by_contract
        else (f"nach Preisliste {cap.catalogue}", f"by price list {cap.catalogue}")
    )
    if cap.decided_by is not None:
        de = f"Sie kommt vom Paket {cap.package} {whence[0]}."
        reasons.append(of_fact(cap.decided_by, de, f"It comes with the package {cap.package} {whence[1]}."))
    return reasons


def moves_of(resource: str, links: Iterable[Link]) -> tuple[Link, ...]:
    """Return the facts that moved a resource's counter. A plan's moves with the mailboxes on it."""
    counted_as = "mailbox" if resource.startswith("plan.") else resource

    def moved(link: Link) -> bool:
        return counted_as in {resource_of(holder) for holder in (link.data or {}).get("holders", ())}

    return tuple(link for link in links if moved(link))


def of_features(mailbox: MailboxView, decided: Link | None) -> list[Reason]:
    """Say which features are on, and whose setting that is."""
    address, origin = address_for_people(mailbox.address), mailbox.features.origin
    de, en = (features_told(mailbox.features.on, language) for language in LANGUAGES)
    reasons = [_say(f"{address}: {de}.", f"{address}: {en}.")]
    domain = address_for_people(mailbox.domain)
    whose = {
        "mailbox": ("Das Postfach hat eine eigene Einstellung.", "The mailbox has a setting of its own."),
        "domain": (f"Es folgt der Einstellung der Domain {domain}.", f"It follows the setting of the domain {domain}."),
        "default": (
            f"Niemand hat für das Postfach oder die Domain {domain} etwas eingestellt; von sich aus ist alles aus.",
            f"Nobody has set anything for the mailbox or the domain {domain}; by itself all is off.",
        ),
    }
    reasons.append(_say(*whose[origin]))
    if decided is not None:
        reasons.append(of_link(decided))
    return reasons


def of_state(mailbox: MailboxView) -> Reason:
    """Say what state a mailbox is in."""
    address, (de, en) = address_for_people(mailbox.address), (state_told(mailbox.state, each) for each in LANGUAGES)
    return _say(f"{address}: {de}.", f"{address}: {en}.")


def has_set(link: Link, mailbox: MailboxView) -> bool:
    """Tell whether this set is the one that counts for a mailbox: it names the mailbox, or its domain."""
    target = mailbox.address if mailbox.features.origin == "mailbox" else mailbox.domain
    data = link.data or {}
    targets = {each["target"] for each in data.get("targets", ()) if each.get("refusal") is None}
    return target in targets and tuple(data.get("requested") or ()) == mailbox.features.on


def of_domain(domain: DomainView, txt: Attempt | None, mx: MxAttempt | None) -> list[Reason]:
    """Say how a domain stands, what the last looks saw, and what comes next."""
    name, (de, en) = domain.domain_unicode, (state_told(domain.state, each) for each in LANGUAGES)
    reasons = [_say(f"{name}: {de}.", f"{name}: {en}.")]
    looks = [attempt for attempt in (txt, mx) if attempt is not None and attempt.text.en not in domain.next_step.en]
    reasons += [Reason(attempt.text, at=attempt.checked_at) for attempt in looks]
    if domain.transfer is not None:
        reasons.append(Reason(domain.transfer.text, at=domain.transfer.opened_at))
    reasons.append(Reason(domain.next_step))
    return reasons


def not_kept(since: datetime) -> Reason:
    """Say that the messages are gone, instead of what they may have been."""
    return _say(
        f"Die Nachrichten dazu sind nicht mehr aufgehoben: Ereignisse von vor dem {since:%d.%m.%Y} sind gelöscht.",
        f"The messages about it are no longer kept: events from before {since:%Y-%m-%d} are deleted.",
    )


def under_way() -> Reason:
    """Say that a request has no outcome yet."""
    return _say("Ein Ergebnis gibt es noch nicht.", "There is no outcome yet.")


def not_known(request_id: UUID, account: str) -> Reason:
    """Say that no worker has seen a request that is not too old to be known."""
    return _say(
        f"Kein Dienst kennt die Anfrage {request_id} im Konto {account}.",
        f"No worker knows the request {request_id} in the account {account}.",
    )


def _say(de: str, en: str) -> Reason:
    return Reason(Text(de=de, en=en))
