"""`postkontor mailbox spam`, `require-password-change` and `weak-passwords`."""

from functools import partial
from typing import Annotated, Any

import typer

from services.cli.desk import desk_of
from services.cli.mailboxes import Address, mailbox_app
from services.cli.running import USAGE, order, pages, print_all

AT_ONCE = 1000  # targets of one request


def register(app: typer.Typer) -> None:
    """Add nothing to the root: the commands are added to the group `mailbox` as this is loaded."""


@mailbox_app.command("spam")
def spam(
    ctx: typer.Context,
    address: Address,
    junk: Annotated[float, typer.Option("--junk", help="Mark mail from this score on.")] = 6.0,
    reject: Annotated[float | None, typer.Option("--reject", help="Refuse mail from this score on.")] = None,
    to_junk: Annotated[bool, typer.Option("--to-junk/--to-inbox", help="Where marked mail goes.")] = True,
    allow: Annotated[list[str] | None, typer.Option("--allow", help="Never spam: an address, or @example.com.")] = None,
    default: Annotated[bool, typer.Option("--default", help="The mail server's own ways again.")] = False,
) -> None:
    """Set how a mailbox treats spam, all of it at once.

    It counts while the feature spam_and_virus_protection is on.
    """
    from contracts.spam_v1 import SpamTuning, TuneSpam

    def make() -> TuneSpam:
        if default:
            return TuneSpam(address=address, tuning=None)
        tuning = SpamTuning(
            junk_tenths=round(junk * 10),
            reject_tenths=None if reject is None else round(reject * 10),
            to_junk=to_junk,
            allowed_senders=tuple(allow or ()),
        )
        return TuneSpam(address=address, tuning=tuning)

    order(ctx, make)


@mailbox_app.command("require-password-change")
def require_password_change(
    ctx: typer.Context,
    targets: Annotated[list[str] | None, typer.Argument(help="Mailboxes, or domains for all of theirs.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Until then logins go on: 2027-03-31T18:00+02:00.")] = None,
    weak: Annotated[bool, typer.Option("--weak", help="Those whose hash is below the policy.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="End the requirement.")] = False,
) -> None:
    """Let logins end unless the password is changed.

    Without --by they end at once. Of a domain those are the passwords that are set by now.
    """
    from contracts.passwords_v1 import AskWeakPasswords, RequirePasswordChange

    desk, named = desk_of(ctx), tuple(targets or ())
    if weak == bool(named):
        desk.fail(USAGE, "usage", desk.sentence("password_choice"))
    if weak:
        found = pages(ctx, lambda after: AskWeakPasswords(after=after, limit=1000), "mailboxes")
        named = tuple(each.address for each in found)
        if not named:
            desk.note(desk.sentence("no_weak_passwords"))
    time: Any = by  # the contract knows what a time looks like, and what a target
    for start in range(0, len(named), AT_ONCE):
        part: Any = named[start : start + AT_ONCE]
        order(ctx, partial(RequirePasswordChange, targets=part, by=time, lift=lift))


@mailbox_app.command("weak-passwords")
def weak_passwords(ctx: typer.Context) -> None:
    """List passwords that are below the policy."""
    from contracts.passwords_v1 import AskWeakPasswords
    from services.cli import views_mailboxes

    desk, found = desk_of(ctx), pages(ctx, lambda after: AskWeakPasswords(after=after, limit=1000), "mailboxes")
    if desk.json:
        print_all(desk, found)
    else:
        views_mailboxes.show_weak_passwords(desk, found)
