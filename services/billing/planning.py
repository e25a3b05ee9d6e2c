"""Downgrade plans, looked for outside any transaction that writes: which package is too small, and what would help."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.billing_v1 import ContractTerms
from contracts.downgrade_v1 import MAX_STEPS, DowngradePlanAnswer, Excess
from contracts.refusals import Refusal, Remedy, Step, refuse
from services.billing import downgrade, rules, steps, store, store_plan
from services.billing.capacity import PLAN, Room
from services.billing.pricing import PriceList
from services.billing.rules import Account
from services.billing.steps import Draft
from services.chassis.book import Conn

TOO_SMALL = "package_too_small"
MAX_BYTES = 150_000  # of steps in a message that may have 262,144; one step alone may have 200,000


@dataclass(frozen=True, slots=True)
class Wish:
    """A package that an account would have. Terms, or an operator, make it an assignment."""

    package: str
    terms: ContractTerms | None = None
    by_operator: bool = False
    with_grace: bool = False
    after: int = 0
    limit: int = MAX_STEPS


def decided(account: Account, room: Room, wish: Wish, prices: PriceList) -> tuple[Account, Room] | Refusal:
    """Give the account the package, or say why not."""
    if wish.by_operator or wish.terms is not None:
        return rules.assign_package(account, room, wish.package, wish.terms, prices)
    return rules.change_package(account, room, wish.package, prices)


async def look(conn: Conn, account_id: str, wish: Wish, prices: PriceList) -> DowngradePlanAnswer:
    """Say what would have to go. All is read as of one moment; what takes long is done beside the event loop."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        account, room = await store.read_account(conn, account_id) or (None, None)
        if account is None or room is None:
            return DowngradePlanAnswer(package=wish.package, refusal=refuse("account_unknown", account=account_id))
        refused = decided(account, room, wish, prices)
        if not isinstance(refused, Refusal):
            return DowngradePlanAnswer(package=wish.package, revision=room.revision)
        if refused.code != TOO_SMALL:
            return DowngradePlanAnswer(package=wish.package, revision=room.revision, refusal=refused)
        excess = tuple(Excess.model_validate(finding.details) for finding in refused.findings)
        rows = await store_plan.read_held(conn, account_id)
        drafts, left = await asyncio.to_thread(_drafted, rows, account, room, excess, wish, prices)
        page = drafts[wish.after : wish.after + wish.limit]
        known = await store_plan.read_particulars(conn, account_id, steps.holders_to_name(page))
    written = _fitting(page, known, prices, with_grace=wish.with_grace)
    end = wish.after + len(written)
    return DowngradePlanAnswer(
        package=wish.package,
        exceeded=excess,
        steps=tuple(written),
        steps_total=len(drafts),
        left=dict(left),
        next=end if end < len(drafts) else None,
        revision=room.revision,
    )


def with_remedy(refused: Refusal, plan: DowngradePlanAnswer) -> Refusal:
    """Let a refusal say what would help."""
    remedy = Remedy(steps=plan.steps, steps_total=plan.steps_total, left=plan.left)
    return refused.model_copy(update={"remedy": remedy})


def _drafted(
    rows: Sequence[Any], account: Account, room: Room, excess: Sequence[Excess], wish: Wish, prices: PriceList
) -> tuple[list[Draft], Mapping[str, int]]:
    own = account.plan_prices if wish.terms is None else wish.terms.plan_prices
    offers = {
        plan: offer.model_copy(update={"price_cents": own.get(plan, offer.price_cents)})
        for plan, offer in prices.plans.items()
    }
    capped = {name.removeprefix(PLAN) for name, counter in room.counters.items() if counter.cap is not None}
    capped |= set(wish.terms.plan_caps) if wish.terms else set()
    held = [store_plan.held(row, account.plan_prices) for row in rows]
    choice = downgrade.choose(held, {each.resource: each.excess for each in excess}, offers, capped)
    return steps.drafts(choice, with_grace=wish.with_grace), choice.left


def _fitting(page: Sequence[Draft], known: Mapping[str, Any], prices: PriceList, *, with_grace: bool) -> list[Step]:
    """Write down as many steps as fit into a message, at least one."""
    written: list[Step] = []
    size = 0
    for draft in page:
        step = steps.written(draft, known, prices.plans, with_grace=with_grace)
        size += len(step.model_dump_json())
        if written and size > MAX_BYTES:
            break
        written.append(step)
    return written
