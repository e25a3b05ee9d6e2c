"""`postkontor mailbox` and `features`: mailboxes and what belongs to them."""

from typing import Annotated, Any

import typer

from services.cli.desk import Desk, desk_of
from services.cli.holds import Hold, Wait, when
from services.cli.running import USAGE, inquire, not_found, order, pages, print_all
from services.cli.terminal import confirm, typed_password

mailbox_app = typer.Typer(help="Mailboxes: make, change, suspend, delete.", no_args_is_help=True)
alias_app = typer.Typer(help="More addresses of a mailbox.", no_args_is_help=True)
features_app = typer.Typer(help="Features: backup, blacklist, spam_and_virus_protection.", no_args_is_help=True)
mailbox_app.add_typer(alias_app, name="alias")

Address = Annotated[str, typer.Argument(help="The mailbox's address.")]
FirstName = Annotated[str, typer.Option("--first-name", help="The person's first name.")]
LastName = Annotated[str, typer.Option("--last-name", help="The person's last name.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Hash = Annotated[
    str | None,
    typer.Option("--password-hash", help="A finished hash. Needed to send a request a second time under its id."),
]
Aliases = Annotated[list[str], typer.Argument(help="One or several addresses.")]
Senders = Annotated[list[str], typer.Argument(help="Addresses, or domains written @example.com.")]
FeatureList = Annotated[
    list[str] | None, typer.Option("--set", help="A feature to be on, or several separated by commas; all else is off.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(mailbox_app, name="mailbox")
    app.add_typer(features_app, name="features")


@mailbox_app.command("create")
def create(
    ctx: typer.Context,
    address: Address,
    first_name: FirstName,
    last_name: LastName,
    plan: Annotated[str, typer.Option("--plan", help="The plan's code, see `plan list`.")],
    password_stdin: Stdin = False,
    password_hash: Hash = None,
    hold: Hold = False,
    wait: Wait = False,
) -> None:
    """Make a mailbox under an active domain. The password is prompted for and leaves this machine only as a hash."""
    from contracts.mailbox_v1 import CreateMailbox

    desk, hashed = desk_of(ctx), password_hash
    if password_stdin or not desk.dry_run:
        hashed = typed_password(desk, from_stdin=password_stdin, given_hash=password_hash)
    order(
        ctx,
        lambda: CreateMailbox(
            address=address,
            first_name=first_name,
            last_name=last_name,
            plan=plan,
            password_hash=hashed,
            when_unverified=when(hold),
        ),
        to_the_end=wait,
    )


@mailbox_app.command("show")
def show(ctx: typer.Context, address: Address) -> None:
    """Show a mailbox."""
    from contracts.mailbox_v1 import AskMailbox
    from services.cli import views

    desk, answer = desk_of(ctx), inquire(ctx, lambda: AskMailbox(address=address))
    if answer.mailbox is None:
        not_found(desk, "mailbox_unknown", address=address)
    if desk.json:
        desk.print_json(answer.mailbox.model_dump_json())
    else:
        views.show_mailbox(desk, answer.mailbox)


@mailbox_app.command("list")
def list_mailboxes(
    ctx: typer.Context, domain: Annotated[str | None, typer.Option("--domain", help="Only of this domain.")] = None
) -> None:
    """List the account's mailboxes."""
    from contracts.mailbox_v1 import AskMailboxes
    from services.cli import views

    desk = desk_of(ctx)
    mailboxes = pages(ctx, lambda after: AskMailboxes(domain=domain, after=after, limit=1000), "mailboxes")
    if desk.json:
        print_all(desk, mailboxes)
    else:
        views.show_mailboxes(desk, mailboxes)


@mailbox_app.command("rename")
def rename(
    ctx: typer.Context,
    address: Address,
    names: Annotated[list[str], typer.Argument(help="First and last name; or one name, also a function's: Versand.")],
) -> None:
    """Change the person's name; the address stays."""
    from contracts.mailbox_v2 import NewPerson, RenamePerson

    if len(names) > 2:
        raise typer.BadParameter("two names at most; put quotes around a name of several words")
    *given, family = names
    order(
        ctx,
        lambda: RenamePerson(address=address, person=NewPerson(given_name=" ".join(given) or None, family_name=family)),
    )


@mailbox_app.command("password")
def password(ctx: typer.Context, address: Address, password_stdin: Stdin = False, password_hash: Hash = None) -> None:
    """Set the mailbox's password."""
    from contracts.mailbox_v1 import SetMailboxPassword

    hashed = typed_password(desk_of(ctx), from_stdin=password_stdin, given_hash=password_hash)
    order(ctx, lambda: SetMailboxPassword(address=address, password_hash=hashed))


@mailbox_app.command("plan")
def change_plan(
    ctx: typer.Context, address: Address, plan: Annotated[str, typer.Argument(help="The new plan.")]
) -> None:
    """Put the mailbox on another plan."""
    from contracts.mailbox_v1 import ChangePlan

    order(ctx, lambda: ChangePlan(address=address, plan=plan))


@alias_app.command("add")
def add_aliases(ctx: typer.Context, address: Address, aliases: Aliases, hold: Hold = False, wait: Wait = False) -> None:
    """Give the mailbox more addresses."""
    from contracts.mailbox_v1 import AddAliases

    given = tuple(aliases)
    order(ctx, lambda: AddAliases(address=address, aliases=given, when_unverified=when(hold)), to_the_end=wait)


@alias_app.command("remove")
def remove_aliases(ctx: typer.Context, address: Address, aliases: Aliases) -> None:
    """Take addresses away."""
    from contracts.mailbox_v1 import RemoveAliases

    order(ctx, lambda: RemoveAliases(address=address, aliases=tuple(aliases)))


@mailbox_app.command("forward")
def forward(
    ctx: typer.Context,
    address: Address,
    targets: Annotated[list[str] | None, typer.Argument(help="Forward to these and to no others.")] = None,
    none: Annotated[bool, typer.Option("--none", help="End forwarding.")] = False,
    keep_copy: Annotated[bool, typer.Option("--keep-copy/--no-copy", help="Also keep mail in the inbox.")] = True,
) -> None:
    """Set where the mailbox's mail is forwarded to."""
    from contracts.mailbox_v1 import SetForwardings

    desk = desk_of(ctx)
    if none == bool(targets):
        desk.fail(USAGE, "usage", desk.sentence("forward_choice"))
    order(ctx, lambda: SetForwardings(address=address, targets=tuple(targets or ()), keep_copy=keep_copy))


@mailbox_app.command("features")
def set_features(
    ctx: typer.Context,
    addresses: Annotated[list[str], typer.Argument(help="One or several mailboxes.")],
    on: FeatureList = None,
    none: Annotated[bool, typer.Option("--none", help="Switch everything off.")] = False,
    inherit: Annotated[bool, typer.Option("--inherit", help="Follow the domain again.")] = False,
) -> None:
    """Set the features of mailboxes. What is named is on, all else off."""
    from contracts.mailbox_v1 import SetMailboxFeatures

    chosen: Any = chosen_features(desk_of(ctx), on, none=none, inherit=inherit)
    order(ctx, lambda: SetMailboxFeatures(addresses=tuple(addresses), features=chosen))


@mailbox_app.command("block")
def block(ctx: typer.Context, address: Address, senders: Senders) -> None:
    """Refuse mail from senders for this mailbox."""
    from contracts.mailbox_v1 import BlockSenders

    order(ctx, lambda: BlockSenders(address=address, senders=tuple(senders)))


@mailbox_app.command("unblock")
def unblock(ctx: typer.Context, address: Address, senders: Senders) -> None:
    """Take senders off the mailbox's list."""
    from contracts.mailbox_v1 import UnblockSenders

    order(ctx, lambda: UnblockSenders(address=address, senders=tuple(senders)))


@mailbox_app.command("suspend")
def suspend(ctx: typer.Context, address: Address) -> None:
    """Stop logins and delivery; nothing is deleted."""
    from contracts.mailbox_v1 import SuspendMailbox

    order(ctx, lambda: SuspendMailbox(address=address))


@mailbox_app.command("reactivate")
def reactivate(ctx: typer.Context, address: Address) -> None:
    """End a suspension."""
    from contracts.mailbox_v1 import ReactivateMailbox

    order(ctx, lambda: ReactivateMailbox(address=address))


@mailbox_app.command("delete")
def delete(
    ctx: typer.Context,
    address: Address,
    on: Annotated[str | None, typer.Option("--on", help="Gone from this day on (YYYY-MM-DD).")] = None,
    now: Annotated[bool, typer.Option("--now", help="Gone at once; it cannot be had back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a mailbox, its aliases and forwardings.

    It is gone on the day named, at once, or else after the house's grace. Until then it is locked and can be had back;
    afterwards no other account may use its addresses for a while.
    """
    from contracts.mailbox_v1 import DeleteMailbox

    confirm(desk_of(ctx), address, yes=yes)
    day: Any = on  # the contract knows what a day looks like
    order(ctx, lambda: DeleteMailbox(address=address, on=day, immediately=now))


@mailbox_app.command("undelete")
def undelete(ctx: typer.Context, address: Address) -> None:
    """Have a mailbox back that is to be deleted."""
    from contracts.mailbox_v1 import UndeleteMailbox

    order(ctx, lambda: UndeleteMailbox(address=address))


@features_app.command("show")
def show_features(
    ctx: typer.Context, targets: Annotated[list[str], typer.Argument(help="Domains and mailboxes, mixed.")]
) -> None:
    """Show which features are on, and whose setting that is."""
    from contracts.mailbox_v1 import AskFeatures
    from services.cli import views

    domains = tuple(target for target in targets if "@" not in target)
    addresses = tuple(target for target in targets if "@" in target)
    desk, answer = desk_of(ctx), inquire(ctx, lambda: AskFeatures(domains=domains, addresses=addresses))
    if desk.json:
        desk.print_json(answer.model_dump_json())
    else:
        views.show_targets(desk, answer.targets)


def chosen_features(desk: Desk, on: list[str] | None, *, none: bool, inherit: bool) -> tuple[str, ...] | None:
    """Return the features that shall be on; None means to follow the domain. The contract knows their names."""
    if (on is not None) + none + inherit != 1:
        desk.fail(USAGE, "usage", desk.sentence("feature_choice"))
    return None if inherit else tuple(name.strip() for names in on or () for name in names.split(","))
