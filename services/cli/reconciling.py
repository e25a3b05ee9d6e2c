"""What `postkontor bus reconcile` does: a request to each worker, and a table of what they found."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from services.cli.desk import Desk
from services.cli.events import time_given
from services.cli.running import NO_ANSWER, run
from services.cli.terminal import table

if TYPE_CHECKING:
    from client import Postkontor
    from contracts.operations_v1 import EventsReconciled


def reconcile_all(desk: Desk, since: str | None, *, workers: Sequence[str] | None) -> None:
    """Have the workers compare, and print what they found; exit with 4 if one did not answer."""
    begin = time_given(desk, since) if since else None
    found = run(desk, lambda: _ask_all(desk, {"since": begin, "dry_run": desk.dry_run}, workers))
    if desk.json:
        told = {name: fact and fact.model_dump(mode="json") for name, fact in found.items()}
        desk.print_json(json.dumps(told))
    else:
        rows = [
            (name, fact.surviving, fact.missing, fact.restated, fact.unknown) for name, fact in found.items() if fact
        ]
        desk.console.print(table(desk, ("worker", "surviving", "missing", "restated", "unknown_facts"), rows))
        for name, fact in found.items():
            if fact and fact.unknown:
                desk.console.print(desk.sentence("reconcile_strangers", worker=name, count=fact.unknown), markup=False)
                for one in fact.strangers:
                    line = f"  {one.stream_seq}  {one.subject}  {one.id}"
                    desk.console.print(line, markup=False, soft_wrap=True)
    silent = [name for name, fact in found.items() if fact is None]
    for name in silent:
        desk.note(desk.sentence("reconcile_silent", worker=name))
    if silent:
        raise typer.Exit(NO_ANSWER)


async def _ask_all(
    desk: Desk, order: dict[str, Any], workers: Sequence[str] | None
) -> "dict[str, EventsReconciled | None]":
    from contracts.messages import SERVICES

    async with desk.office(account_needed=False) as office:
        names = workers or SERVICES
        facts = await asyncio.gather(*(_ask(desk, office, name, order) for name in names))
        return dict(zip(names, facts, strict=True))


async def _ask(desk: Desk, office: "Postkontor", worker: str, order: dict[str, Any]) -> "EventsReconciled | None":
    from client import NoAnswer
    from contracts.operations_v1 import RECONCILIATIONS
    from contracts.values import HOUSE

    if not await office.statuses(worker):
        return None  # an order would wait for it, and surprise whoever starts it later
    try:
        outcome = await office.request(RECONCILIATIONS[worker](**order), account=HOUSE, timeout=desk.timeout)
    except NoAnswer:
        return None
    outcome.raise_for_refusal()
    return outcome.fact
