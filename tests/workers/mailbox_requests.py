"""Requests of any kind about a few addresses of two accounts, built at the moment that they are sent."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from mailbox_model import (
    ACCOUNTS,
    ADDRESSES,
    ALIASES,
    BERLIN,
    DOMAINS,
    GROUPS,
    HASH,
    TERMS,
    Model,
    reservation,
)
from pydantic import BaseModel

from contracts import billing_v1 as billing
from contracts import domain_v1 as domain
from contracts import features_v1 as features
from contracts import forwarding_v1 as forwarding
from contracts import mailbox_v1 as mailbox
from contracts.values import domain_of

Build = Callable[[Model, datetime], tuple[str, BaseModel]]


def any_request(dice: Random, account: str | None = None) -> Build:
    """Return a request of any kind; most are one account's, or nearly all would be about foreign mailboxes."""
    account = account or dice.choice((ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[1]))
    address, name, group = dice.choice(ADDRESSES), dice.choice(DOMAINS), dice.choice(GROUPS)
    several = tuple(dice.choices(ADDRESSES, k=dice.randint(1, 3)))
    aliases = tuple(dice.choices(ALIASES, k=dice.randint(1, 2)))
    targets = tuple(dice.choices(ADDRESSES + ALIASES, k=dice.randint(0, 2)))
    on, plan = dice.choice(((), ("backup",), ("backup", "blacklist"))), dice.choice(("mail", "office", "office"))
    plain: tuple[BaseModel, ...] = (
        mailbox.RemoveAliases(address=address, aliases=aliases[:1]),
        mailbox.DeleteMailbox(address=address, immediately=True),
        mailbox.DeleteMailbox(address=address),
        mailbox.UndeleteMailbox(address=address),
        mailbox.SuspendMailbox(address=address),
        mailbox.ReactivateMailbox(address=address),
        mailbox.SetMailboxFeatures(addresses=several, features=dice.choice((None, on, on, on))),
        mailbox.SetMailboxFeatures(addresses=(address,), features=on),
        features.UndoMailboxFeatures(addresses=(address,)),
        mailbox.SetGroupMembers(name=group, members=several),
        mailbox.DeleteGroup(name=group),
        forwarding.RemoveCatchAll(domain=name),
        forwarding.DeleteForwardOnly(address=aliases[0]),
    )
    kinds = (
        *(as_it_is(account, request) for request in plain),
        delete_on_a_day(account, address, days=dice.randint(1, 40)),
        *[create(account, address, plan)] * 3,
        *[add_aliases(account, address, aliases)] * 2,
        *[set_forwardings(account, address, targets)] * 2,
        *[set_forward_only(account, dice.choice((aliases[0], address)), targets or several)] * 2,
        set_catch_all(account, name, address),
        change_plan(account, address, plan),
        set_domain_features(account, name, on, keep=dice.random() < 0.5),
        undo_domain_features(account, name),
        remove_domain(account, name),
        create_group(account, group, several[:1]),
    )
    return dice.choice(kinds)


def any_feature_request(dice: Random) -> Build:
    """Return a request about features of one account's mailboxes, or one that makes or ends what has them."""
    account, address, name = ACCOUNTS[0], dice.choice(ADDRESSES), DOMAINS[0]
    on: Any = dice.choice(((), ("backup",), ("blacklist",), ("backup", "blacklist")))
    kinds = (
        *[as_it_is(account, mailbox.SetMailboxFeatures(addresses=(address,), features=dice.choice((None, on, on))))]
        * 3,
        *[as_it_is(account, features.UndoMailboxFeatures(addresses=(address,)))] * 2,
        *[set_domain_features(account, name, on, keep=dice.random() < 0.3)] * 3,
        *[undo_domain_features(account, name)] * 4,
        *[create(account, address, "mail")] * 2,
        as_it_is(account, mailbox.DeleteMailbox(address=address, immediately=True)),
        remove_domain(account, name),
    )
    return dice.choice(kinds)


def as_it_is(account: str, request: BaseModel) -> Build:
    return lambda model, now: (account, request)


def delete_on_a_day(account: str, address: str, days: int) -> Build:
    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        on = now.astimezone(BERLIN).date() + timedelta(days=days)
        return account, mailbox.DeleteMailbox(address=address, on=on)

    return build


def create(account: str, address: str, plan: str) -> Build:
    request = mailbox.CreateMailbox(address=address, first_name="A", last_name="B", plan=plan, password_hash=HASH)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        id_ = model.id_of(account, domain_of(address))
        order = billing.ReservedMailbox(request=request, domain_id=id_, terms=TERMS[plan], reservation=reservation(now))
        return account, order

    return build


def add_aliases(account: str, address: str, aliases: tuple[str, ...]) -> Build:
    request = mailbox.AddAliases(address=address, aliases=aliases)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        ids = {name: model.id_of(account, name) for name in DOMAINS}
        return account, billing.ReservedAliases(request=request, domain_ids=ids, reservation=reservation(now))

    return build


def set_forwardings(account: str, address: str, targets: tuple[str, ...]) -> Build:
    request = mailbox.SetForwardings(address=address, targets=targets, keep_copy=False)
    return lambda model, now: (
        account, billing.ReservedForwardings(request=request, reservation=reservation(now))
    )  # fmt: skip


def set_forward_only(account: str, address: str, targets: tuple[str, ...]) -> Build:
    request = forwarding.SetForwardOnly(address=address, targets=targets)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        id_ = model.id_of(account, domain_of(address))
        return account, forwarding.ReservedForwardOnly(request=request, domain_id=id_, reservation=reservation(now))

    return build


def set_catch_all(account: str, name: str, address: str) -> Build:
    request = forwarding.SetCatchAll(domain=name, mailbox=address)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        id_ = model.id_of(account, name)
        return account, forwarding.ReservedCatchAll(request=request, domain_id=id_, reservation=reservation(now))

    return build


def change_plan(account: str, address: str, plan: str) -> Build:
    request = mailbox.ChangePlan(address=address, plan=plan)
    return lambda model, now: (
        account, billing.PricedPlanChange(request=request, terms=TERMS[plan], reservation=reservation(now))
    )  # fmt: skip


def set_domain_features(account: str, name: str, on: tuple[Any, ...], keep: bool) -> Build:
    request = domain.SetDomainFeatures(domains=(name,), features=on, keep_mailbox_settings=keep)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        target = domain.DomainTarget(domain=name, domain_id=model.id_of(account, name))
        return account, domain.AdmittedDomainFeatures(request=request, admitted=(target,), refused=())

    return build


def undo_domain_features(account: str, name: str) -> Build:
    request = features.UndoDomainFeatures(domains=(name,))

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        target = domain.DomainTarget(domain=name, domain_id=model.id_of(account, name))
        return account, features.AdmittedFeatureUndo(request=request, admitted=(target,), refused=())

    return build


def remove_domain(account: str, name: str) -> Build:
    request = domain.RemoveDomain(domain=name)
    return lambda model, now: (
        account, domain.DomainRemoval(request=request, domain_id=model.id_of(account, name))
    )  # fmt: skip


def create_group(account: str, name: str, members: tuple[str, ...]) -> Build:
    request = mailbox.CreateGroup(name=name, members=members)
    return lambda model, now: (account, billing.ReservedGroup(request=request, reservation=reservation(now)))
