"""How accounts, domains, mailboxes and outcomes look in a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from contracts import mailbox_v2
from contracts.backups_v1 import RestoreView
from contracts.billing_v1 import AccountView, Capacity, MasterData, UsageAnswer
from contracts.bulk_v1 import BulkView
from contracts.dnscheck_v1 import MxAttempt
from contracts.domain_v1 import DomainView, TxtRecord
from contracts.evolution import view_down
from contracts.forwarding_v1 import CatchAllView, ForwardOnlyView
from contracts.holds_v1 import RequestParked
from contracts.invoicing_v1 import Invoice, RunCounts
from contracts.mailbox_v1 import GroupView, MailboxView, TargetFeatures
from contracts.passwords_v1 import PasswordChangeRequired
from contracts.values import address_for_people
from services.cli import bills, views_holds, views_mailboxes
from services.cli.desk import Desk
from services.cli.terminal import local_time, money, sheet, size, table, tell
from services.cli.views_bulk import show_bulk
from services.cli.views_dns import show_advice, show_attempt, show_mx

if TYPE_CHECKING:
    from contracts.base import Fact


RESOURCES = {"mailbox": "mailboxes", "group": "groups"}  # what is counted, in the plural


def show_fact(desk: Desk, fact: "Fact") -> None:
    """Print the state that a fact states, whatever it is about."""
    if isinstance(fact, RequestParked):
        views_holds.show_parked(desk, fact)
        return
    parts: dict[str, Any] = dict(fact)
    if "attempt" in parts:
        _show_look(desk, parts)
        return
    if "advice" in parts:
        show_advice(desk, parts["advice"])
        return
    for part in parts.values():
        match part:
            case AccountView():
                show_account(desk, part)
            case DomainView():
                show_domain(desk, part)
            case MailboxView():
                show_mailbox(desk, part)
            case mailbox_v2.MailboxView():
                show_mailbox(desk, view_down(part))
            case GroupView():
                show_groups(desk, [part])
            case ForwardOnlyView():
                show_forward_only(desk, [part])
            case CatchAllView():
                show_catch_alls(desk, [part])
            case Invoice():
                bills.show_invoice(desk, part)
            case BulkView():
                show_bulk(desk, part)
            case RestoreView():
                desk.console.print(
                    sheet(desk, [("address", address_for_people(part.address)), ("backup", part.snapshot)])
                )
            case RunCounts():
                bills.show_counts(desk, part)
            case _:
                continue
    if isinstance(fact, PasswordChangeRequired):
        views_mailboxes.show_password_targets(desk, fact.targets)
    elif "targets" in parts:
        show_targets(desk, parts["targets"])


def _show_look(desk: Desk, parts: dict[str, Any]) -> None:
    """Print what a look at the DNS saw, and what the domain needs next; its record only where that is missing."""
    attempt, domain = parts["attempt"], parts["domain"]
    if isinstance(attempt, MxAttempt):
        show_mx(desk, attempt)
        return
    show_attempt(desk, attempt)
    desk.console.print(sheet(desk, [("state", domain.state), ("next_step", desk.text(domain.next_step))]))


def show_account(desk: Desk, account: AccountView) -> None:
    """Print an account with its caps."""
    master = account.master_data
    price = money(account.package_price_cents, desk.language)
    lines = [
        ("account", account.account),
        ("state", account.state),
        ("package", desk.sentence("package_price", package=account.package, price=price)),
        ("company", master.company),
        ("vat_id", master.vat_id),
        ("email", master.email),
        ("payment_email", master.payment_email),
        ("phone", master.phone),
        ("street", _address(master)),
        ("language", master.language),
        ("opened", local_time(account.opened_at)),
    ]
    desk.console.print(sheet(desk, lines))
    show_capacities(desk, account.capacities)


def _address(master: MasterData) -> str:
    city = " ".join(part for part in (master.postcode, master.city) if part)
    return ", ".join(part for part in (master.street, city, master.country) if part)


def show_capacities(desk: Desk, capacities: tuple[Capacity, ...]) -> None:
    """Print use against caps."""
    rows = [(resource(desk, one.resource), one.confirmed, one.reserved, limit(desk, one.cap)) for one in capacities]
    desk.console.print(table(desk, ("resource", "used", "reserved", "cap"), rows))


def show_usage(desk: Desk, usage: UsageAnswer) -> None:
    """Print use against caps, and what a month costs."""
    show_capacities(desk, usage.capacities)
    language = desk.language
    rows: list[tuple[object, ...]] = [
        (plan.plan, plan.mailboxes, money(plan.price_cents, language), money(plan.total_cents, language))
        for plan in usage.plans
    ]
    rows.append((f"{desk.word('package')} {usage.package}", "", "", money(usage.package_price_cents, language)))
    rows.append((desk.word("month"), "", "", money(usage.monthly_total_cents, language)))
    desk.console.print(table(desk, ("plan", "mailboxes", "price", "total"), rows))


def show_domain(desk: Desk, domain: DomainView) -> None:
    """Print a domain; while it is not proven, with the record to set."""
    lines = [
        ("domain", domain.domain_unicode),
        ("state", domain.state),
        ("password", yes_no(desk, domain.has_password)),
        ("features", ", ".join(domain.features)),
        ("mx", domain.mx),
        ("verified", local_time(domain.verified_at) if domain.verified_at else ""),
        ("proof", _proof(desk, domain)),
        ("transfer", _transfer(desk, domain)),
        ("next_step", desk.text(domain.next_step)),
    ]
    desk.console.print(sheet(desk, lines))
    transfer = domain.transfer
    if transfer is not None and transfer.role == "holder" and transfer.state in ("open", "overdue"):
        tell(desk, desk.sentence("answer_transfer", domain=domain.domain_unicode))
    if domain.state in ("claimed", "abandoned") or domain.proof_missing_since is not None:
        show_record(desk, domain.record)


def _proof(desk: Desk, domain: DomainView) -> str:
    if domain.proof == "pending":
        return ""
    since, until = local_time(domain.proof_missing_since), local_time(domain.proof_lapses_at)
    whose = "claimant_" if domain.state == "contested" and domain.proof == "at_risk" else ""
    return desk.sentence(f"{whose}proof_{domain.proof}", since=since, until=until)


def _transfer(desk: Desk, domain: DomainView) -> str:
    transfer = domain.transfer
    if transfer is None:
        return ""
    since, until = local_time(transfer.opened_at), local_time(transfer.answer_by)
    return desk.sentence(f"transfer_{transfer.state}", since=since, until=until)


def show_record(desk: Desk, record: TxtRecord) -> None:
    """Print the record that proves a domain, in every form that registrars ask for."""
    desk.console.print()
    desk.console.print(desk.sentence("set_record"), markup=False)
    lines = [
        ("name", record.name_in_zone),
        ("fqdn", record.name),
        ("value", record.value),
        ("ttl", record.ttl_seconds),
    ]
    desk.console.print(sheet(desk, lines))
    desk.console.print(f"{desk.word('line')}:", markup=False)
    desk.console.print(record.zone_line, markup=False, soft_wrap=True)


def show_mailbox(desk: Desk, mailbox: MailboxView) -> None:
    """Print a mailbox."""
    price = money(mailbox.price_cents, desk.language)
    lines = [
        ("address", address_for_people(mailbox.address)),
        ("person", f"{mailbox.first_name} {mailbox.last_name}"),
        ("state", mailbox.state),
        ("plan", desk.sentence("plan_price", plan=mailbox.plan, price=price, catalogue=mailbox.catalogue)),
        ("mail", size(mailbox.mail_bytes)),
        ("cloud", size(mailbox.cloud_bytes)),
        ("groupware", yes_no(desk, mailbox.groupware)),
        ("aliases", _people(mailbox.aliases)),
        ("forwardings", _people(mailbox.forwardings)),
        ("keep_copy", yes_no(desk, mailbox.keep_copy) if mailbox.forwardings else ""),
        ("features", f"{', '.join(mailbox.features.on) or '–'} ({mailbox.features.origin})"),
        ("blocked", _people(mailbox.blocked_senders)),
        ("spam", views_mailboxes.spam_in_words(desk, mailbox.spam)),
        ("password_change_by", local_time(mailbox.password_change_by) if mailbox.password_change_by else ""),
        ("created", local_time(mailbox.created_at)),
        ("deletes", local_time(mailbox.deletes_at) if mailbox.deletes_at else ""),
    ]
    desk.console.print(sheet(desk, lines))


def show_mailboxes(desk: Desk, mailboxes: list[MailboxView]) -> None:
    """Print mailboxes, one a line."""
    rows = [
        (
            address_for_people(one.address),
            f"{one.first_name} {one.last_name}",
            one.state,
            one.plan,
            size(one.mail_bytes),
            len(one.aliases),
        )
        for one in mailboxes
    ]
    headings = ("address", "person", "state", "plan", "mail", "aliases")
    desk.console.print(table(desk, headings, rows))


def show_domains(desk: Desk, domains: list[DomainView]) -> None:
    """Print domains, one a line."""
    rows = [
        (one.domain_unicode, one.state, yes_no(desk, one.has_password), one.mx, ", ".join(one.features))
        for one in domains
    ]
    desk.console.print(table(desk, ("domain", "state", "password", "mx", "features"), rows))
    if domains:
        desk.note(desk.sentence("each_next_step"))


def show_groups(desk: Desk, groups: list[GroupView]) -> None:
    """Print groups with their members."""
    desk.console.print(table(desk, ("group", "members"), [(one.name, _people(one.members)) for one in groups]))


def show_forward_only(desk: Desk, addresses: list[ForwardOnlyView]) -> None:
    """Print addresses that only forward, one a line."""
    rows = [(address_for_people(one.address), _people(one.targets) or desk.word("none")) for one in addresses]
    desk.console.print(table(desk, ("address", "forwardings"), rows))


def show_catch_alls(desk: Desk, catch_alls: list[CatchAllView]) -> None:
    """Print catch-alls, one a line."""
    rows = [
        (address_for_people(one.domain), address_for_people(one.mailbox) if one.mailbox else desk.word("none"))
        for one in catch_alls
    ]
    desk.console.print(table(desk, ("domain", "catch_all"), rows))


def show_targets(desk: Desk, targets: tuple[TargetFeatures, ...]) -> None:
    """Print how each target of a feature request fared, or which features it has."""
    rows = [(address_for_people(one.target), _features(desk, one), _origin(one)) for one in targets]
    desk.console.print(table(desk, ("target", "features", "origin"), rows))


def _people(addresses: Iterable[str]) -> str:
    return ", ".join(address_for_people(address) for address in addresses)


def _features(desk: Desk, target: TargetFeatures) -> str:
    if target.refusal is not None:
        return f"{target.refusal.code}: {desk.text(target.refusal.text)}"
    return ", ".join(target.features.on) or "–" if target.features else "–"


def _origin(target: TargetFeatures) -> str:
    return target.features.origin if target.features else ""


def resource(desk: Desk, name: str) -> str:
    """Name what an account has a cap on."""
    kind, _, plan = name.partition(".")
    return f"{desk.word('plan')} {plan}" if kind == "plan" else desk.word(RESOURCES.get(name, name))


def limit(desk: Desk, cap: int | None) -> str:
    """Write a cap."""
    return desk.word("unlimited") if cap is None else str(cap)


def yes_no(desk: Desk, truth: bool) -> str:
    """Write a truth."""
    return desk.word("yes" if truth else "no")
