"""Watching a domain until it is proven, with a stand-in for the two workers that know about it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.base import Text
from contracts.dnscheck_v1 import Asked, Attempt, AttemptKind, AttemptsAnswer, TxtChecked
from contracts.domain_v1 import DomainAnswer, DomainView, TxtRecord
from contracts.envelope import encode
from contracts.ids import uuid7
from deploy.devstack.nats import NatsServer
from tests.client.test_cli import PROGRAM, ROOT

NAME = "nordwind-segel.de"
RECORD = TxtRecord(
    name=f"_postkontor-challenge.{NAME}",
    name_in_zone="_postkontor-challenge",
    value="token=abcdefghijklmnopqrstuvwxyz234567",
    zone_line=f'_postkontor-challenge.{NAME}. 300 IN TXT "token=abcdefghijklmnopqrstuvwxyz234567"',
    instructions=Text(de="Eintrag setzen.", en="Set the record."),
)


def attempt(kind: AttemptKind, second: int) -> Attempt:
    at = datetime(2025, 1, 2, 3, 4, second, tzinfo=UTC)
    return Attempt(
        kind=kind,
        code="txt_missing" if kind == "not_yet" else "txt_found",
        text=Text(de="Der Eintrag fehlt noch.", en="The record is not there yet."),
        expected_name=RECORD.name,
        expected_value=RECORD.value,
        asked=(Asked(name=RECORD.name, type="TXT", server="ns1.example", address="192.0.2.1", answer="NXDOMAIN"),),
        checked_at=at,
        elapsed_ms=11,
        next_check_at=at + timedelta(seconds=60),
    )


class Domains:
    """Answers for one domain, and states what it is told to."""

    def __init__(self) -> None:
        self.client = Client()
        self.id = UUID(int=7)
        self.verified = False
        self.attempts = [attempt("not_yet", 1)]

    async def start(self, url: str) -> None:
        await self.client.connect(url)
        await self.client.subscribe("qry.nordwind.domain.domain.v1", cb=self._domain)
        await self.client.subscribe("qry.nordwind.dnscheck.attempts.v1", cb=self._attempts)
        await self.client.flush()

    async def state(self, seen: Attempt) -> None:
        fact = TxtChecked(domain_id=self.id, domain=NAME, requests=(), attempt=seen)
        type_, now = "dnscheck.txt-checked.v1", datetime.now(UTC)
        event = encode(message_id=uuid7(), type=type_, source="test", time=now, account="nordwind", data=fact)
        await self.client.jetstream().publish(f"evt.nordwind.{type_}", event)

    async def _domain(self, message: Msg) -> None:
        now = datetime.now(UTC)
        view = DomainView(
            account="nordwind",
            domain=NAME,
            domain_unicode=NAME,
            domain_id=self.id,
            state="verified" if self.verified else "claimed",
            record=RECORD,
            has_password=False,
            features=(),
            claimed_at=now,
            verified_at=now if self.verified else None,
            next_step=Text(de="TXT-Eintrag setzen.", en="Set the TXT record."),
            revision=1,
        )
        await message.respond(DomainAnswer(domain=view).model_dump_json().encode())

    async def _attempts(self, message: Msg) -> None:
        newest_first = tuple(reversed(self.attempts))
        await message.respond(AttemptsAnswer(txt=newest_first, mx=()).model_dump_json().encode())


@pytest.fixture
async def domains(bus: NatsServer) -> AsyncIterator[Domains]:
    domains = Domains()
    await domains.start(bus.url)
    yield domains
    await domains.client.close()


async def watching(bus: NatsServer, *more: str) -> asyncio.subprocess.Process:
    arguments = ("domain", "show", NAME, "--wait", "-a", "nordwind", "--nats", bus.url, "--lang", "en", *more)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(ROOT),
    )


async def test_watch_prints_a_line_per_check_and_ends_when_proven(bus: NatsServer, domains: Domains) -> None:
    process = await watching(bus)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(30):
        await process.stdout.readuntil(b"txt_missing: The record is not there yet.\n")
        domains.verified = True
        await domains.state(attempt("confirmed", 2))
        out, err = await process.communicate()
    assert process.returncode == 0
    assert b"confirmed  txt_found" in out
    assert b"is verified" in err


async def test_interrupted_watch_says_how_to_resume(bus: NatsServer, domains: Domains) -> None:
    process = await watching(bus)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        await process.stdout.readuntil(b"txt_missing")
        process.send_signal(2)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Watch again: postkontor domain show nordwind-segel.de --wait" in err
    assert b"Traceback" not in err


async def test_record_is_shown_whole_so_that_it_can_be_copied(bus: NatsServer, domains: Domains) -> None:
    process = await watching(bus)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        out = await process.stdout.readuntil(RECORD.zone_line.encode())
        process.send_signal(2)
        await process.communicate()
    for needed in (RECORD.name_in_zone, RECORD.name, RECORD.value):
        assert needed.encode() in out
