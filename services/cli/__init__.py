"""The `postkontor` command: a user of client/, with no knowledge of the workers' inside.

    desk        global options, and what every command needs: the connection, the language, the output
    running     from a request or a question to printed result and exit code
    texts       sentences in German and English; words: headings and labels; texts_bulk, texts_domains, texts_leaving,
                texts_mailboxes, texts_quotes, texts_upkeep: some of both
    views       how accounts, domains, mailboxes and outcomes look; views_dns, views_bulk, views_holds,
                views_mailboxes: looks at the DNS, bulks, what waits, what was added to mailboxes
    dryruns     how the answer to a dry run looks
    terminal    tables, money, sizes, passwords; progress: bars and lines
    bills       how invoices look; chains: how messages look that something rests on
    views_letters: how dead letters look; judging: what is wrong with the system, pure; reconciling: `bus reconcile`
    leaving     what is given up: domain remove and keep, account close, reopen, suspend and reactivate
    GROUPS      the commands; dns alone looks for itself, by dnscheck's own eyes, and needs no bus

Everything slow (contracts, NATS, rich) is imported inside the commands, so that help and completion stay quick.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.cli import (
    accounts,
    backups,
    bulk,
    bus,
    care,
    db,
    demodns,
    dns,
    domains,
    events,
    explain,
    features,
    forwarding,
    groups,
    holds,
    invoices,
    kubernetes,
    leaving,
    letters,
    mailboxes,
    plans,
    privacy,
    requests,
    stack,
    status,
)
from services.cli.desk import DEFAULT_STACK, Desk, hoist

HELP = """Provision business mail: accounts, domains proven by DNS, mailboxes.

The options below may also stand behind the command: postkontor mailbox list -a nordwind -o json

\b
Exit codes:
  0  done
  1  unexpected error, or a question answered with no
  2  wrong usage
  3  refused (or a dry run would be), not found, not yet proven or not right (domain validate, domain mx, dns check)
  4  no answer in time; the request may still be carried out
  5  the bus is not running, not reachable, not set up, or refuses the credentials
"""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS = (
    accounts,
    invoices,
    domains,
    mailboxes,
    features,
    backups,
    care,
    bulk,
    forwarding,
    groups,
    holds,
    privacy,
    dns,
    requests,
    plans,
    explain,
    events,
    letters,
    status,
    bus,
    db,
    kubernetes,
    stack,
    demodns,
    leaving,
)
for group in GROUPS:
    group.register(app)


@app.callback(help=HELP)
def options(
    ctx: typer.Context,
    account: Annotated[
        str | None, typer.Option("--account", "-a", envvar="POSTKONTOR_ACCOUNT", help="The account to work for.")
    ] = None,
    nats: Annotated[
        str | None,
        typer.Option("--nats", envvar="POSTKONTOR_NATS_URL", help="The bus; by default the embedded stack's."),
    ] = None,
    seed: Annotated[
        Path | None,
        typer.Option("--seed", envvar="POSTKONTOR_NATS_SEED", help="Our key on the bus: a file with an nkey seed."),
    ] = None,
    stack_directory: Annotated[
        Path, typer.Option("--stack", envvar="POSTKONTOR_STACK", help="Where the embedded stack runs.")
    ] = DEFAULT_STACK,
    output: Annotated[
        Literal["table", "json"], typer.Option("--output", "-o", help="For people or programs.")
    ] = "table",
    lang: Annotated[
        Literal["de", "en"] | None, typer.Option("--lang", help="The language of output; by default LANG's.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for an answer.")] = 30.0,
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", help="Print the request id once the bus has the request; do not await its outcome."),
    ] = False,
    request_id: Annotated[
        str | None,
        typer.Option("--request-id", help="Send under this id (a UUID): the same id again has no second effect."),
    ] = None,
    channel: Annotated[
        Literal["bus", "api", "console"], typer.Option("--channel", help="On whose behalf the request is made.")
    ] = "api",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Change nothing: show what would happen, what it costs and what is missing."),
    ] = False,
    quote: Annotated[
        str | None, typer.Option("--quote", help="Commit at the price that a dry run has quoted under this id.")
    ] = None,
) -> None:
    """Keep the global options for the command that follows."""
    ctx.obj = Desk(
        account=account,
        nats=nats,
        seed=seed,
        stack=stack_directory,
        output=output,
        given_language=lang,
        timeout=timeout,
        wait=not no_wait,
        given_request_id=request_id,
        channel=channel,
        dry_run=dry_run,
        given_quote_id=quote,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    app(args=hoist(sys.argv[1:] if arguments is None else list(arguments)), prog_name="postkontor")
