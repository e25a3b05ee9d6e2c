"""Domain's neighbours, for the tests that run the worker: billing, dnscheck and mailbox in what they say and hear."""

import json
from datetime import UTC, datetime, timedelta

from contracts.base import Text
from contracts.billing_v1 import AcceptedClaim, AccountStanding
from contracts.dnscheck_v1 import Attempt, TxtChecked
from contracts.domain_v1 import AskDomain, ClaimDomain

LANES = 5
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORDS = Text(de="x", en="x")


async def claim(bus, account: str, name: str, *, password_hash=None):
    """Claim a name as billing hands the request on."""
    order = AcceptedClaim(
        request=ClaimDomain(domain=name, password_hash=password_hash),
        standing=AccountStanding(state="active", package="gold", self_service=True),
        language="de",
    )
    return await bus.request(account, order)


def attempt(kind="confirmed", code=None, *, at=None, ended=False) -> Attempt:
    """Return a look begun at a time, or now; `ended` when it was the last by schedule."""
    at = at or datetime.now(UTC)
    return Attempt(
        kind=kind, code=code or kind, text=WORDS, expected_name="n", expected_value="v", checked_at=at, elapsed_ms=1,
        next_check_at=None if ended else at + timedelta(hours=1),
    )  # fmt: skip


async def tell_txt(bus, view, *looks, requests=()) -> None:
    """Let dnscheck state looks for a claim's proof; one that confirms, if none is given."""
    for look in looks or (attempt(),):
        fact = TxtChecked(domain_id=view.domain_id, domain=view.domain, requests=requests, attempt=look)
        await bus.send(view.account, fact)


async def shown(bus, account: str, name: str):
    """Return the domain as its account sees it."""
    return (await bus.ask(account, AskDomain(domain=name))).domain


async def in_state(bus, account: str, name: str, state: str):
    """Wait for the domain to come into a state."""

    async def reached():
        view = await shown(bus, account, name)
        return view if view and view.state == state else None

    return await bus.eventually(reached, what=f"{name} being {state}")


async def active(bus, account: str, name: str):
    """Return a domain that is proven and has its password."""
    view = (await claim(bus, account, name, password_hash=HASH)).data.domain
    await tell_txt(bus, view)
    return await in_state(bus, account, name, "active")


async def orders(bus, account: str, service_and_name: str):
    """Return the data of the hand-overs to a neighbour that are in the stream."""
    context = bus.client.jetstream()
    subscription = await context.subscribe(
        f"cmd.{account}.{service_and_name}.v1.>", stream="CMD", ordered_consumer=True
    )
    found = []
    while True:
        try:
            found.append(json.loads((await subscription.next_msg(timeout=0.3)).data)["data"])
        except TimeoutError:
            await subscription.unsubscribe()
            return found


async def facts_of(bus, account: str, name: str) -> list[str]:
    """Return what was told of a domain to its account, in order."""
    events = await bus.events(f"evt.{account}.domain.*.v1")
    about = (event for event in events if hasattr(event.data, "domain") and event.data.domain.domain == name)
    return [event.type.split(".")[1] for event in about]


async def fact(bus, account: str, name: str, kind: str):
    """Wait for a fact about a domain and return it."""

    async def told():
        events = await bus.events(f"evt.{account}.domain.{kind}.v1")
        return next((event.data for event in events if event.data.domain.domain == name), None)

    return await bus.eventually(told, what=f"{kind} of {name}")
