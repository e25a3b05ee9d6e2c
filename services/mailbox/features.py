"""Which features are on and whose setting that is (R30, R31), and what stands under a domain. Pure.

A domain-wide set raises the domain's epoch, and own settings count in the epoch they were made in only: so all
mailboxes of a domain follow it again at once, whatever their number.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from uuid import UUID

from contracts.mailbox_v1 import FeatureOrigin, FeatureState
from contracts.values import Feature, domain_of
from services.mailbox.rows import Domain, Mailbox, Tally

# --- features ---------------------------------------------------------------------------------------------------


def of_mailbox(mailbox: Mailbox, domain: Domain) -> FeatureState:
    """Return what is on for a mailbox: its own setting if that is of the domain's epoch, else the domain's."""
    if mailbox.own_features is not None and mailbox.own_epoch == domain.epoch:
        return _state(mailbox.own_features, "mailbox")
    return of_domain(domain)


def of_domain(domain: Domain | None) -> FeatureState:
    """Return what is on for a domain; all off if nobody has ever set it (R30)."""
    if domain is None or domain.features is None:
        return _state((), "default")
    return _state(domain.features, "domain")


def set_for_mailbox(mailbox: Mailbox, domain: Domain, features: tuple[Feature, ...] | None) -> Mailbox:
    """Set a mailbox's own features: what is named is on, all else off. None follows the domain again."""
    return replace(mailbox, own_features=features, own_epoch=domain.epoch)


def set_for_domain(domain: Domain, features: tuple[Feature, ...], *, keep_mailbox_settings: bool) -> Domain:
    """Set a domain's features; unless told otherwise, all its mailboxes follow it from now on."""
    changed = replace(domain, features=features, revision=domain.revision + 1)
    if keep_mailbox_settings:
        return changed
    return replace(changed, epoch=domain.epoch + 1, tally=replace(domain.tally, own_settings=0))


def following(domain: Domain) -> int:
    """Return how many mailboxes follow the domain's features."""
    return domain.tally.mailboxes - domain.tally.own_settings


@lru_cache(maxsize=64)
def _state(on: tuple[Feature, ...], origin: FeatureOrigin) -> FeatureState:
    return FeatureState(on=on, origin=origin)


# --- domains ----------------------------------------------------------------------------------------------------


def opened(domain: Domain | None, account: str, name: str, domain_id: UUID) -> Domain:
    """Return the domain as open under this id: as it is, new, or claimed anew after its removal, then all off.

    One that was given up before it was active is still open here: nothing stands under it.
    """
    if domain is None:
        return Domain(account, name, domain_id)
    if domain.domain_id == domain_id:
        return domain
    if domain.tally.mailboxes or domain.tally.aliases:
        return replace(domain, domain_id=domain_id, revision=domain.revision + 1)
    return Domain(account, name, domain_id, epoch=domain.epoch, revision=domain.revision + 1)


def closed(domain: Domain | None, account: str, name: str, domain_id: UUID) -> Domain | Tally:
    """Close a domain, so that what is still on its way under this id is refused; or say what stands under it."""
    if domain is None:
        return Domain(account, name, domain_id, "closed")
    if domain.tally.mailboxes or domain.tally.aliases:
        return domain.tally
    return replace(domain, state="closed", domain_id=domain_id, revision=domain.revision + 1)


# --- what stands under a domain ---------------------------------------------------------------------------------

Share = tuple[str, int, int, int | None]  # domain, mailboxes, aliases, the epoch of own features if there are any


def shares(mailbox: Mailbox | None) -> Iterator[Share]:
    """Yield what a mailbox adds to the tallies of its account's domains. A deleted one adds nothing."""
    if mailbox is None or mailbox.state == "deleted":
        return
    yield mailbox.domain, 1, 0, None if mailbox.own_features is None else mailbox.own_epoch
    for alias in mailbox.aliases:
        yield domain_of(alias), 0, 1, None


def recounted(domain: Domain, before: Mailbox | None, after: Mailbox | None) -> Domain:
    """Return the domain with its tally following one mailbox's change."""
    mailboxes, aliases, own_settings = domain.tally.mailboxes, domain.tally.aliases, domain.tally.own_settings
    for sign, mailbox in ((-1, before), (1, after)):
        for name, boxes, more, own_epoch in shares(mailbox):
            if name == domain.domain:
                mailboxes += sign * boxes
                aliases += sign * more
                own_settings += sign * (own_epoch == domain.epoch)
    tally = Tally(mailboxes, aliases, own_settings)
    return domain if tally == domain.tally else replace(domain, tally=tally)
