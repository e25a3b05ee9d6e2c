"""What happens to a mailbox, and who may have an address. Pure: clock and rows are passed in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from contracts.billing_v1 import PlanTerms, Reservation
from contracts.mailbox_v1 import CreateMailbox, MailboxState
from contracts.refusals import Finding, Refusal, finding, refusal, refuse
from contracts.values import domain_of
from services.mailbox.flows import NOWHERE, Flows, circles, circles_through, with_mailbox
from services.mailbox.rows import Account, Domain, Mailbox, Ownership, SpamTuning
from services.mailbox.screening import DELIMITER

MAX_LIST_BYTES = 200_000  # aliases, forwardings and blocked senders: a mailbox must fit into one message (256 KiB)

Stage = MailboxState | Literal["absent"]
Verb = Literal[
    "create-mailbox", "rename-person", "set-mailbox-password", "change-plan", "add-aliases", "remove-aliases",
    "set-forwardings", "set-mailbox-features", "block-senders", "unblock-senders", "suspend-mailbox",
    "reactivate-mailbox", "schedule-deletion", "undelete-mailbox", "delete-mailbox", "vacate-domain", "tune-spam",
    "require-password-change", "erase-person",
]  # fmt: skip

# What becomes of a mailbox; a pair that is not here is refused. A suspended mailbox can still be administered, one that
# is to be deleted cannot: what it has is kept as it is until it is gone or had back.
LIFE_CYCLE: Mapping[tuple[Stage, Verb], MailboxState] = {
    ("absent", "create-mailbox"): "active",
    ("deleted", "create-mailbox"): "active",
    ("active", "rename-person"): "active",
    ("active", "set-mailbox-password"): "active",
    ("active", "change-plan"): "active",
    ("active", "add-aliases"): "active",
    ("active", "remove-aliases"): "active",
    ("active", "set-forwardings"): "active",
    ("active", "set-mailbox-features"): "active",
    ("active", "block-senders"): "active",
    ("active", "unblock-senders"): "active",
    ("active", "tune-spam"): "active",
    ("active", "require-password-change"): "active",
    ("active", "suspend-mailbox"): "suspended",
    ("active", "schedule-deletion"): "deleting",
    ("active", "delete-mailbox"): "deleted",
    ("active", "vacate-domain"): "active",  # it loses its aliases under a domain that is removed
    ("suspended", "rename-person"): "suspended",
    ("suspended", "set-mailbox-password"): "suspended",
    ("suspended", "change-plan"): "suspended",
    ("suspended", "add-aliases"): "suspended",
    ("suspended", "remove-aliases"): "suspended",
    ("suspended", "set-forwardings"): "suspended",
    ("suspended", "set-mailbox-features"): "suspended",
    ("suspended", "block-senders"): "suspended",
    ("suspended", "unblock-senders"): "suspended",
    ("suspended", "tune-spam"): "suspended",
    ("suspended", "require-password-change"): "suspended",
    ("suspended", "reactivate-mailbox"): "active",
    ("suspended", "schedule-deletion"): "deleting",
    ("suspended", "delete-mailbox"): "deleted",
    ("suspended", "vacate-domain"): "suspended",
    ("deleting", "schedule-deletion"): "deleting",
    ("deleting", "undelete-mailbox"): "active",  # or suspended, if it was: see deletion.undelete
    ("deleting", "delete-mailbox"): "deleted",
    ("deleting", "vacate-domain"): "deleting",
    ("deleted", "erase-person"): "deleted",
}


# --- may it be done at all --------------------------------------------------------------------------------------


def stand_of(account: Account | None, account_id: str, channel: str) -> Refusal | None:
    """Refuse what the account may not ask for (R3). An account not known here yet passes: billing knows it."""
    if account is None:
        return None
    if account.state != "active":
        return refuse("account_not_active", account=account_id, state=account.state)
    if channel == "console" and not account.self_service:
        return refuse("reseller_api_only")
    return None


def leaving(account: Account | None, account_id: str) -> Refusal | None:
    """Refuse what would outlive an account that is being closed."""
    if account is None or account.state not in ("closing", "closed"):
        return None
    return refuse("account_not_active", account=account_id, state=account.state)


def expired(reservation: Reservation, now: datetime) -> Refusal | None:
    """Refuse what comes after its room was given back."""
    return refuse("reservation_expired") if now > reservation.expires_at else None


def enter(mailbox: Mailbox | None, account: str, address: str, verb: Verb, now: datetime) -> Mailbox | Refusal:
    """Return the account's mailbox one revision on and in its next state. Another account's is unknown here."""
    if mailbox is None or mailbox.account != account:
        return refuse("mailbox_unknown", address=address)
    state = LIFE_CYCLE.get((mailbox.state, verb))
    if state is None:
        return refuse("mailbox_state", address=address, state=mailbox.state)
    return replace(mailbox, state=state, updated_at=now, revision=mailbox.revision + 1)


# --- creation ---------------------------------------------------------------------------------------------------


def create(
    request: CreateMailbox, terms: PlanTerms, account: str, before: Mailbox | None, now: datetime
) -> Mailbox | Refusal:
    """Make a mailbox, or make it anew where a deleted one was; whether the address is free is `not_free`'s matter."""
    state = LIFE_CYCLE.get(("absent" if before is None else before.state, "create-mailbox"))
    if state is None:
        return refuse("address_taken", address=request.address)
    return Mailbox(
        address=request.address,
        account=account,
        domain=domain_of(request.address),
        first_name=request.first_name,
        last_name=request.last_name,
        state=state,
        plan=terms.plan,
        price_cents=terms.price_cents,
        mail_bytes=terms.mail_bytes,
        cloud_bytes=terms.cloud_bytes,
        groupware=terms.groupware,
        catalogue=terms.catalogue,
        created_at=now,
        updated_at=now,
        revision=1 if before is None else before.revision + 1,
        new_password_hash=request.password_hash,
    )


def not_free(
    address: str, owner: Ownership | None, account: str, now: datetime, untagged: Ownership | None = None
) -> Finding | None:
    """Say why the account cannot have an address. Nothing is told about who has it.

    `untagged` is who has the address without its tag, see `without_tag`: whoever had that had all of its tags.
    """
    if owner is not None and owner.free_at is None:
        return finding("address_taken", address=address)
    for last in (owner, untagged):
        if last is not None and last.free_at is not None and last.account != account and now < last.free_at:
            return finding("address_quarantined", address=address, until=last.free_at.isoformat(timespec="seconds"))
    return None


def without_tag(address: str) -> str | None:
    """Return what is left of an address without its tag; None where it has none."""
    local, at, domain = address.partition("@")
    base, tag, _ = local.partition(DELIMITER)
    return f"{base}{at}{domain}" if tag else None


def closed_to(domain: Domain | None, name: str, domain_id: UUID) -> Finding | None:
    """Say that the domain was removed here, or is about to be, while the request was on its way."""
    if domain is None or domain.state == "open" or domain.domain_id != domain_id:
        return None
    return finding("domain_not_active", domain=name, state="removed" if domain.state == "closed" else domain.state)


# --- changes; the mailbox has passed `enter` --------------------------------------------------------------------


def rename(mailbox: Mailbox, first_name: str, last_name: str) -> Mailbox:
    """Change the person's name; the address stays."""
    return replace(mailbox, first_name=first_name, last_name=last_name)


def set_password(mailbox: Mailbox, password_hash: str) -> Mailbox:
    """Replace the password's hash (R25); who had to change it has done so."""
    return replace(
        mailbox, new_password_hash=password_hash, password_set_at=mailbox.updated_at, password_change_by=None
    )


def change_plan(mailbox: Mailbox, terms: PlanTerms, groups: Iterable[str]) -> Mailbox | Refusal:
    """Put the mailbox on a plan. `groups` are those it is a member of: they need groupware (R24)."""
    if terms.plan == mailbox.plan:
        return refuse("plan_unchanged", address=mailbox.address, plan=terms.plan)
    if not terms.groupware:
        in_the_way = [
            finding("plan_needed_by_group", address=mailbox.address, group=group, plan=terms.plan) for group in groups
        ]
        if in_the_way:
            return refusal(*in_the_way)
    return replace(
        mailbox,
        plan=terms.plan,
        price_cents=terms.price_cents,
        mail_bytes=terms.mail_bytes,
        cloud_bytes=terms.cloud_bytes,
        groupware=terms.groupware,
        catalogue=terms.catalogue,
    )


def add_aliases(
    mailbox: Mailbox, aliases: Iterable[str], obstacles: Iterable[Finding], known: Flows = NOWHERE
) -> Mailbox | Refusal:
    """Give the mailbox more addresses, all or none; `obstacles` are why some of the new ones cannot be had.

    Circles are looked for through those that can: of the others is not known whose they would be.
    """
    findings = list(obstacles)
    not_free = {found.details.get("address") for found in findings}
    added = [alias for alias in new_aliases(mailbox, aliases) if alias not in not_free]
    changed = replace(mailbox, aliases=(*mailbox.aliases, *added))
    findings += circles_through(with_mailbox(known, mailbox, changed), mailbox.address, set(added).__contains__)
    return refusal(*findings) if findings else _fitting(changed)


def new_aliases(mailbox: Mailbox, aliases: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses that are no aliases of the mailbox yet, each once."""
    return tuple(alias for alias in dict.fromkeys(aliases) if alias not in mailbox.aliases)


def remove_aliases(mailbox: Mailbox, aliases: Iterable[str]) -> Mailbox | Refusal:
    """Take addresses away, all or none."""
    named = dict.fromkeys(aliases)
    unknown = [
        finding("alias_unknown", address=mailbox.address, alias=alias)
        for alias in named
        if alias not in mailbox.aliases
    ]
    if unknown:
        return refusal(*unknown)
    return replace(mailbox, aliases=tuple(alias for alias in mailbox.aliases if alias not in named))


def set_forwardings(
    mailbox: Mailbox, targets: Iterable[str], keep_copy: bool, known: Flows = NOWHERE
) -> Mailbox | Refusal:
    """Replace the forwardings (R23). Without any the copy is kept, or the mail would be lost."""
    forwardings = tuple(dict.fromkeys(targets))
    changed = replace(mailbox, forwardings=forwardings, keep_copy=keep_copy or not forwardings)
    findings = circles(with_mailbox(known, mailbox, changed), mailbox.address, forwardings)
    return refusal(*findings) if findings else _fitting(changed)


def block_senders(mailbox: Mailbox, senders: Iterable[str]) -> Mailbox | Refusal:
    """Put senders on the mailbox's list (R32)."""
    return _fitting(replace(mailbox, blocked_senders=tuple(sorted({*mailbox.blocked_senders, *senders}))))


def tune_spam(mailbox: Mailbox, tuning: SpamTuning | None) -> Mailbox | Refusal:
    """Replace how the mailbox treats spam (R32); None for the mail server's ways."""
    return _fitting(replace(mailbox, spam=tuning))


def unblock_senders(mailbox: Mailbox, senders: Iterable[str]) -> Mailbox:
    """Take senders off the list; who is not on it is no error."""
    gone = set(senders)
    return replace(mailbox, blocked_senders=tuple(s for s in mailbox.blocked_senders if s not in gone))


# --- helpers ----------------------------------------------------------------------------------------------------


def _fitting(mailbox: Mailbox) -> Mailbox | Refusal:
    allowed = mailbox.spam.allowed_senders if mailbox.spam else ()
    too_long = unfit(mailbox.address, (*mailbox.aliases, *mailbox.forwardings, *mailbox.blocked_senders, *allowed))
    return refusal(too_long) if too_long else mailbox


def unfit(address: str, lists: Sequence[str]) -> Finding | None:
    """Say that no event could carry these lists. Two quotes and a comma go with each entry."""
    size = sum(map(len, lists)) + 3 * len(lists)
    if size > MAX_LIST_BYTES:
        return finding("lists_too_long", address=address, bytes=size, limit=MAX_LIST_BYTES)
    return None
