"""Pull consumers on a stream, mostly that of events: made, read and remade, with errors that say what is missing."""

import asyncio
import contextlib

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo
from nats.js.errors import APIError, BadRequestError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from client.connection import Connection
from client.errors import NotConnected, NotSetUp

STREAM = "EVT"
API_TIMEOUT_SECONDS = 5.0
FETCH_SECONDS = 5.0  # a pull waits this long at the server; a lost bus shows as its silence
TROUBLE_PAUSE_SECONDS = 1.0

Pull = JetStreamContext.PullSubscription


async def make_consumer(connection: Connection, config: ConsumerConfig, stream: str = STREAM) -> ConsumerInfo:
    """Make a consumer, or update the one of that name."""
    try:
        made = connection.stream_api.add_consumer(stream, config, timeout=API_TIMEOUT_SECONDS)
        return await connection.unless_denied(_create_subject(config, stream), made)
    except BadRequestError as error:
        raise NotSetUp(f"the bus does not accept the subscription {config.name}: {error.description}") from None
    except (NotFoundError, ServiceUnavailableError, NoStreamResponseError, nats.errors.NoRespondersError):
        raise _no_stream(connection, stream) from None
    except TimeoutError:
        raise _silent(connection, f"the subscription {config.name} could not be made") from None


async def make_new_consumer(
    connection: Connection, config: ConsumerConfig, stream: str = STREAM
) -> ConsumerInfo | None:
    """Make a consumer; None when there is one of that name, which stays as it is."""
    assert config.name
    if await consumer_named(connection, config.name, stream) is not None:
        return None
    try:
        return await make_consumer(connection, config, stream)
    except NotSetUp:
        return None  # somebody else was faster, and an update to ours is no way to make one


async def delete_consumer(connection: Connection, name: str, stream: str = STREAM) -> None:
    """Delete a consumer, if there still is one and somebody to tell."""
    if connection.usable:
        with contextlib.suppress(nats.errors.Error, APIError, TimeoutError):
            await connection.stream_api.delete_consumer(stream, name)


async def consumer_named(connection: Connection, name: str, stream: str = STREAM) -> ConsumerInfo | None:
    """Return what the bus knows of a durable subscription; None when there is none."""
    try:
        info = connection.stream_api.consumer_info(stream, name, timeout=API_TIMEOUT_SECONDS)
        return await connection.unless_denied(f"$JS.API.CONSUMER.INFO.{stream}.{name}", info)
    except NotFoundError as error:
        if "stream" in (error.description or ""):
            raise _no_stream(connection, stream) from None
        return None
    except (ServiceUnavailableError, nats.errors.NoRespondersError):
        raise _no_stream(connection, stream) from None
    except TimeoutError:
        raise _silent(connection, f"the subscription {name} could not be read") from None


async def bind(connection: Connection, name: str, stream: str = STREAM) -> Pull:
    """Return the reading end of a consumer."""
    return await connection.stream_api.pull_subscribe_bind(consumer=name, stream=stream)


async def unbind(pull: Pull) -> None:
    """Give the reading end back, if there is still a connection to say so on."""
    with contextlib.suppress(nats.errors.Error):
        await pull.unsubscribe()


async def fetch(connection: Connection, pull: Pull, batch: int) -> list[Msg] | None:
    """Return the next messages, an empty list when none came, None when the bus says that something is wrong."""
    if connection.client.is_closed:
        raise NotConnected(f"the connection to {connection.access.place} is closed")
    messages = list[Msg]()
    try:
        messages = await pull.fetch(batch, timeout=FETCH_SECONDS)
    except TimeoutError:
        pass
    except (APIError, nats.errors.Error):
        _be_cancelled()
        await asyncio.sleep(TROUBLE_PAUSE_SECONDS)
        return None
    try:
        _be_cancelled()
    except asyncio.CancelledError:
        for message in messages:
            await message.nak()
        raise
    return messages


def _create_subject(config: ConsumerConfig, stream: str) -> str:
    filtered = f".{config.filter_subject}" if config.filter_subject else ""
    return f"$JS.API.CONSUMER.CREATE.{stream}.{config.name}{filtered}"


def _be_cancelled() -> None:
    """End a task that was cancelled, where the cancellation got lost on its way to us.

    On a connection closed meanwhile, nats-py reports the closing instead. And before Python 3.12 asyncio.wait_for,
    which it waits with, forgets a cancellation that comes together with a message.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _no_stream(connection: Connection, stream: str) -> NotSetUp:
    return NotSetUp(
        f"the bus at {connection.access.place} has no stream {stream}. Make the streams first: postkontor bus apply"
    )


def _silent(connection: Connection, what: str) -> NotConnected:
    return NotConnected(f"{what}: the bus at {connection.access.place} does not answer")
