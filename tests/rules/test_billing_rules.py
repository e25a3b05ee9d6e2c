"""Accounts and packages: who may ask for what, and what fits (R1 to R4)."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from contracts.billing_v1 import ContractTerms, OpenAccount, UpdateAccount
from contracts.refusals import Refusal
from services.billing import capacity, pricing, rules, views
from services.billing.capacity import Counter, Holding, Moved, Room
from services.billing.charging.months import month
from services.billing.rules import Account

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REQUEST = UUID(int=1)
LISTS = pricing.load()
PRICES = LISTS.on(date(2026, 11, 23))
MARCH = month("2026-03")
TERMS = ContractTerms(
    price_cents=99_00, mailboxes=1000, alias_forwards=None, groups=0, plan_caps={"office": 3}, plan_prices={"mail": 80}
)


def opened(package: str = "silver", terms: ContractTerms | None = None) -> tuple[Account, Room]:
    result = rules.open_account(None, "nordwind", _order(package, terms), PRICES, NOW)
    assert not isinstance(result, Refusal)
    return result


def _order(package: str, terms: ContractTerms | None = None) -> OpenAccount:
    return OpenAccount(package=package, terms=terms, company="Nordwind Segel GmbH", email="post@nordwind-segel.de")


def using(room: Room, **used: int) -> Room:
    counters = {name: replace(room.counters[name], confirmed=number) for name, number in used.items()}
    return Room({**room.counters, **counters}, room.revision)


def caps(room: Room) -> dict[str, int | None]:
    return {name: counter.cap for name, counter in room.counters.items()}


def test_an_account_opens_empty_with_the_caps_and_the_price_of_its_package() -> None:
    account, room = opened("silver")
    assert (account.state, account.package_price_cents, account.catalogue) == ("active", 2500, "2026-01-01")
    assert caps(room) == {"mailbox": 50, "alias_forward": 25, "group": 1}
    assert account.revision == room.revision == 1


def test_unlimited_is_a_cap_of_its_own() -> None:
    assert caps(opened("platinum")[1]) == {"mailbox": None, "alias_forward": 1000, "group": None}


def test_a_contract_sets_price_caps_and_caps_of_plans() -> None:
    account, room = opened("reseller", TERMS)
    assert caps(room) == {"mailbox": 1000, "alias_forward": None, "group": 0, "plan.office": 3}
    assert (account.package_price_cents, dict(account.plan_prices), account.self_service) == (9900, {"mail": 80}, False)


@pytest.mark.parametrize(
    ("package", "terms", "code"),
    [
        ("bronze", None, "package_unknown"),
        ("reseller", None, "contract_terms_missing"),
        ("gold", TERMS, "contract_terms_not_applicable"),
        ("reseller", TERMS.model_copy(update={"plan_caps": {"mailxs": 1}}), "plan_unknown"),
        ("reseller", TERMS.model_copy(update={"plan_prices": {"mailxs": 1}}), "plan_unknown"),
    ],
)
def test_what_an_operator_cannot_assign_is_refused(package: str, terms: ContractTerms | None, code: str) -> None:
    account, room = opened("platinum")
    assigned = rules.assign_package(account, room, package, terms, PRICES)
    created = rules.open_account(None, "nordwind", _order(package, terms), PRICES, NOW)
    assert isinstance(assigned, Refusal)
    assert isinstance(created, Refusal)
    assert assigned.code == created.code == code


def test_an_account_is_opened_once() -> None:
    refused = rules.open_account(opened()[0], "nordwind", _order("gold"), PRICES, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code == "account_exists"


@pytest.mark.parametrize(
    ("state", "package", "channel", "code"),
    [
        ("suspended", "silver", "bus", "account_not_active"),
        ("closed", "silver", "bus", "account_not_active"),
        ("active", "reseller", "console", "reseller_api_only"),
        ("active", "reseller", "api", None),
        ("active", "reseller", "bus", None),
        ("active", "silver", "console", None),
    ],
)
def test_who_may_request_anything(state, package: str, channel: str, code: str | None) -> None:
    account = replace(opened()[0], state=state, package=package)
    answer = rules.admitted(account, "nordwind", channel)
    assert (answer.code if isinstance(answer, Refusal) else None) == code


def test_an_unknown_account_is_named() -> None:
    refused = rules.admitted(None, "nordwind", "bus")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.findings[0].details) == ("account_unknown", {"account": "nordwind"})


def test_a_suspended_account_can_be_assigned_a_package_and_a_closed_one_cannot() -> None:
    account = opened()[0]
    assert not isinstance(rules.assignable(replace(account, state="suspended"), "nordwind"), Refusal)
    assert isinstance(rules.assignable(replace(account, state="closed"), "nordwind"), Refusal)
    assert isinstance(rules.assignable(None, "nordwind"), Refusal)


@pytest.mark.parametrize(
    ("package", "code"),
    [("reseller", "reseller_not_self_service"), ("silver", "package_unchanged"), ("bronze", "package_unknown")],
)
def test_what_a_customer_cannot_choose_is_refused(package: str, code: str) -> None:
    refused = rules.change_package(*opened("silver"), package, PRICES)
    assert isinstance(refused, Refusal)
    assert refused.code == code


def test_the_packages_named_to_a_customer_are_those_that_can_be_chosen() -> None:
    refused = rules.change_package(*opened("silver"), "bronze", PRICES)
    assert isinstance(refused, Refusal)
    assert refused.findings[0].details["known"] == "silver, gold, platinum"


def test_a_larger_package_takes_effect_at_once() -> None:
    account, room = opened("silver")
    changed = rules.change_package(account, using(room, mailbox=50), "gold", PRICES)
    assert not isinstance(changed, Refusal)
    assert (changed[0].package, changed[0].package_price_cents) == ("gold", 7500)
    assert changed[1].counters["mailbox"] == Counter(250, 50, 0, 2)
    assert changed[0].revision == changed[1].revision == 2


def test_a_package_that_is_too_small_is_refused_with_every_cap_and_what_must_go() -> None:
    account, room = opened("gold")
    room = using(room, mailbox=48, alias_forward=30, group=4)
    room = Room({**room.counters, "mailbox": replace(room.counters["mailbox"], reserved=5)}, room.revision)
    refused = rules.change_package(account, room, "silver", PRICES)
    assert isinstance(refused, Refusal)
    assert [found.code for found in refused.findings] == ["package_too_small"] * 3
    assert [found.details for found in refused.findings] == [
        {"package": "silver", "resource": "mailbox", "used": 48, "reserved": 5, "allowed": 50, "excess": 3},
        {"package": "silver", "resource": "alias_forward", "used": 30, "reserved": 0, "allowed": 25, "excess": 5},
        {"package": "silver", "resource": "group", "used": 4, "reserved": 0, "allowed": 1, "excess": 3},
    ]


def test_a_package_that_just_fits_is_taken() -> None:
    account, room = opened("gold")
    changed = rules.change_package(account, using(room, mailbox=50, alias_forward=25, group=1), "silver", PRICES)
    assert not isinstance(changed, Refusal)


def test_new_contract_terms_may_cap_a_plan_that_is_in_use_only_as_far_as_it_is() -> None:
    account, room = opened("platinum")
    room = Room({**room.counters, "plan.office": Counter(None, 3, 1, 1)}, 1)
    fits = rules.assign_package(
        account, room, "reseller", TERMS.model_copy(update={"plan_caps": {"office": 4}}), PRICES
    )
    assert not isinstance(fits, Refusal)
    refused = rules.assign_package(account, room, "reseller", TERMS, PRICES)
    assert isinstance(refused, Refusal)
    assert refused.findings[0].details["resource"] == "plan.office"
    assert refused.findings[0].details["excess"] == 1


def test_terms_can_be_renewed_and_their_plan_caps_end_with_the_contract() -> None:
    account, room = opened("reseller", TERMS)
    renewed = rules.assign_package(account, room, "reseller", TERMS.model_copy(update={"price_cents": 1}), PRICES)
    assert not isinstance(renewed, Refusal)
    left = rules.assign_package(*renewed, "gold", None, PRICES)
    assert not isinstance(left, Refusal)
    assert left[1].counters["plan.office"].cap is None
    assert left[0].plan_prices == {}


def test_an_operator_does_not_assign_the_same_list_package_twice() -> None:
    refused = rules.assign_package(*opened("gold"), "gold", None, PRICES)
    assert isinstance(refused, Refusal)
    assert refused.code == "package_unchanged"


def test_what_an_update_does_not_name_stays() -> None:
    account, room = opened()
    changed, after = rules.update_account(account, room, UpdateAccount(phone="+49 40 1234", language="en"))
    assert (changed.phone, changed.language, changed.company) == ("+49 40 1234", "en", account.company)
    assert changed.revision == after.revision == 2
    assert caps(after) == caps(room)


def test_the_view_shows_plans_only_where_they_are_capped() -> None:
    account, room = opened("reseller", TERMS)
    room = Room({**room.counters, "plan.mail": Counter(None, 7, 0, 1)}, 1)
    view = views.account_view(account, room)
    assert [shown.resource for shown in view.capacities] == ["mailbox", "alias_forward", "group", "plan.office"]


def test_a_month_costs_the_package_and_every_mailbox_at_its_own_price() -> None:
    plan_use = [("mail", PRICES.version, 5), ("office", PRICES.version, 10)]
    answer = views.usage(*opened("silver"), plan_use, LISTS, MARCH)
    assert [plan.total_cents for plan in answer.plans] == [500, 4500]
    assert answer.monthly_total_cents == 2500 + 500 + 4500
    by_contract = views.usage(*opened("reseller", TERMS), plan_use, LISTS, MARCH)
    assert [plan.total_cents for plan in by_contract.plans] == [400, 4500]


def test_a_quote_says_how_many_still_fit_under_both_caps() -> None:
    account, room = opened("reseller", TERMS)
    office, mail = PRICES.terms("office", account.plan_prices), PRICES.terms("mail", account.plan_prices)
    assert not isinstance(office, Refusal)
    assert not isinstance(mail, Refusal)
    room = using(room, mailbox=999)
    quote = views.quote(account, mail, 5, room, LISTS, MARCH)
    assert (quote.total_cents, quote.room) == (400, 1)
    nearly_full = using(room, mailbox=10, **{"plan.office": 1})
    assert views.quote(account, office, 1, nearly_full, LISTS, MARCH).room == 2
    platinum, unlimited = opened("platinum")
    assert views.quote(platinum, mail, 1, unlimited, LISTS, MARCH).room is None


def test_a_mailbox_at_both_caps_is_refused_with_both_reasons() -> None:
    room = using(opened("reseller", TERMS)[1], mailbox=1000, **{"plan.office": 3})
    target = capacity.Target(request_id=REQUEST, quantity=1, expires_at=NOW, plan="office")
    moved = capacity.move(room, [Moved("mailbox/a@b.de", Holding(), capacity.targeted(Holding(), target))])
    assert isinstance(moved, Refusal)
    assert [found.details for found in moved.findings] == [
        {"resource": "mailbox", "allowed": 1000, "used": 1000, "reserved": 0, "requested": 1},
        {"resource": "plan.office", "allowed": 3, "used": 3, "reserved": 0, "requested": 1},
    ]
