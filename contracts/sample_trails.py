"""The golden questions and answers about chains of messages."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from pydantic import BaseModel

from contracts import sample_parts as of
from contracts import trail_v1 as trail
from contracts.base import Text
from contracts.invoicing_v1 import LineFact
from contracts.messages import RequestAnswer, RequestStep

FACT = UUID("7b0d1c34-8a57-5d0e-9c11-3f5a6b7c8d9e")

_ADMITTED = trail.TrailMessage(
    id=FACT,
    request_id=of.REQUEST,
    cause_id=of.REQUEST,
    direction="said",
    kind="fact",
    type="domain.mailbox-admitted.v1",
    at=of.AT,
    text=Text(de=f"{of.ANNA} darf angelegt werden: Domain aktiv.", en=f"{of.ANNA} may be made: domain active."),
    data={"request_id": str(of.REQUEST), "address": of.ANNA, "domain_id": str(of.DOMAIN_ID)},
)
_REQUEST = trail.TrailMessage(
    id=of.REQUEST,
    request_id=of.REQUEST,
    direction="received",
    kind="request",
    type="domain.create-mailbox.v1",
    at=of.AT,
    text=Text(de="Anfrage: ein Postfach anlegen", en="Request: create a mailbox"),
    fate="refused",
    code="domain_unknown",
    refusal=of.DOMAIN_UNKNOWN,
)
_SET = LineFact(
    message_id=FACT,
    request_id=of.REQUEST,
    subject=f"evt.{of.ACCOUNT}.mailbox.mailbox-created.v1",
    at=of.AT,
    thing=of.HOLDER,
    text=Text(de="Tarif office, 4,50 € im Monat", en="plan office, EUR 4.50 a month"),
)
_ASSIGNED = LineFact(
    message_id=of.REQUEST,
    request_id=of.REQUEST,
    subject=f"cmd.{of.ACCOUNT}.billing.assign-package.v1",
    at=of.EARLIER,
    thing="account",
    text=Text(de="Paket reseller, 499,00 € im Monat", en="package reseller, EUR 499.00 a month"),
)


def questions(services: Iterable[str]) -> Mapping[str, BaseModel]:
    """Return one question of each type."""
    return {
        "billing.mailbox-price.v1": trail.AskMailboxPrice(address=of.ANNA),
        "billing.cap.v1": trail.AskCap(resource="mailbox"),
    } | {f"{service}.trail.v1": trail.AskTrail(request_id=of.REQUEST, limit=50) for service in services}


def answers(services: Iterable[str]) -> Mapping[str, BaseModel]:
    """Return one answer of each type."""
    price = trail.MailboxPrice(
        address=of.ANNA,
        plan="office",
        price_cents=400,
        catalogue=of.CATALOGUE,
        line="contract.plan.office",
        list_price_cents=450,
        agreed_catalogue=of.CATALOGUE,
        agreed_price_cents=400,
        decided_by=_SET,
        contract=_ASSIGNED,
    )
    cap = trail.Cap(
        capacity=of.CAPACITIES[0],
        package="silver",
        package_cap=50,
        catalogue=of.CATALOGUE,
        by_contract=False,
        decided_by=_ASSIGNED,
    )
    return {
        "billing.mailbox-price-answer.v1": trail.MailboxPriceAnswer(price=price),
        "billing.cap-answer.v1": trail.CapAnswer(cap=cap),
    } | {
        f"{service}.trail-answer.v1": trail.TrailAnswer(
            service=service, messages=(_REQUEST, _ADMITTED), complete=True, kept_since=of.EARLIER
        )
        for service in services
    }


def steps(services: Iterable[str]) -> Mapping[str, BaseModel]:
    """Return an answer of each worker to how a request stands."""
    refused = RequestStep(
        message_id=of.REQUEST,
        type="domain.create-mailbox.v1",
        fate="refused",
        code="domain_unknown",
        handled_at=of.AT,
        outcome="domain.request-refused.v1",
        refusal=of.DOMAIN_UNKNOWN,
    )
    return {f"{service}.request-answer.v1": RequestAnswer(service=service, steps=(refused,)) for service in services}
