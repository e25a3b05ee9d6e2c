"""Subscribers that are cancelled at the worst moment."""

import asyncio
from collections.abc import Callable
from typing import Any

from client import Postkontor
from contracts.ids import uuid7
from deploy.devstack.nats import NatsServer
from tests.client.conftest import StandIn

AT_ONCE_SECONDS = 10.0  # a machine's bound


def turns_later(turns: int, do: Callable[[], Any]) -> None:
    """Do something so many turns of the event loop later."""
    if turns == 0:
        do()
    else:
        asyncio.get_running_loop().call_soon(turns_later, turns - 1, do)


async def test_who_is_cancelled_as_an_event_comes_ends_and_gets_it_again(bus: NatsServer, workers: StandIn) -> None:
    # Before Python 3.12 asyncio.wait_for, which nats-py waits with, loses a cancellation in one of these turns.
    async with Postkontor.connect(bus.url, account="nordwind", source="test") as office:
        for turns in range(8):
            address = f"anna-{turns}@nordwind-segel.de"
            subscription = office.events(durable=f"cancelled-{turns}", deliver="new", ack_wait=0.5)
            await subscription.open()
            assert subscription._pull is not None
            queue = subscription._pull._sub._pending_queue
            heard: list[str] = []
            listening = asyncio.create_task(_listen(subscription, heard))

            def coming(message: Any, put=queue.put_nowait, turns=turns, listening=listening) -> None:
                put(message)
                if message.data and not listening.cancelling():
                    turns_later(turns, listening.cancel)

            queue.put_nowait = coming
            await workers.state(address, uuid7())
            done, _ = await asyncio.wait([listening], timeout=AT_ONCE_SECONDS)
            assert done, f"cancelled {turns} turns after the event came: the cancellation got lost"
            await subscription.aclose()
            if not heard:
                async with asyncio.timeout(AT_ONCE_SECONDS):
                    event = await anext(office.events(durable=f"cancelled-{turns}", ack_wait=0.5))
                heard = [event.fact.mailbox.address]
            assert heard == [address]


async def _listen(subscription: Any, heard: list[str]) -> None:
    while True:
        event = await anext(subscription)
        heard.append(event.fact.mailbox.address)
