"""The public state of the aggregates, as events and answers carry it. It holds no password and no hash."""

from contracts.forwarding_v1 import CatchAllView, ForwardOnlyView
from contracts.mailbox_v1 import GroupView, MailboxView, TargetFeatures
from services.mailbox import features
from services.mailbox.rows import CatchAlls, Domain, ForwardOnly, Group, Mailbox


def of_mailbox(mailbox: Mailbox, domain: Domain) -> MailboxView:
    """Return a mailbox with the features that are on for it."""
    return MailboxView(
        account=mailbox.account,
        address=mailbox.address,
        domain=mailbox.domain,
        first_name=mailbox.first_name,
        last_name=mailbox.last_name,
        state=mailbox.state,
        plan=mailbox.plan,
        price_cents=mailbox.price_cents,
        mail_bytes=mailbox.mail_bytes,
        cloud_bytes=mailbox.cloud_bytes,
        groupware=mailbox.groupware,
        catalogue=mailbox.catalogue,
        aliases=mailbox.aliases,
        forwardings=mailbox.forwardings,
        keep_copy=mailbox.keep_copy,
        features=features.of_mailbox(mailbox, domain),
        blocked_senders=mailbox.blocked_senders,
        created_at=mailbox.created_at,
        deletes_at=mailbox.deletes_at,
        deleted_at=mailbox.deleted_at,
        revision=mailbox.revision,
    )


def of_domain(name: str, domain: Domain | None) -> TargetFeatures:
    """Return a domain's features, and how many mailboxes follow them."""
    following = features.following(domain) if domain else 0
    return TargetFeatures(target=name, features=features.of_domain(domain), mailboxes=following)


def of_group(account: str, group: Group) -> GroupView:
    """Return a group."""
    return GroupView(account=account, name=group.name, members=group.members, revision=group.revision)


def of_forward_only(forward_only: ForwardOnly) -> ForwardOnlyView:
    """Return an address that only forwards."""
    return ForwardOnlyView(
        account=forward_only.account,
        address=forward_only.address,
        domain=forward_only.domain,
        targets=forward_only.targets,
        created_at=forward_only.created_at,
        deleted_at=forward_only.deleted_at,
        revision=forward_only.revision,
    )


def of_catch_all(catch_alls: CatchAlls, domain: str) -> CatchAllView:
    """Return a domain's catch-all after the latest change of the account's."""
    mailbox = catch_alls.by_domain.get(domain)
    return CatchAllView(account=catch_alls.account, domain=domain, mailbox=mailbox, revision=catch_alls.revision)
