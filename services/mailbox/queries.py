"""The answers to questions about mailboxes, features and groups. Nothing is written."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from contracts.features_v1 import AskFeatureHistory, FeatureHistoryAnswer
from contracts.forwarding_v1 import AskCatchAlls, AskForwardOnly, CatchAllsAnswer, ForwardOnlyAnswer
from contracts.mailbox_v1 import (
    AskFeatures,
    AskGroups,
    AskMailbox,
    AskMailboxes,
    FeaturesAnswer,
    GroupsAnswer,
    MailboxAnswer,
    MailboxesAnswer,
    MailboxView,
    TargetFeatures,
)
from contracts.refusals import refuse
from contracts.values import domain_of
from services.chassis.book import Conn
from services.mailbox import reads, views
from services.mailbox.handlers import service
from services.mailbox.rows import Domain, Mailbox
from services.mailbox.store_history import changes_before

V = TypeVar("V", bound=BaseModel)

MAX_PAGE_BYTES = 512_000  # the broker's limit is 1 MB; a page that gets too large ends early


@service.query(AskMailbox)
async def answer_mailbox(conn: Conn, account: str, ask: AskMailbox) -> MailboxAnswer:
    """Return one mailbox, a deleted one too."""
    found = await _with_domains(
        conn, account, list((await reads.mailboxes_named(conn, account, [ask.address])).values())
    )
    return MailboxAnswer(mailbox=found[0] if found else None)


@service.query(AskMailboxes)
async def answer_mailboxes(conn: Conn, account: str, ask: AskMailboxes) -> MailboxesAnswer:
    """Return a page of the account's mailboxes, without the deleted."""
    found = await reads.mailboxes_after(conn, account, ask.domain, ask.after, ask.limit + 1)
    page = _page(await _with_domains(conn, account, found), ask.limit)
    return MailboxesAnswer(mailboxes=page, next=page[-1].address if len(page) < len(found) else None)


@service.query(AskFeatures)
async def answer_features(conn: Conn, account: str, ask: AskFeatures) -> FeaturesAnswer:
    """Return what is on for each target, and whose setting that is (R31)."""
    mailboxes = await reads.mailboxes_named(conn, account, ask.addresses)
    names = {*ask.domains, *(mailbox.domain for mailbox in mailboxes.values())}
    domains = await reads.domains_named(conn, account, sorted(names))
    of_domains = (_domain_target(name, domains.get(name)) for name in ask.domains)
    of_mailboxes = (_mailbox_target(address, mailboxes.get(address), domains) for address in ask.addresses)
    return FeaturesAnswer(targets=(*of_domains, *of_mailboxes))


@service.query(AskFeatureHistory)
async def answer_feature_history(conn: Conn, account: str, ask: AskFeatureHistory) -> FeatureHistoryAnswer:
    """Return a page of a target's changes; a mailbox's with those of its domain, because it may follow it."""
    targets = [ask.target, domain_of(ask.target)] if "@" in ask.target else [ask.target]
    found = await changes_before(conn, account, targets, ask.before, ask.limit + 1)
    page = found[: ask.limit]
    return FeatureHistoryAnswer(changes=tuple(page), next=page[-1].number if len(page) < len(found) else None)


@service.query(AskGroups)
async def answer_groups(conn: Conn, account: str, ask: AskGroups) -> GroupsAnswer:
    """Return a page of the account's groups."""
    found = await reads.groups_after(conn, account, ask.after, ask.limit + 1)
    page = _page([views.of_group(account, group) for group in found], ask.limit)
    return GroupsAnswer(groups=page, next=page[-1].name if len(page) < len(found) else None)


@service.query(AskForwardOnly)
async def answer_forward_only(conn: Conn, account: str, ask: AskForwardOnly) -> ForwardOnlyAnswer:
    """Return a page of the account's addresses that only forward."""
    found = await reads.forward_only_after(conn, account, ask.after, ask.limit + 1)
    page = _page([views.of_forward_only(each) for each in found], ask.limit)
    return ForwardOnlyAnswer(addresses=page, next=page[-1].address if len(page) < len(found) else None)


@service.query(AskCatchAlls)
async def answer_catch_alls(conn: Conn, account: str, ask: AskCatchAlls) -> CatchAllsAnswer:
    """Return a page of the account's catch-alls."""
    found = await reads.catch_alls_after(conn, account, ask.after, ask.limit + 1)
    page = _page(found, ask.limit)
    return CatchAllsAnswer(catch_alls=page, next=page[-1].domain if len(page) < len(found) else None)


def _domain_target(name: str, domain: Domain | None) -> TargetFeatures:
    """A domain without a row is one that nothing was made or set under: it follows the default."""
    if domain is not None and domain.state == "closed":
        return TargetFeatures(target=name, refusal=refuse("domain_unknown", domain=name))
    return views.of_domain(name, domain)


def _mailbox_target(address: str, mailbox: Mailbox | None, domains: dict[str, Domain]) -> TargetFeatures:
    if mailbox is None or mailbox.state == "deleted":
        return TargetFeatures(target=address, refusal=refuse("mailbox_unknown", address=address))
    return views.of_target(mailbox, domains[domain_of(address)])


async def _with_domains(conn: Conn, account: str, mailboxes: Sequence[Mailbox]) -> list[MailboxView]:
    domains = await reads.domains_named(conn, account, sorted({mailbox.domain for mailbox in mailboxes}))
    return [views.of_mailbox(mailbox, domains[mailbox.domain]) for mailbox in mailboxes]


def _page(found: Sequence[V], limit: int) -> tuple[V, ...]:
    """Return the first of what was found, up to the limit and to what a message holds, but at least one."""
    page: list[V] = []
    size = 0
    for view in found[:limit]:
        size += len(view.__pydantic_serializer__.to_json(view))
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(view)
    return tuple(page)
