"""The public state of the aggregates, as events and answers carry it. It holds no password and no hash."""

from contracts.forwarding_v1 import CatchAllView, ForwardOnlyView
from contracts.mailbox_v1 import GroupView, MailboxView, TargetFeatures
from contracts.spam_v1 import SpamView
from services.mailbox import features, passwords
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
        spam=_spam(mailbox, domain),
        password_set_at=mailbox.password_set_at or mailbox.created_at,
        password_change_by=passwords.change_by(mailbox, domain),
        revision=mailbox.revision,
    )


def _spam(mailbox: Mailbox, domain: Domain) -> SpamView | None:
    """Return how a mailbox treats spam; it is kept while the feature is off."""
    if mailbox.spam is None:
        return None
    return SpamView(
        active="spam_and_virus_protection" in features.of_mailbox(mailbox, domain).on,
        junk_tenths=mailbox.spam.junk_tenths,
        reject_tenths=mailbox.spam.reject_tenths,
        to_junk=mailbox.spam.to_junk,
        allowed_senders=mailbox.spam.allowed_senders,
    )


def of_domain(name: str, domain: Domain | None) -> TargetFeatures:
    """Return a domain's features, and how many mailboxes follow them."""
    following = features.following(domain) if domain else 0
    return TargetFeatures(
        target=name,
        features=features.of_domain(domain),
        mailboxes=following,
        revision=domain.revision if domain else None,
        counts_from=domain.counts_from if domain else None,
    )


def of_target(mailbox: Mailbox, domain: Domain) -> TargetFeatures:
    """Return a mailbox's features."""
    state = features.of_mailbox(mailbox, domain)
    return TargetFeatures(target=mailbox.address, features=state, revision=mailbox.revision)


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
