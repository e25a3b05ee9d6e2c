"""Samples of answers to dry runs: one that says all that an answer can say, and its shorter kin."""

from datetime import date, timedelta

from pydantic import BaseModel

from contracts import sample_parts as of
from contracts.dryruns import NAME, DryRunFinished
from contracts.refusals import finding, refuse
from contracts.trials import HeadRoom, Quote, QuotedLine

_TO_SET = finding(
    "domain_unverified", domain=of.DOMAIN, name=f"_postkontor-challenge.{of.DOMAIN}", value=f"token={of.TOKEN}"
)
_LINE = QuotedLine(
    thing=of.HOLDER,
    old_code=None,
    new_code="office",
    old_cents=0,
    new_cents=450,
    catalogue=of.CATALOGUE,
    catalogue_line="plan.office",
)
_QUOTE = Quote(
    quote_id=of.CAUSE,
    valid_until=of.AT + timedelta(days=1),
    catalogue=of.CATALOGUE,
    lines=(_LINE,),
    monthly_difference_cents=450,
    remaining_month_cents=305,
    remaining_from=date(2026, 3, 11),
    remaining_to=date(2026, 3, 31),
    head_room=(
        HeadRoom(resource="mailbox", used=48, reserved=1, cap=50, unlimited=False, left=0),
        HeadRoom(resource="plan.office", used=3, reserved=0, cap=None, unlimited=True, left=None),
    ),
)

DRY_RUNS: dict[str, BaseModel] = {
    f"billing.{NAME}.v1": DryRunFinished(
        request_id=of.REQUEST,
        request_type="domain.create-mailbox.v1",
        outcome="mailbox.mailbox-created.v1",
        missing=(_TO_SET, finding("password_missing", severity="note", address=of.ANNA)),
        quote=_QUOTE,
    ),
    f"domain.{NAME}.v1": DryRunFinished(
        request_id=of.REQUEST, request_type="domain.check-mx.v1", outcome="domain.mx-check-finished.v1"
    ),
    f"mailbox.{NAME}.v1": DryRunFinished(
        request_id=of.REQUEST,
        request_type="domain.create-mailbox.v1",
        outcome=None,
        refusal=refuse("address_taken", address=of.ANNA),
        quote=_QUOTE,
    ),
    f"dnscheck.{NAME}.v1": DryRunFinished(
        request_id=of.REQUEST, request_type="dnscheck.watch-domain.v1", outcome=None, refusal=of.DOMAIN_UNKNOWN
    ),
}
