"""What a message says, in one sentence for people. Programs read types and data."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from contracts import mailbox_v2
from contracts.base import Fact, Request, Text
from contracts.billing_v1 import AccountView, Capacity, PlanTerms
from contracts.codes import WORDS
from contracts.dnscheck_v1 import Attempt, MxAttempt
from contracts.domain_v1 import DomainView
from contracts.forwarding_v1 import CatchAllView, ForwardOnlyView
from contracts.invoicing_v1 import Invoice
from contracts.mailbox_v1 import GroupView, MailboxView
from contracts.messages import REGISTRY
from contracts.refusals import Refusal
from contracts.telling_words import FACTS, HAND_OVER, ORDERS, REQUEST, UNKNOWN, VALUES
from contracts.trail_v1 import MessageKind
from contracts.values import address_for_people

Language = Literal["de", "en"]
BUSINESS_ZONE = ZoneInfo("Europe/Berlin")  # a day named in a request begins here
CHOICES = ("reason", "to")  # fields whose values have words of their own
VIEWS = ("bulk", "hold", "removal", "restore")  # whose words stand beside the others
SHOWN = 3  # names in one sentence; the rest is counted


def fact_told(type_: str, fact: Fact) -> Text:
    """Say what a fact says."""
    sentences = FACTS.get(_name(type_))
    if sentences is None:
        return _unknown(type_)
    return Text(de=_filled(sentences[0], fact, "de"), en=_filled(sentences[1], fact, "en"))


def message_told(type_: str, kind: MessageKind) -> Text:
    """Say of a message of which no more than the type is known what it is."""
    what = ORDERS.get(_name(type_))
    if kind == "fact" or what is None:
        return _unknown(type_)
    frame = REQUEST if kind == "request" else HAND_OVER
    return Text(de=frame[0].format(what=what[0]), en=frame[1].format(what=what[1]))


def kind_of(type_: str) -> MessageKind | None:
    """Tell what kind of message a type is; None for one that is unknown."""
    if REGISTRY.find("evt", type_) is not None:
        return "fact"
    order = REGISTRY.find("cmd", type_)
    if order is None:
        return None
    return "request" if issubclass(order.model, Request) else "hand-over"


def money_told(cents: int, language: Language) -> str:
    """Write an amount as its readers do."""
    text = f"{cents / 100:,.2f}"
    return f"EUR {text}" if language == "en" else text.translate(str.maketrans(",.", ".,")) + " €"


def features_told(on: Sequence[str] | None, language: Language) -> str:
    """Name a set of features: none is all off, None follows the domain."""
    if on is None:
        return _word("as_domain", language)
    return ", ".join(on) or _word("all_off", language)


def _name(type_: str) -> str:
    parts = type_.split(".")
    return parts[1] if len(parts) > 1 else type_


def _unknown(type_: str) -> Text:
    return Text(de=UNKNOWN[0].format(type=type_), en=UNKNOWN[1].format(type=type_))


def _filled(sentence: str, fact: Fact, language: Language) -> str:
    words: dict[str, str] = {}
    for name, value in fact:
        words |= _words(name, value, language)
    fields = dict(fact)
    if "capacities" in fields:
        words["counts"] = _counts(fields["capacities"], fields.get("holders", ()), language)
    try:
        return sentence.format_map(words)
    except KeyError as missing:  # a fact of an older release lacks what the sentence speaks of
        return f"{sentence.partition('{')[0]}… ({missing.args[0]})"


def _words(name: str, value: Any, language: Language) -> dict[str, str]:
    """Return what a field says, under its own name; a view's words stand beside the others."""
    match value:
        case MailboxView() | mailbox_v2.MailboxView():
            words = _shallow(value, language)
            return words | {"price": money_told(value.price_cents, language)}
        case DomainView():
            words = _shallow(value, language)
            return words | {"domain": value.domain_unicode, "features": features_told(value.features, language)}
        case AccountView():
            return _shallow(value, language) | {"caps": _caps(value.capacities, language)}
        case ForwardOnlyView() | CatchAllView():
            return _shallow(value, language)
        case GroupView():
            return {"group": value.name, "members": _listed(map(address_for_people, value.members), language)}
        case BaseModel() if name in VIEWS:
            return _shallow(value, language)
        case Invoice():
            return _shallow(value, language) | {"gross": money_told(value.gross_cents, language)}
        case _ if name == "plan":
            return {"priced": _priced(value, language)}
        case str() if name in CHOICES:
            return {name: _word(value, language)}
        case _ if name == "requested":
            return {name: features_told(value, language)}
        case _:
            return {name: _value(value, language)}


def _shallow(view: BaseModel, language: Language) -> dict[str, str]:
    return {name: _value(value, language) for name, value in view}


def _value(value: Any, language: Language) -> str:
    match value:
        case Text():
            return getattr(value, language)
        case Attempt() | MxAttempt() | Refusal():
            return getattr(value.text, language)
        case bool():
            return _word(str(value).lower(), language)
        case None:
            return _word("nothing", language)
        case datetime():
            return value.astimezone(BUSINESS_ZONE).strftime("%d.%m.%Y" if language == "de" else "%Y-%m-%d")
        case str():
            return address_for_people(value)
        case tuple() | list():
            return _listed((_target(each) for each in value), language)  # pyright: ignore[reportUnknownVariableType]
        case _:
            return str(value)


def _target(value: Any) -> str:
    return address_for_people(str(getattr(value, "target", value)))


def _listed(names: Iterable[str], language: Language) -> str:
    known = list(names)
    if not known:
        return _word("nothing", language)
    more = f" +{len(known) - SHOWN}" if len(known) > SHOWN else ""
    return ", ".join(known[:SHOWN]) + more


def _priced(terms: PlanTerms | None, language: Language) -> str:
    if terms is None:
        return ""
    frame = {
        "de": ": {plan}, {price} im Monat, Preisliste {list}",
        "en": ": {plan}, {price} a month, price list {list}",
    }
    price = money_told(terms.price_cents, language)
    return frame[language].format(plan=terms.plan, price=price, list=terms.catalogue)


def _caps(capacities: Iterable[Capacity], language: Language) -> str:
    return ", ".join(f"{resource_told(one.resource, language)} {_cap(one, language)}" for one in capacities)


def _counts(capacities: Iterable[Capacity], holders: Iterable[str], language: Language) -> str:
    """Show the counters that these holders are counted in, and those of plans."""
    meant = {resource_of(holder) for holder in holders}
    return ", ".join(
        f"{resource_told(one.resource, language)} {one.confirmed + one.reserved}/{_cap(one, language)}"
        for one in capacities
        if one.resource in meant
    )


def resource_of(holder: str) -> str:
    """Return what a holder such as `mailbox/anna@nordwind-segel.de` is counted as: what is not named is pooled."""
    kind = holder.partition("/")[0]
    return kind if kind in ("mailbox", "group") else "alias_forward"


def _cap(capacity: Capacity, language: Language) -> str:
    return _word("unlimited", language) if capacity.cap is None else str(capacity.cap)


def resource_told(resource: str, language: Language) -> str:
    """Name what an account has a cap on."""
    kind, _, plan = resource.partition(".")
    if kind == "plan":
        return f"Tarif {plan}" if language == "de" else f"plan {plan}"
    return state_told(resource, language)


def state_told(state: str, language: Language) -> str:
    """Name a state of an account, a domain or a mailbox."""
    found = WORDS.get(state)
    return getattr(found, language) if found else state


def _word(name: str, language: Language) -> str:
    both = VALUES.get(name, (name, name))
    return both[0 if language == "de" else 1]
