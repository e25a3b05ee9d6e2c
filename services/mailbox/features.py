"""Which features are on and whose setting that is (R30, R31), and what stands under a domain. Pure.

A domain-wide set begins an epoch from which on own settings count, so that those made before do not: all mailboxes of
a domain follow it again at once, whatever their number, and an undo lets them count again as cheaply. What was set for
a mailbox since then is the later word, and neither the undo nor its undo touches it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from uuid import UUID

from contracts.mailbox_v1 import FeatureOrigin, FeatureState, OwnFeatures
from contracts.refusals import Refusal, refuse
from contracts.values import Feature, domain_of
from services.mailbox.rows import Domain, FormerSet, Mailbox, Tally

# --- features ---------------------------------------------------------------------------------------------------


def of_mailbox(mailbox: Mailbox, domain: Domain) -> FeatureState:
    """Return what is on for a mailbox: its own setting if that counts, else the domain's."""
    own = None if mailbox.own_features is None else (mailbox.own_features, mailbox.own_epoch)
    if own is not None and mailbox.own_epoch >= domain.counts_from:
        return _state(own[0], "mailbox", own)
    return _state(*_of_domain(domain), own)


def of_domain(domain: Domain | None) -> FeatureState:
    """Return what is on for a domain; all off if nobody has ever set it (R30)."""
    return _state(*_of_domain(domain))


def set_for_mailbox(mailbox: Mailbox, domain: Domain, features: tuple[Feature, ...] | None) -> Mailbox:
    """Set a mailbox's own features: what is named is on, all else off. None follows the domain again."""
    return replace(mailbox, own_features=features, own_epoch=domain.epoch)


def set_for_domain(domain: Domain, features: tuple[Feature, ...], *, keep_mailbox_settings: bool) -> Domain:
    """Set a domain's features; unless told otherwise, all its mailboxes follow it from now on."""
    former = FormerSet(domain.features, domain.counts_from)
    changed = replace(domain, features=features, former=former, revision=domain.revision + 1)
    if keep_mailbox_settings:
        return _retallied(changed, lambda tally: replace(tally, toggled_settings=0))
    epoch = domain.epoch + 1
    begun = replace(changed, epoch=epoch, counts_from=epoch)
    return _retallied(begun, lambda tally: replace(tally, own_settings=0, toggled_settings=tally.own_settings))


def undo_for_domain(domain: Domain) -> Domain | Refusal:
    """Put back what the domain's latest change replaced, and with it the own settings that it put an end to."""
    if domain.former is None:
        return refuse("nothing_to_undo", target=domain.domain)
    now, former = FormerSet(domain.features, domain.counts_from), domain.former
    sign = 1 if former.counts_from < now.counts_from else -1
    back = replace(
        domain, features=former.features, counts_from=former.counts_from, former=now, revision=domain.revision + 1
    )
    return _retallied(
        back, lambda tally: replace(tally, own_settings=tally.own_settings + sign * tally.toggled_settings)
    )


def undo_for_mailbox(mailbox: Mailbox, domain: Domain, latest: FeatureState | None) -> Mailbox | Refusal:
    """Put a mailbox's own setting back; `latest` is what its latest change replaced.

    Where a domain-wide set has put an end to it, that was the latest change, and the setting counts again.
    """
    if mailbox.own_features is not None and mailbox.own_epoch < domain.counts_from:
        return set_for_mailbox(mailbox, domain, mailbox.own_features)
    if latest is None:
        return refuse("nothing_to_undo", target=mailbox.address)
    return set_for_mailbox(mailbox, domain, latest.on if latest.origin == "mailbox" else None)


def following(domain: Domain) -> int:
    """Return how many mailboxes follow the domain's features."""
    return domain.tally.mailboxes - domain.tally.own_settings


def _retallied(domain: Domain, change: Callable[[Tally], Tally]) -> Domain:
    return replace(domain, tally=change(domain.tally), stored=change(domain.stored))


def _of_domain(domain: Domain | None) -> tuple[tuple[Feature, ...], FeatureOrigin]:
    return ((), "default") if domain is None or domain.features is None else (domain.features, "domain")


@lru_cache(maxsize=256)
def _state(
    on: tuple[Feature, ...], origin: FeatureOrigin, own: tuple[tuple[Feature, ...], int] | None = None
) -> FeatureState:
    return FeatureState(on=on, origin=origin, own=own and OwnFeatures(on=own[0], epoch=own[1]))


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
    # Own settings of mailboxes that go in the same batch are still stored.
    return Domain(
        account,
        name,
        domain_id,
        epoch=domain.epoch,
        counts_from=domain.counts_from,
        revision=domain.revision + 1,
        stored=replace(domain.stored, toggled_settings=0),
    )


def closed(domain: Domain | None, account: str, name: str, domain_id: UUID) -> Domain | Tally:
    """Close a domain, so that what is still on its way under this id is refused; or say what stands under it."""
    if domain is None:
        return Domain(account, name, domain_id, "closed")
    if domain.tally.mailboxes or domain.tally.aliases:
        return domain.tally
    return replace(domain, state="closed", domain_id=domain_id, revision=domain.revision + 1)


def emptied(domain: Domain) -> Domain:
    """Let nothing more stand under a domain: its removal with everything under it has begun."""
    return replace(domain, state="removing", revision=domain.revision + 1)


def reopened(domain: Domain) -> Domain:
    """Let things stand under a domain again: its removal was taken back."""
    return replace(domain, state="open", revision=domain.revision + 1)


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
    mailboxes, aliases = domain.tally.mailboxes, domain.tally.aliases
    own_settings, toggled = domain.tally.own_settings, domain.tally.toggled_settings
    for sign, mailbox in ((-1, before), (1, after)):
        for name, boxes, more, own_epoch in shares(mailbox):
            if name == domain.domain:
                mailboxes += sign * boxes
                aliases += sign * more
                own_settings += sign * (own_epoch is not None and own_epoch >= domain.counts_from)
                toggled += sign * (own_epoch in domain.toggled_epochs)
    tally = Tally(mailboxes, aliases, own_settings, toggled)
    return domain if tally == domain.tally else replace(domain, tally=tally)
