"""`postkontor demo`: the embedded stack in a temporary folder, the journey played on it, and what a subscriber saw."""

import asyncio
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from uuid import UUID

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from client import Postkontor
from deploy.bus.permissions import Identity
from deploy.devstack.journey import DemoZone, Journey, JourneyFailed, Seen
from deploy.devstack.stack import Stack

EVERY_FACT_SECONDS = 20.0
SUBSCRIBER = Identity("demo", "subscriber", durables=("events",))


class Subscriber:
    """Counts the events of all accounts, as another system would hear them."""

    def __init__(self, office: Postkontor) -> None:
        self._events = office.events(durable="events", account="*")
        self.ids: list[UUID] = []

    async def listen(self) -> None:
        """Hear events until cancelled."""
        async for event in self._events:
            self.ids.append(event.id)

    async def has_seen(self, stored: int) -> bool:
        """Wait until as many events were seen as the stream holds; say whether each came once."""
        async with asyncio.timeout(EVERY_FACT_SECONDS):
            while len(set(self.ids)) < stored:
                await asyncio.sleep(0.02)
        return len(self.ids) == len(set(self.ids)) == stored


def zone_of(stack: Stack) -> DemoZone:
    """Return where the stack's demo DNS takes updates."""
    return DemoZone(stack.dns.tld_address, stack.dns.update_address, stack.dns.port)


async def stored_events(stack: Stack) -> int:
    """Return how many events the stream holds."""
    import nats

    connection = await nats.connect(**stack.access("admin").for_nats())
    try:
        return (await connection.jetstream().stream_info("EVT")).state.messages
    finally:
        await connection.close()


async def play(console: Console, directory: Path, replicas: int = 1, command: str = "postkontor") -> None:
    """Start everything, walk the journey and print what is seen."""
    began = time.monotonic()
    console.print("[bold]Postkontor demo[/]: real NATS, PostgreSQL and DNS on this machine, in a temporary folder.")
    async with Stack(directory, replicas=replicas) as stack:
        console.print(f"Servers and workers are up after {time.monotonic() - began:.1f} s.\n")
        await stack.grant(SUBSCRIBER)
        async with (
            Postkontor.from_environment(stack.environment(), account="*", source="postkontor-demo") as office,
            Postkontor.from_environment(stack.environment(SUBSCRIBER.name), source="demo-subscriber") as other,
        ):
            subscriber = Subscriber(other)
            listening = asyncio.create_task(subscriber.listen())
            number = 0
            async for seen in Journey(office, zone_of(stack)).play():
                number += 1
                _print(console, number, seen)
            each_once = await subscriber.has_seen(await stored_events(stack))
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)  # it hears on the connection that closes below
            console.print(
                f"\nA subscriber saw {len(subscriber.ids)} events: "
                + ("all of them, each once." if each_once else "[red]not all of them once.[/]")
            )
            if not each_once:
                raise JourneyFailed("the subscriber did not see every event exactly once")
    console.print(f"Done in {time.monotonic() - began:.1f} s. Try it yourself: [bold]{command} dev[/]")


def _print(console: Console, number: int, seen: Seen) -> None:
    console.print(f"[bold cyan]{number:2}[/] [bold]{seen.title}[/]")
    text = textwrap.indent(seen.text, "   ")
    console.print(text, style="default", highlight=False, markup=False, soft_wrap=True)
    if "mailboxes" in seen.figures:
        console.print(_people(seen))


def _people(seen: Seen) -> Table:
    mailboxes = seen.figures["mailboxes"]
    table = Table(
        "address",
        "plan",
        "price",
        "aliases",
        "forwardings",
        "features",
        title=f"{len(mailboxes)} mailboxes, the first ten",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for box in mailboxes[:10]:
        price = f"{box.price_cents / 100:.2f}"
        row = (
            box.address,
            box.plan,
            price,
            str(len(box.aliases)),
            str(len(box.forwardings)),
            ", ".join(box.features.on) or "-",
        )
        table.add_row(*row)
    return table


def main(command: str = "postkontor") -> None:
    """Play the demo; exit with 1 when a step does not see what it must. `command` is how the caller is called."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="postkontor-demo-") as directory:
        try:
            asyncio.run(play(console, Path(directory), command=command))
        except JourneyFailed as failure:
            console.print(f"[red]The demo failed:[/] {failure}")
            sys.exit(1)


if __name__ == "__main__":
    main()
