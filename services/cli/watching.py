"""Watching a domain until it is proven: a live picture in a terminal, a line per check elsewhere."""

import asyncio
import contextlib
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from client import Event, Postkontor
from contracts.dnscheck_v1 import AskAttempts, Attempt, TxtChecked
from contracts.domain_v1 import AskDomain, DomainView
from services.cli.desk import Desk
from services.cli.running import REFUSED, run
from services.cli.terminal import duration, local_time, sheet, table
from services.cli.views_dns import asked_table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

SHOWN_ATTEMPTS = 5
REFRESH_SECONDS = 5.0  # how often the workers are asked, beside hearing their events
TICK_SECONDS = 1.0
OPEN_STATES = ("claimed",)  # in every other state no look that comes by itself proves the domain


@dataclass
class Watch:
    """What is known of a domain under watch."""

    domain: DomainView
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=SHOWN_ATTEMPTS))

    @property
    def over(self) -> bool:
        """Tell whether there is nothing left to wait for."""
        return self.domain.state not in OPEN_STATES

    def saw(self, attempt: Attempt) -> bool:
        """Take an attempt in; False when it is known already or older than what is known."""
        if self.attempts and attempt.checked_at <= self.attempts[-1].checked_at:
            return False
        self.attempts.append(attempt)
        return True

    def seconds_left(self, now: datetime) -> int | None:
        """Return the seconds to the next check, None when none is announced."""
        at = self.attempts[-1].next_check_at if self.attempts else None
        return None if at is None else max(0, int((at - now).total_seconds()))


def watch(desk: Desk, name: str) -> None:
    """Show the checks of a domain until it is proven; exit with 3 when it never will be."""
    domain = run(desk, lambda: _watch(desk, name))
    if desk.json:
        desk.print_json(domain.model_dump_json())
    if domain.verified_at is not None:
        desk.note(desk.sentence("is_verified", domain=domain.domain_unicode, state=domain.state))
        return
    if domain.state == "contested":  # looked for on and on, but people decide
        desk.note(desk.text(domain.next_step))
    else:
        desk.note(desk.sentence("is_over", domain=domain.domain_unicode, state=domain.state))
    raise typer.Exit(REFUSED)


async def _watch(desk: Desk, name: str) -> DomainView:
    async with desk.office() as office:
        state = Watch(await _ask_domain(office, name))
        seen: asyncio.Queue[Attempt] = asyncio.Queue()
        hearing = asyncio.create_task(_hear(office, state.domain, seen))
        desk.note(desk.sentence("watching", domain=name, account=desk.account))
        try:
            if desk.console.is_terminal and not desk.json:
                await _picture(desk, office, state, seen)
            else:
                await _lines(desk, office, state, seen)
        except asyncio.CancelledError:
            desk.note(desk.sentence("resume", domain=name, account=desk.account))
            raise
        finally:
            hearing.cancel()
        return state.domain


async def _picture(desk: Desk, office: Postkontor, state: Watch, seen: "asyncio.Queue[Attempt]") -> None:
    from rich.live import Live

    with Live(_drawn(desk, state), console=desk.console, auto_refresh=False) as live:
        async for _ in _changes(office, state, seen):
            _update(live, desk, state)


def _update(live: "Live", desk: Desk, state: Watch) -> None:
    live.update(_drawn(desk, state), refresh=True)


async def _lines(desk: Desk, office: Postkontor, state: Watch, seen: "asyncio.Queue[Attempt]") -> None:
    async for attempt in _changes(office, state, seen):
        if attempt is not None:
            line = f"{local_time(attempt.checked_at)}  {attempt.kind}  {attempt.code}: {desk.text(attempt.text)}"
            if desk.json:
                desk.note(line)
            else:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()


async def _changes(office: Postkontor, state: Watch, seen: "asyncio.Queue[Attempt]"):
    """Yield each new attempt, and None at every tick, until the watch is over."""
    loop = asyncio.get_running_loop()
    asked_at = -REFRESH_SECONDS
    while True:
        if loop.time() - asked_at >= REFRESH_SECONDS:
            asked_at = loop.time()
            for attempt in await _refresh(office, state):
                yield attempt
            if state.over:
                return
        attempt = await _next(seen)
        if attempt is not None and state.saw(attempt):
            asked_at = -REFRESH_SECONDS if attempt.kind == "confirmed" else asked_at
            yield attempt
        else:
            yield None


async def _next(seen: "asyncio.Queue[Attempt]") -> Attempt | None:
    try:
        return await asyncio.wait_for(seen.get(), TICK_SECONDS)
    except TimeoutError:
        return None


async def _refresh(office: Postkontor, state: Watch) -> list[Attempt]:
    state.domain = await _ask_domain(office, state.domain.domain)
    answer = await office.ask(AskAttempts(domain=state.domain.domain, limit=SHOWN_ATTEMPTS))
    return [attempt for attempt in reversed(answer.txt) if state.saw(attempt)]


async def _ask_domain(office: Postkontor, name: str) -> DomainView:
    answer = await office.ask(AskDomain(domain=name))
    if answer.domain is None:
        raise LookupError(name)
    return answer.domain


async def _hear(office: Postkontor, domain: DomainView, seen: "asyncio.Queue[Attempt]") -> None:
    """Pass on the attempts as they are stated. Without the right to hear events, asking has to do."""
    with contextlib.suppress(Exception):
        async for event in office.tail(facts=[TxtChecked]):
            if _is_about(event, domain):
                seen.put_nowait(event.fact.attempt)


def _is_about(event: Event, domain: DomainView) -> bool:
    return isinstance(event.fact, TxtChecked) and event.fact.domain_id == domain.domain_id


def _drawn(desk: Desk, state: Watch) -> "Group":
    from rich.console import Group
    from rich.text import Text

    if not state.attempts:
        return Group(Text(desk.sentence("not_looked_yet")))
    latest = state.attempts[-1]
    left = state.seconds_left(datetime.now(UTC))
    coming = desk.sentence("next_in", duration=duration(left)) if left else desk.sentence("next_now")
    history = [(local_time(one.checked_at), one.kind, one.code) for one in state.attempts]
    parts = [
        table(desk, ("time", "state", "code"), history),
        Text(desk.text(latest.text)),
        sheet(desk, [("expected", f"{latest.expected_name} TXT {latest.expected_value}")]),
        sheet(desk, [("seen", "\n".join(latest.seen))]),
        Text(coming, style="dim"),
    ]
    if latest.asked:
        parts.insert(2, asked_table(desk, latest.asked))
    return Group(*parts)
