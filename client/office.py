"""The client: one object for everything another program does with Postkontor."""

import os
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Literal, Self, TypedDict
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from client import files, tracing
from client.connection import Access, Connection
from client.events import ACK_WAIT_SECONDS, Event, Kinds, Subscription, event_of, subjects_of, types_of
from client.explaining import Explaining
from client.files import InvoiceAsFile
from client.history import tail
from client.outcomes import Outcome
from client.requests import Requests
from client.upkeep import Upkeep
from contracts.base import Request
from contracts.envelope import MAX_MESSAGE_BYTES, deduplication_id, encode
from contracts.ids import uuid7
from contracts.invoicing_v1 import FileFormat
from contracts.routes import Route, route_of
from contracts.values import AccountId, Channel

TIMEOUT_SECONDS = 30.0
_ACCOUNT: TypeAdapter[str] = TypeAdapter(AccountId)


class _Sending(TypedDict):
    """What is known of a request before it is sent."""

    request_id: UUID
    account: str
    route: Route
    payload: bytes
    deduplication: str


class Postkontor(Upkeep, Explaining):
    """A connection to Postkontor on behalf of an account. Make one per program, it carries many requests at a time.

        async with Postkontor.connect("nats://localhost:4222", account="nordwind", source="my-shop") as office:
            outcome = await office.request(CreateMailbox(...))

    An operator may leave the account out and name one with every call; with `account="*"` the outcomes of all accounts
    are heard on one subscription, which is cheaper when there are thousands.
    """

    def __init__(self, access: Access, *, account: str | None, source: str, channel: Channel) -> None:
        if account is not None and account != "*":
            _check_account(account)
        self._account = account
        self._source = source
        self._channel: Channel = channel
        self._connection = Connection(access)
        self._requests = Requests(self._connection)
        self._subscriptions: list[Subscription] = []

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        account: str | None = None,
        source: str,
        channel: Channel = "bus",
        credentials: str | None = None,
        nkey_seed: str | None = None,
        tls: SSLContext | None = None,
        identity: str = "",
        connect_timeout: float = 5.0,
    ) -> Self:
        """Return a client to be entered with `async with`. Several servers of a cluster are separated by commas.

        `source` names the sending program in every message. `credentials` and `nkey_seed` are files. A bus with
        authorisation knows us by an `identity`; it is the seed file's name without .nk unless given.
        """
        access = Access(
            url,
            credentials=credentials,
            nkey_seed=nkey_seed,
            tls=tls,
            identity=identity,
            name=source,
            connect_timeout=connect_timeout,
        )
        return cls(access, account=account, source=source, channel=channel)

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        account: str | None = None,
        source: str,
        channel: Channel = "bus",
        connect_timeout: float = 5.0,
    ) -> Self:
        """Return a client for the bus that the environment names, as the workers and the command line read it.

        POSTKONTOR_NATS_URL, POSTKONTOR_NATS_SEED (the file of a key), POSTKONTOR_NATS_CA (PEM, for TLS).
        """
        access = Access.from_environment(environment, name=source, connect_timeout=connect_timeout)
        return cls(access, account=account, source=source, channel=channel)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect. Raise NotConnected or NotPermitted; a connection lost later is repaired for ever."""
        await self._connection.open()
        await self._requests.open()
        if self._account is not None:
            await self._requests.listen(self._account)

    async def close(self) -> None:
        """End subscriptions, waits and the connection."""
        for subscription in self._subscriptions:
            await subscription.aclose()
        await self._requests.close()
        await self._connection.close()

    # --- requests ---------------------------------------------------------------------------------------------------

    async def request(
        self,
        request: Request,
        *,
        request_id: UUID | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        traceparent: str | None = None,
        to_the_end: bool = False,
        quote_id: UUID | None = None,
    ) -> Outcome:
        """Send a request and return its outcome, a refusal included.

        A request that may wait (`when_unverified="hold"`) can come back as `accepted`: `outcome` waits for its end, and
        so does this with `to_the_end`. With a `quote_id` the quoted price is guaranteed, or the request refused as
        `quote_stale`.
        Raise NoAnswer when none was seen in time: the same `request_id` may then be sent again, for ever and without
        a second effect, provided that the content is the same.
        """
        sending = self._sending(request, request_id, account, traceparent, quote_id=quote_id)
        return await self._requests.wait(**sending, wish="outcome" if to_the_end else "answer", timeout=timeout)

    async def quote(
        self,
        request: Request,
        *,
        request_id: UUID | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        traceparent: str | None = None,
        quote_id: UUID | None = None,
    ) -> Outcome:
        """Send a request as a dry run: the workers decide it and change nothing.

        The outcome's `fact` is a `DryRunFinished`: what would happen, what is missing, and a quote whose `quote_id`
        commits the same request. It is refused where the request would be, and then says what it knows nonetheless.
        With a `quote_id` it tells whether that quote would still hold.
        """
        sending = self._sending(request, request_id, account, traceparent, quote_id=quote_id, dryrun=True)
        return await self._requests.wait(**sending, wish="outcome", timeout=timeout)

    async def publish(
        self,
        request: Request,
        *,
        request_id: UUID | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        traceparent: str | None = None,
        quote_id: UUID | None = None,
        dryrun: bool = False,
    ) -> UUID:
        """Send a request and return its id as soon as the bus has stored it; `outcome` tells later how it ended."""
        sending = self._sending(request, request_id, account, traceparent, quote_id=quote_id, dryrun=dryrun)
        await self._requests.wait(**sending, wish="stored", timeout=timeout)
        return sending["request_id"]

    async def outcome(
        self,
        request_id: UUID,
        request_type: type[Request],
        *,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Outcome:
        """Return the outcome of a request that was sent before, here or elsewhere; wait for it if there is none yet."""
        return await self._requests.wait(
            request_id=request_id,
            account=self._account_of(account),
            route=route_of(request_type),
            wish="outcome",
            payload=None,
            timeout=timeout,
        )

    # --- files ------------------------------------------------------------------------------------------------------

    async def invoice_file(
        self,
        number: str,
        format_: FileFormat = "pdf",
        *,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> InvoiceAsFile | None:
        """Return an invoice as EN 16931 (`xml`), PDF/A-3 with that XML (`pdf`) or its lines (`csv`); None for none.

        Raise FileWaits when it is not rendered in time.
        """
        return await files.fetch(self, number, format_, account=account, timeout=timeout)

    # --- events -----------------------------------------------------------------------------------------------------

    def events(
        self,
        *,
        durable: str,
        account: str | None = None,
        facts: Kinds | None = None,
        deliver: Literal["all", "new"] = "all",
        ack_wait: float = ACK_WAIT_SECONDS,
    ) -> Subscription:
        """Subscribe under a durable name: `async for event in office.events(durable="shop-sync", facts=[...])`.

        The bus remembers what was acknowledged, so nothing is lost while the program is away. `deliver` counts only
        when the name is new: "all" begins with the oldest event kept, "new" with the next. Delivery is at least once.
        """
        subscription = Subscription(
            self._connection,
            durable=durable,
            account=account or self._account or "*",
            facts=facts,
            deliver=deliver,
            ack_wait=ack_wait,
        )
        self._subscriptions.append(subscription)
        return subscription

    async def tail(
        self, *, account: str | None = None, facts: Kinds | None = None, since: datetime | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield events in order without leaving a trace on the bus: those after `since`, or from now on. No acks."""
        types = types_of(facts)
        subjects = subjects_of(account or self._account or "*", types)
        async for message in tail(self._connection, subjects, since):
            event = event_of(message, types)
            if event is not None:
                yield event

    # --- parts ------------------------------------------------------------------------------------------------------

    def _sending(
        self, request: Request, request_id: UUID | None, account: str | None, traceparent: str | None, *,
        quote_id: UUID | None, dryrun: bool = False,
    ) -> _Sending:  # fmt: skip
        request_id, account = request_id or uuid7(), self._account_of(account)
        route = route_of(type(request))
        type_ = route.message.type
        payload = encode(
            message_id=request_id,
            type=type_,
            source=self._source,
            time=datetime.now(UTC),
            account=account,
            data=request,
            correlation_id=request_id,
            traceparent=traceparent or tracing.traceparent(),
            channel=self._channel,
            dryrun=dryrun,
            quote_id=quote_id,
        )
        if len(payload) > MAX_MESSAGE_BYTES:
            raise ValueError(f"the request has {len(payload)} bytes, {MAX_MESSAGE_BYTES} are allowed: split it")
        same = deduplication_id(request_id, account, type_, request, dryrun=dryrun, quote_id=quote_id)
        return _Sending(request_id=request_id, account=account, route=route, payload=payload, deduplication=same)

    def _account_of(self, account: str | None) -> str:
        chosen = account or self._account
        if chosen is None or chosen == "*":
            raise ValueError("name the account, here or when connecting")
        if account is not None:
            _check_account(account)
        return chosen


def _check_account(account: str) -> None:
    try:
        _ACCOUNT.validate_python(account)
    except ValidationError:
        raise ValueError(f"{account!r} is no account id: 2 to 39 characters, a-z, 0-9 and -") from None
