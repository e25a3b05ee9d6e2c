"""`postkontor domain`: claim, prove, use and give up domains."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from services.cli.desk import desk_of
from services.cli.mailboxes import FeatureList, chosen_features
from services.cli.running import REFUSED, USAGE, inquire, inquire_if_answered, not_found, order, pages, print_all
from services.cli.terminal import confirm, typed_password

if TYPE_CHECKING:
    from contracts.domain_v1 import DomainView

domain_app = typer.Typer(help="Domains: claim, prove by DNS, use, give up.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The domain, such as nordwind-segel.de or bücher.de.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Hash = Annotated[
    str | None, typer.Option("--password-hash", help="A finished {ARGON2ID}, {BLF-CRYPT} or {SHA512-CRYPT}.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
WithMailboxes = Annotated[
    bool, typer.Option("--with-mailboxes", help="Given up, the domain takes what stands under it along, after a grace.")
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Watch the DNS checks until the domain is proven, however long that takes.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(domain_app, name="domain")


@domain_app.command("add")
def add(
    ctx: typer.Context,
    name: Name,
    wait: Wait = False,
    ask_password: Annotated[bool, typer.Option("--ask-password", help="Prompt for the domain password.")] = False,
    password_stdin: Stdin = False,
    password_hash: Hash = None,
) -> None:
    """Claim a domain and print the TXT record that proves it. The domain password may come along or later."""
    from contracts.domain_v1 import ClaimDomain
    from services.cli.watching import watch

    desk = desk_of(ctx)
    if wait and not desk.wait:
        desk.fail(USAGE, "usage", desk.sentence("wait_choice"))
    hashed = password_hash
    if ask_password or password_stdin:
        hashed = typed_password(desk, from_stdin=password_stdin, given_hash=password_hash)
    outcome = order(ctx, lambda: ClaimDomain(domain=name, password_hash=hashed))
    if wait and outcome is not None:
        watch(desk, name)


@domain_app.command("show")
def show(ctx: typer.Context, name: Name, wait: Wait = False) -> None:
    """Show a domain, its record, and what the last check saw."""
    from services.cli import views, views_dns
    from services.cli.watching import watch

    desk, domain = desk_of(ctx), _known(ctx, name)
    if wait:
        if not desk.json:
            views.show_domain(desk, domain)
        watch(desk, name)
    elif desk.json:
        desk.print_json(domain.model_dump_json())
    else:
        views.show_domain(desk, domain)
        if domain.last_attempt is not None and (domain.verified_at is None or domain.proof_missing_since is not None):
            desk.console.print()
            views_dns.show_attempt(desk, domain.last_attempt)
        if domain.state == "active":
            _show_summary(ctx, name)


@domain_app.command("list")
def list_domains(ctx: typer.Context) -> None:
    """List the account's domains."""
    from contracts.domain_v1 import AskDomains
    from services.cli import views

    desk, domains = desk_of(ctx), pages(ctx, lambda after: AskDomains(after=after, limit=1000), "domains")
    if desk.json:
        print_all(desk, domains)
    else:
        views.show_domains(desk, domains)


@domain_app.command("validate")
def validate(ctx: typer.Context, name: Name) -> None:
    """Look for the TXT record now. Exits with 3 as long as the domain is not verified.

    A domain that was verified before stays so when the record is gone: the output says what was found.
    """
    from contracts.domain_v1 import ValidateDomain

    outcome = order(ctx, lambda: ValidateDomain(domain=name))
    if outcome is not None and outcome.fact is not None and not outcome.fact.verified:
        raise typer.Exit(REFUSED)


@domain_app.command("mx")
def check_mx(ctx: typer.Context, name: Name) -> None:
    """Look at the MX records now and say what to set. Exits with 3 when they are not right."""
    from contracts.domain_v1 import CheckMx

    outcome = order(ctx, lambda: CheckMx(domain=name))
    if outcome is not None and outcome.fact is not None and outcome.fact.attempt.state != "ok":
        raise typer.Exit(REFUSED)


@domain_app.command("advice")
def check_mail_records(ctx: typer.Context, name: Name) -> None:
    """Look at SPF, DKIM, DMARC and the like now."""
    from contracts.domain_v1 import CheckMailRecords

    order(ctx, lambda: CheckMailRecords(domain=name))


@domain_app.command("password")
def password(ctx: typer.Context, name: Name, password_stdin: Stdin = False, password_hash: Hash = None) -> None:
    """Set the administrative password. A verified domain becomes active by it."""
    from contracts.domain_v1 import SetDomainPassword

    hashed = typed_password(desk_of(ctx), from_stdin=password_stdin, given_hash=password_hash)
    order(ctx, lambda: SetDomainPassword(domain=name, password_hash=hashed))


@domain_app.command("features")
def features(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(help="One or several domains.")],
    on: FeatureList = None,
    none: Annotated[bool, typer.Option("--none", help="Switch everything off.")] = False,
    keep_mailbox_settings: Annotated[
        bool, typer.Option("--keep-mailbox-settings", help="Mailboxes with features of their own keep them.")
    ] = False,
) -> None:
    """Set the features of whole domains. What is named is on, all else off."""
    from contracts.domain_v1 import SetDomainFeatures

    chosen: Any = chosen_features(desk_of(ctx), on, none=none, inherit=False)
    order(
        ctx,
        lambda: SetDomainFeatures(domains=tuple(names), features=chosen, keep_mailbox_settings=keep_mailbox_settings),
    )


@domain_app.command("transfer")
def transfer(
    ctx: typer.Context,
    name: Name,
    consent: Annotated[bool, typer.Option("--consent/--object", help="Give the domain up for it, or object to it.")],
    with_mailboxes: WithMailboxes = False,
    yes: Yes = False,
) -> None:
    """Answer another account that has proven a domain of yours."""
    from contracts.domain_v1 import AnswerTransfer

    if consent:
        confirm(desk_of(ctx), name, yes=yes, question="really_give_up")
    order(ctx, lambda: AnswerTransfer(domain=name, consent=consent, with_mailboxes=with_mailboxes))


@domain_app.command("decide-transfer")
def decide_transfer(
    ctx: typer.Context,
    name: Name,
    to: Annotated[Literal["holder", "claimant"], typer.Option("--to", help="Who shall have the domain.")],
    claimant: Annotated[
        str | None, typer.Option("--claimant", help="The claimant's account; needed where there are several.")
    ] = None,
    with_mailboxes: WithMailboxes = False,
    yes: Yes = False,
) -> None:
    """Decide a transfer (operator). The account is the holder's."""
    from contracts.domain_v1 import DecideTransfer

    if to == "claimant":
        confirm(desk_of(ctx), name, yes=yes, question="really_hand_over")
    order(ctx, lambda: DecideTransfer(domain=name, to=to, claimant=claimant, with_mailboxes=with_mailboxes))


def _show_summary(ctx: typer.Context, name: str) -> None:
    """Print what was last advised in a line, if the worker that knows it answers."""
    from contracts.dnscheck_v1 import AskAttempts
    from services.cli import views_dns

    answer = inquire_if_answered(ctx, AskAttempts(domain=name, limit=1))
    if answer is not None and answer.advice is not None:
        views_dns.show_advice_summary(desk_of(ctx), name, answer.advice)


def _known(ctx: typer.Context, name: str) -> "DomainView":
    from contracts.domain_v1 import AskDomain

    answer = inquire(ctx, lambda: AskDomain(domain=name))
    if answer.domain is None:
        not_found(desk_of(ctx), "domain_unknown", domain=name)
    return answer.domain
