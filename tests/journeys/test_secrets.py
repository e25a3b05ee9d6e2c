"""Password hashes are nowhere but in their columns: marked ones go through every message that has one, well and badly.

The workers are real processes at log level debug, with traces sent to a receiver here. The stream CMD holds requests as
they were sent, by design, and is read by workers only; everything else is searched.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from threading import Thread
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import asyncpg
import nats
import pytest
import pytest_asyncio

from client import Postkontor
from contracts import samples
from contracts.billing_v1 import OpenAccount
from contracts.bulk_v1 import BulkItem, SubmitBulk
from contracts.domain_v1 import ClaimDomain, SetDomainPassword, ValidateDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox, SetMailboxPassword
from contracts.messages import REGISTRY
from contracts.sample_parts import PASSWORD_HASH
from deploy.devstack import dnsupdate
from deploy.devstack.stack import SERVICES, Stack

ACCOUNT, DOMAIN, WAITING = "tresor", "tresor.de", "tresor-wartet.de"
COLUMNS = {"domain.claim.password_hash", "mailbox.mailbox.password_hash", "domain.hold.request"}
PASSING = {"domain.outbox.payload", "billing.outbox.payload", "domain.bulk_item.content"}  # until it has gone on
PROGRAM = "import sys; from services.cli import main; main(sys.argv[1:])"
numbers = count(1)


class Marks:
    """Secrets that can be found again, each of its own."""

    def __init__(self) -> None:
        self.kept: list[str] = []  # in a hash that is accepted
        self.tried: list[str] = []  # in such a hash, in a message that is bad otherwise
        self.clear_ones: list[str] = []  # in what is no hash

    @property
    def all(self) -> list[str]:
        """Return every mark."""
        return self.kept + self.tried + self.clear_ones

    def hashed(self, *, kept: bool = True) -> str:
        """Return a hash with a mark in it."""
        return f"{{SHA512-CRYPT}}$6$saltsalt${self._new(self.kept if kept else self.tried).ljust(86, 'x')}"

    def clear(self) -> str:
        """Return a password."""
        return self._new(self.clear_ones)

    def _new(self, marks: list[str]) -> str:
        marks.append(f"geheim{next(numbers):03}{uuid4().hex}")
        return marks[-1]


class Receiver(BaseHTTPRequestHandler):
    """Keeps what the workers' exporters send."""

    def do_POST(self) -> None:
        self.server.received.append(self.rfile.read(int(self.headers["content-length"])))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def spans() -> Iterator[list[bytes]]:
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    receiver.received = []  # type: ignore[attr-defined]
    Thread(target=receiver.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        environment.setenv("POSTKONTOR_LOG_LEVEL", "debug")
        yield receiver.received  # type: ignore[attr-defined]
    receiver.shutdown()
    receiver.server_close()


class Searched:
    """A stack, who speaks to it, and everything that was heard."""

    def __init__(self, stack: Stack, office: Postkontor, bus: Any, spans: list[bytes]) -> None:
        self.stack, self.office, self.bus, self.spans = stack, office, bus, spans
        self.marks = Marks()
        self.heard: list[bytes] = []
        self.told: list[str] = []  # by the client and the command line

    async def order(self, request: Any) -> Any:
        """Send a request that is well."""
        outcome = await self.office.request(request, account=ACCOUNT)
        self.told.append(f"{request!r} {outcome!r}")
        assert outcome.refusal is None, outcome.refusal
        return outcome

    async def publish(self, type_: str, payload: bytes) -> None:
        """Publish bytes as a program without our client would."""
        try:
            await self.bus.jetstream().publish(f"cmd.{ACCOUNT}.{type_}", payload, timeout=5)
        except Exception as error:
            self.told.append(repr(error))

    async def in_database(self, marks: list[str]) -> dict[str, set[str]]:
        """Return the columns in which marks stand, with these marks."""
        connection = await asyncpg.connect(self.stack.postgres.dsn())
        try:
            tables = await connection.fetch(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname <> ALL('{pg_catalog,information_schema}')"
            )
            found: dict[str, set[str]] = {}
            for schema, table in tables:
                for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"'):
                    for column, value in row.items():
                        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                        for mark in marks:
                            if mark in text:
                                found.setdefault(f"{schema}.{table}.{column}", set()).add(mark)
            return found
        finally:
            await connection.close()

    async def everything_said(self) -> dict[str, str]:
        """Return all else, by where it was found."""
        said = {"answers": b"".join(self.heard).decode("utf-8", "replace"), "client": "\n".join(self.told)}
        said["spans"] = b"".join(self.spans).decode("utf-8", "replace")
        for stream in ("EVT", "DLQ", "ADV"):
            said[stream] = (await self._stored(stream)).decode("utf-8", "replace")
        for service in SERVICES:
            (worker,) = self.stack.workers(service)
            said[f"log of {service}"] = worker.log_path.read_text()
            url = f"http://127.0.0.1:{worker.health_port}/metrics"
            said[f"metrics of {service}"] = await asyncio.to_thread(lambda u=url: urlopen(u).read().decode())
        return said

    async def _stored(self, stream: str) -> bytes:
        context = self.bus.jetstream()
        last = (await context.stream_info(stream)).state.last_seq
        found = [await context.get_msg(stream, seq) for seq in range(1, last + 1)]
        return b"\n".join((message.subject or "").encode() + b" " + (message.data or b"") for message in found)


@pytest_asyncio.fixture(scope="module")
async def searched(tmp_path_factory: pytest.TempPathFactory, spans: list[bytes]) -> AsyncIterator[Searched]:
    async with (
        Stack(tmp_path_factory.mktemp("secrets"), sync_always=False) as stack,
        Postkontor.from_environment(stack.environment(), account="*", source="secrets-test") as office,
    ):
        bus = await nats.connect(**stack.access("admin").for_nats())
        made = Searched(stack, office, bus, spans)

        async def heard(message: Any) -> None:
            made.heard.append(message.data)

        await bus.subscribe("rpl.>", cb=heard)
        await bus.flush()
        yield made
        await bus.close()


def secret_samples() -> dict[str, dict[str, Any]]:
    """Return the data of every order on the bus that may carry a password hash, by type."""
    orders = {
        message.type: samples.SAMPLES[message.type].model_dump(mode="json")
        for message in REGISTRY.all()
        if message.kind == "cmd" and '"writeOnly": true' in json.dumps(message.model.model_json_schema())
    }
    assert len(orders) >= 8, sorted(orders)
    return orders


def put(content: Any, secret: Any) -> Any:
    """Return content with the sample's hash replaced."""
    match content:
        case dict():
            return {name: put(value, secret) for name, value in content.items()}
        case list():
            return [put(member, secret) for member in content]
        case _:
            return secret if content == PASSWORD_HASH else content


def fields_beside(data: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the places of a message's texts that are no secrets."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from ((name, *inner) for inner in fields_beside(value))
        elif isinstance(value, str) and value != PASSWORD_HASH:
            yield (name,)


def placed(data: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the data with a value at a place."""
    first, *rest = place
    return data | {first: placed(data[first], tuple(rest), value) if rest else value}


def envelope(type_: str, data: Any, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": str(uuid7()), "type": type_, "source": "by-hand", "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json", "data": data, **changes,
    }  # fmt: skip


def bad_messages(type_: str, data: dict[str, Any], marks: Marks) -> Iterator[tuple[str, bytes]]:
    """Yield what must come to nothing: a type for the subject, and a payload with a secret in it."""

    def whole(content: Any, **changes: Any) -> tuple[str, bytes]:
        return type_, json.dumps(envelope(type_, content, **changes)).encode()

    for secret in (
        f"{{PLAIN}}{marks.clear()}",
        marks.clear(),
        [marks.clear()],
        {"x": marks.clear()},
        marks.clear() * 20,
    ):
        yield whole(put(data, secret))
        without_id = envelope(type_, put(data, secret))
        del without_id["id"]  # nobody to refuse it to: a dead letter
        yield type_, json.dumps(without_id).encode()
    good = put(data, marks.hashed(kept=False))
    yield type_, json.dumps(envelope(type_, good)).encode()[:-30] + marks.clear().encode()
    yield type_.replace(".v1", ".v9"), json.dumps(envelope(type_.replace(".v1", ".v9"), good)).encode()
    yield type_, json.dumps(envelope("mailbox.other.v1", good)).encode()
    yield whole(good, account="somebody-else")
    yield whole(good, time=marks.hashed(kept=False))
    yield whole(good | {"password": marks.clear()})
    yield whole(good | {marks.hashed(kept=False): 1}, id="no-id")
    yield whole(good | {marks.hashed(kept=False): 1})
    yield whole(good, filler="x" * 300_000)
    for place in fields_beside(data):
        yield whole(placed(good, place, marks.hashed(kept=False)), id="no-id")
        yield whole(placed(good, place, [marks.hashed(kept=False)]))


async def walk_well(searched: Searched) -> None:
    """Let a customer do everything that carries a secret."""
    stack, marks = searched.stack, searched.marks
    await searched.order(OpenAccount(package="gold", company="Tresor", email="a@tresor.example"))
    claimed = await searched.order(ClaimDomain(domain=DOMAIN, password_hash=marks.hashed()))
    await dnsupdate.register_domain(stack.dns.tld_address, stack.dns.port, DOMAIN)
    record = claimed.fact.domain.record
    await dnsupdate.set_txt(stack.dns.update_address, stack.dns.port, DOMAIN, record.name + ".", record.value)
    await searched.order(ValidateDomain(domain=DOMAIN))
    await searched.order(SetDomainPassword(domain=DOMAIN, password_hash=marks.hashed()))
    await searched.order(mailbox(f"a@{DOMAIN}", marks))
    await searched.order(SetMailboxPassword(address=f"a@{DOMAIN}", password_hash=marks.hashed()))
    await searched.order(ClaimDomain(domain=WAITING))
    held = await searched.order(mailbox(f"b@{WAITING}", marks).model_copy(update={"when_unverified": "hold"}))
    assert held.state == "accepted"
    item = BulkItem(line=1, kind="mailbox", order=mailbox(f"c@{DOMAIN}", marks).model_dump(mode="json"))
    bad = BulkItem(line=2, kind="mailbox", order={**item.order, "password_hash": f"{{PLAIN}}{marks.clear()}"})
    await searched.order(SubmitBulk(bulk_id=uuid7(), part=1, parts=1, total=2, digest="ab" * 32, items=(item, bad)))


def mailbox(address: str, marks: Marks) -> CreateMailbox:
    return CreateMailbox(address=address, first_name="A", last_name="B", plan="mail", password_hash=marks.hashed())


async def try_the_command_line(searched: Searched) -> None:
    """Give it bad hashes and a hash that is in order; keep what it prints."""
    person = ("--first-name", "A", "--last-name", "B", "--plan", "mail")
    for hashed in (f"{{PLAIN}}{searched.marks.clear()}", searched.marks.hashed(kept=False)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, "mailbox", "create", "x@fremd.de", *person, "--password-hash", hashed,
            "-a", ACCOUNT, "-o", "json", env=os.environ | searched.stack.environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode not in (0, None), out
        searched.told.append(out.decode())


def try_the_models(searched: Searched) -> None:
    """Make requests that cannot be; keep what the errors say."""
    for type_, data in secret_samples().items():
        for secret in (f"{{PLAIN}}{searched.marks.clear()}", searched.marks.clear() * 20, [searched.marks.clear()]):
            model = next(message.model for message in REGISTRY.all() if (message.kind, message.type) == ("cmd", type_))
            try:
                searched.told.append(repr(model.model_validate(put(data, secret))))
            except ValueError as error:
                searched.told.append(f"{error} {error!r}")


async def test_a_secret_is_found_in_its_column_and_nowhere_else(searched: Searched, eventually: Any) -> None:
    await walk_well(searched)
    for type_, data in secret_samples().items():
        for subject, payload in bad_messages(type_, data, searched.marks):
            await searched.publish(subject, payload)
    await try_the_command_line(searched)
    try_the_models(searched)

    async def settled() -> bool:
        await searched.order(SetMailboxPassword(address=f"a@{DOMAIN}", password_hash=searched.marks.hashed()))
        return not PASSING & set(await searched.in_database(searched.marks.all))

    await eventually(settled, what="every hand-over to be published and gone")
    assert set(await searched.in_database(searched.marks.kept)) == COLUMNS
    # Hand-overs ignore fields that they do not know, so one of the bad ones is none.
    assert set(await searched.in_database(searched.marks.tried)) <= COLUMNS
    assert await searched.in_database(searched.marks.clear_ones) == {}
    said = await searched.everything_said()
    assert all(said[where] for where in said if where != "ADV"), "nothing to be searched"
    leaks = [
        f"{where}: {_around(text, mark)}" for where, text in said.items() for mark in searched.marks.all if mark in text
    ]
    assert leaks == []


async def test_log_lines_are_json_and_say_which_message_was_in_hand(searched: Searched) -> None:
    lines: list[dict[str, str]] = []
    for service in SERVICES:
        (worker,) = searched.stack.workers(service)
        mine = [json.loads(line) for line in worker.log_path.read_text().splitlines()]
        assert all({"event", "level", "timestamp", "service"} <= set(line) for line in mine)
        assert {line["service"] for line in mine} == {service}
        lines += mine
    letters = [line for line in lines if line["event"] == "dead letter"]
    assert letters
    assert all({"message_id", "request_id", "account", "message_type", "trace_id"} <= set(line) for line in letters)


def _around(text: str, mark: str) -> str:
    at = text.index(mark)
    return text[max(0, at - 300) : at + 60]


def test_every_order_with_a_secret_has_one_in_its_sample() -> None:
    without = [type_ for type_, data in secret_samples().items() if PASSWORD_HASH not in json.dumps(data)]
    assert without == []
