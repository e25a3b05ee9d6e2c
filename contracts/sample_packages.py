"""Samples around packages and prices: a refused change with what would help, and new price lists."""

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel

from contracts import downgrade_v1 as downgrade
from contracts import prices_v1 as prices
from contracts.base import Text
from contracts.refusals import Refusal, Remedy, Step, refuse
from contracts.sample_parts import ANNA, CATALOGUE, DOMAIN, OFFICE_OFFER, SILVER_OFFER

STEP = Step(
    type="mailbox.remove-aliases.v1",
    data={"address": ANNA, "aliases": [f"segel@{DOMAIN}"]},
    frees={"alias_forward": 1},
    text=Text(de=f"Aliasse von {ANNA} entfernen: segel@{DOMAIN}", en=f"remove aliases of {ANNA}: segel@{DOMAIN}"),
)
TOO_SMALL: Refusal = refuse(
    "package_too_small", package="silver", resource="alias_forward", used=26, reserved=0, allowed=25, excess=1
).model_copy(update={"remedy": Remedy(steps=(STEP,), steps_total=1, left={})})

FACTS: Mapping[str, BaseModel] = {
    "billing.price-list-published.v1": prices.PriceListPublished(
        catalogue="2027-01",
        sha256="9f" * 32,
        valid_from=date(2027, 1, 1),
        existing_from=date(2027, 4, 1),
        plans=(OFFICE_OFFER,),
        packages=(SILVER_OFFER,),
    ),
    "billing.price-change-announced.v1": prices.PriceChangeAnnounced(
        catalogue="2027-01",
        valid_from=date(2027, 1, 1),
        existing_from=date(2027, 4, 1),
        changes=(
            prices.PriceChange(
                kind="plan", code="office", number=12, old_cents=450, new_cents=490, ordered_under=CATALOGUE
            ),
        ),
        difference_cents=480,
        text=Text(de="Ab dem 01.04.2027 gelten neue Preise.", en="New prices hold from 2027-04-01."),
    ),
}
QUESTIONS: Mapping[str, BaseModel] = {
    "billing.downgrade-plan.v1": downgrade.AskDowngradePlan(package="silver", with_grace=True, after=0, limit=50),
}
ANSWERS: Mapping[str, BaseModel] = {
    "billing.downgrade-plan-answer.v1": downgrade.DowngradePlanAnswer(
        package="silver",
        exceeded=(downgrade.Excess(resource="alias_forward", used=26, reserved=0, allowed=25, excess=1),),
        steps=(STEP,),
        steps_total=1,
        revision=7,
    ),
}
