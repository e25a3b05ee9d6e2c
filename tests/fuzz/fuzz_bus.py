"""Fuzzing of the bus: generated and mutated messages on every subject, against the real workers.

    python tests/fuzz/fuzz_bus.py                              100,000 messages, some minutes
    python tests/fuzz/fuzz_bus.py --messages 5000 --seed 7     the same messages for the same seed

Afterwards no worker has died, every message that a stream took is handled once (an inbox row with its fate, or a dead
letter), nothing is waiting, and each worker still does its work. Dead letters with `internal_error` are bugs that did
no harm; they are shown and fail the run all the same. What only the database refused is shown.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
import nats.errors
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client

sys.path.insert(0, str(Path(__file__).parents[2]))

from client import Postkontor
from contracts.billing_v1 import AskAccount, OpenAccount
from contracts.envelope import encode
from contracts.messages import REGISTRY, SERVICES, AskRequest
from contracts.samples import SAMPLES
from deploy.devstack.stack import Stack
from services.chassis.causes import cause_of
from services.chassis.received import Raw, Unreadable, read
from services.chassis.runtime import utc_now
from services.chassis.topology import lanes

ACCOUNTS = ("nordwind", "suedwind", "fuzz-1", "fuzz-2", "x1")
WINDOW = 256
PATIENCE_SECONDS = 120.0
ODD_ACCOUNTS = ("A", "ä", "a" * 200, "-", "postkontor", "*", "NORDWIND", "0")
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 2**4000, 1e308, "", " ", "\x00", "a" * 5_000, "\ud800", "ﷺ" * 50, [], {}, [[]] * 50,
    "{ARGON2ID}x", "anna@" + "b" * 300 + ".de", "xn--", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "NaN",
)  # fmt: skip


@dataclass
class Sent:
    """One message as it went out."""

    subject: str
    payload: bytes
    stream: str | None = None
    seq: int = 0


@dataclass
class Findings:
    """What the run has shown."""

    stored: int = 0
    refused_by_the_bus: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # what no reader found wrong, but the database did


def json_values(count: int, seed: int) -> list[Any]:
    """Return JSON values that Hypothesis makes up."""
    found: list[Any] = []
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
    values = st.recursive(
        leaves, lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=10), part, max_size=4)
    )

    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None, derandomize=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values)
    def collect(value: Any) -> None:
        found.append(value)

    random.seed(seed)
    collect()
    return found


class Source:
    """Makes messages up, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._values = [*ODD_VALUES, *json_values(2_000, seed)]
        self._messages = [message for message in REGISTRY.all() if message.kind in ("cmd", "evt")]
        self._sent: list[Sent] = []
        self._mutations: list[Callable[[bytes], bytes]] = [
            self._flip, self._cut, self._insert, self._repeat, self._change_value, self._change_value,
            self._change_value, self._drop_field, self._add_field, self._nest,
        ]  # fmt: skip

    def message(self) -> Sent:
        """Return the next message."""
        roll = self._dice.random()
        if roll < 0.03 and self._sent:
            made = self._dice.choice(self._sent)  # the same again: a duplicate, or another content under the same id
            return Sent(made.subject, made.payload if roll < 0.015 else self._mutated(made.payload))
        made = self._of_the_registry()
        if roll > 0.15:
            made = Sent(made.subject, self._mutated(made.payload))
        if roll > 0.97:
            made = Sent(self._odd_subject(made.subject), made.payload)
        if len(self._sent) < 5_000:
            self._sent.append(made)
        return made

    def _of_the_registry(self) -> Sent:
        message, account = self._dice.choice(self._messages), self._dice.choice(ACCOUNTS)
        payload = encode(
            message_id=self._id(), type=message.type, source="fuzz", time=utc_now(), account=account,
            data=SAMPLES.get(message.type) or SAMPLES[f"{message.service}.{message.name}.v1"],
            correlation_id=self._id() if self._dice.random() < 0.5 else None,
            revision=self._dice.choice((None, 1, 2, 10**6)),
        )  # fmt: skip
        return Sent(message.subject(account), payload)

    def _id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128), version=4)

    def _odd_subject(self, subject: str) -> str:
        tokens = subject.split(".")
        place = self._dice.randrange(1, len(tokens))
        tokens[place] = self._dice.choice((*ODD_ACCOUNTS, "v9", "make-coffee", "billing", "v1"))
        return ".".join(token.replace(" ", "_").replace("*", "star").replace(">", "all") for token in tokens)

    def _mutated(self, payload: bytes) -> bytes:
        for _ in range(self._dice.choice((1, 1, 1, 2, 5))):
            payload = self._dice.choice(self._mutations)(payload)
        return payload[:250_000]

    # --- bytes ------------------------------------------------------------------------------------------------------

    def _flip(self, payload: bytes) -> bytes:
        if not payload:
            return b"\xff"
        place = self._dice.randrange(len(payload))
        return payload[:place] + bytes([self._dice.randrange(256)]) + payload[place + 1 :]

    def _cut(self, payload: bytes) -> bytes:
        return payload[: self._dice.randrange(len(payload) + 1)]

    def _insert(self, payload: bytes) -> bytes:
        place = self._dice.randrange(len(payload) + 1)
        return payload[:place] + self._dice.choice((b"\x00", b"{", b'"', b"\xed\xa0\x80", b"[" * 500)) + payload[place:]

    def _repeat(self, payload: bytes) -> bytes:
        return payload * self._dice.choice((2, 3))

    # --- structure --------------------------------------------------------------------------------------------------

    def _change_value(self, payload: bytes) -> bytes:
        return self._edited(payload, lambda parent, key: parent.__setitem__(key, self._dice.choice(self._values)))

    def _drop_field(self, payload: bytes) -> bytes:
        return self._edited(payload, lambda parent, key: parent.__delitem__(key))

    def _add_field(self, payload: bytes) -> bytes:
        def add(parent: Any, _: Any) -> None:
            if isinstance(parent, dict):
                parent[self._dice.choice(("extra", "dryrun", "account", "id", "data", "quoteid"))] = self._dice.choice(
                    self._values
                )

        return self._edited(payload, add)

    def _nest(self, payload: bytes) -> bytes:
        depth = self._dice.choice((10, 200, 2_000))
        return self._edited(payload, lambda parent, key: parent.__setitem__(key, _nested(parent[key], depth)))

    def _edited(self, payload: bytes, edit: Callable[[Any, Any], None]) -> bytes:
        try:
            value = json.loads(payload)
            places = list(_places(value))
        except (ValueError, RecursionError):
            return self._flip(payload)
        if not places:
            return b"[]"
        edit(*self._dice.choice(places))
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(value).encode("utf-8", "surrogatepass")
        return b"{}"


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


async def send(client: Client, source: Source, count: int, findings: Findings) -> list[Sent]:
    """Publish, and note where each was stored."""
    all_sent: list[Sent] = []
    context = client.jetstream(publish_async_max_pending=WINDOW * 2)
    for begin in range(0, count, WINDOW):
        wave = [source.message() for _ in range(min(WINDOW, count - begin))]
        acks = await asyncio.gather(*(_publish(context, one) for one in wave), return_exceptions=True)
        findings.refused_by_the_bus += sum(isinstance(ack, BaseException) for ack in acks)
        all_sent += wave
        if begin // WINDOW % 40 == 0:
            print(f"{begin:,} sent", flush=True)
    findings.stored = sum(one.stream is not None for one in all_sent)
    return all_sent


async def _publish(context: Any, one: Sent) -> None:
    ack = await context.publish(one.subject, one.payload, headers={"Nats-Msg-Id": uuid4().hex}, timeout=10)
    one.stream, one.seq = ack.stream, ack.seq


async def settled(client: Client, findings: Findings) -> None:
    """Wait until no consumer has anything left."""
    context, deadline = client.jetstream(), time.monotonic() + PATIENCE_SECONDS
    while True:
        waiting: dict[str, int] = {}
        for spec in (spec for service in SERVICES for spec in lanes(service, 4)):
            info = await context.consumer_info(spec.stream, spec.consumer)
            if left := (info.num_pending or 0) + (info.num_ack_pending or 0):
                waiting[spec.consumer] = left
        if not waiting:
            return
        if time.monotonic() > deadline:
            findings.faults.append(f"still waiting after {PATIENCE_SECONDS:.0f} s: {waiting}")
            return
        await asyncio.sleep(0.1)


async def audit(stack: Stack, sent: list[Sent], findings: Findings) -> None:
    """Look for every stored request in its worker's books."""
    connection = await asyncpg.connect(stack.postgres.dsn())
    for service in SERVICES:
        rows = await connection.fetch(f"SELECT message_id, fate FROM {service}.inbox")
        known = {row["message_id"]: row["fate"] for row in rows}
        letters = await connection.fetch(f"SELECT stream, stream_seq, code, detail, type FROM {service}.dead_letter")
        buried = {(row["stream"], row["stream_seq"]) for row in letters}
        for row in letters:
            findings.dead[f"{service} {row['code']}"] += 1
            if row["code"] == "rows_refused":
                findings.odd.append(f"{service}, {row['type']}: {row['detail'][-200:]}")
            if row["code"] == "internal_error":
                findings.faults.append(f"{service}, {row['type']}: {row['detail'][-400:]}")
        for one in sent:
            if one.stream == "CMD" and one.subject.split(".")[2] == service:
                raw = Raw(f"{one.subject}.0", one.payload, "CMD", one.seq, "", 0)
                message = read(raw)
                fate = known.get(cause_of(message, 0, raw.subject).id)
                findings.fates[fate or "none"] += 1
                if fate is None and ("CMD", one.seq) not in buried:
                    readable = "unreadable" if isinstance(message, Unreadable) else "readable"
                    findings.faults.append(f"{service}: {readable} message {one.seq} on {one.subject} left no trace")
    await connection.close()


async def still_working(stack: Stack, pids: dict[str, list[int]], findings: Findings) -> None:
    """Each worker is the process that it was, and answers."""
    for service, before in pids.items():
        now = [worker.pid for worker in stack.workers(service) if worker.alive]
        if now != before:
            findings.faults.append(f"{service} has died: {before} became {now}")
    async with Postkontor.from_environment(stack.environment(), account="after-all", source="fuzz") as office:
        opened = await office.request(OpenAccount(package="silver", company="A", email="a@example.com"))
        if opened.refusal is not None or (await office.ask(AskAccount())).account is None:
            findings.faults.append("billing does not work any more")
        for service in SERVICES:
            subject = f"qry.after-all.{service}.request.v1"
            question = AskRequest(request_id=opened.request_id).model_dump_json().encode()
            async with contextlib.AsyncExitStack():
                await office._connection.ask(subject, question, 10)  # pyright: ignore[reportPrivateUsage]


async def run(count: int, seed: int) -> Findings:
    """Fuzz a stack of its own."""
    findings, source = Findings(), Source(seed)
    with tempfile.TemporaryDirectory(prefix="postkontor-fuzz-") as directory:
        async with Stack(Path(directory), sync_always=False) as stack:
            pids = {service: [worker.pid for worker in stack.workers(service)] for service in SERVICES}
            client = await nats.connect(**stack.access("admin").for_nats(), error_cb=_silent)
            began = time.monotonic()
            sent = await send(client, source, count, findings)
            await settled(client, findings)
            print(f"{count:,} messages in {time.monotonic() - began:.0f} s", flush=True)
            await audit(stack, sent, findings)
            await still_working(stack, pids, findings)
            await client.close()
    return findings


async def _silent(_: Exception) -> None:
    """The broker's complaints about subjects and sizes are its answers to the publisher."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    findings = asyncio.run(run(options.messages, options.seed))
    print(f"stored {findings.stored:,}, refused by the bus {findings.refused_by_the_bus:,}")
    print("fates of requests:", dict(findings.fates))
    print("dead letters:", dict(findings.dead.most_common()))
    for what, times in Counter(findings.odd).items():
        print(f"refused by the database ({times}): {what}")
    kinds = Counter(findings.faults)
    for fault, times in kinds.most_common(40):
        print(f"FAULT ({times}): {fault}")
    print("no fault" if not kinds else f"{sum(kinds.values())} faults")
    sys.exit(bool(kinds))


if __name__ == "__main__":
    main()
