"""What a worker tells Prometheus: counted when committed, asked for over HTTP, and never with an account in a label."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import asyncpg
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup, SetMailboxFeatures
from deploy.devstack.ports import free_port
from services.chassis import metrics

ACCOUNT = "geheimfirma"


class Metered:
    """A worker with its metrics' address."""

    def __init__(self, bus: Any, port: int) -> None:
        self.bus, self._url = bus, f"http://127.0.0.1:{port}/metrics"

    async def text(self) -> str:
        """Return the answer of /metrics."""

        def fetch() -> str:
            with urlopen(self._url, timeout=5) as answer:
                assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
                return answer.read().decode()

        return await asyncio.to_thread(fetch)

    async def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Return a metric's values by its labels in alphabetical order, without the service."""
        return {
            tuple(value for label, value in sorted(sample.labels.items()) if label != "service"): sample.value
            for family in text_string_to_metric_families(await self.text())
            for sample in family.samples
            if sample.name == name and sample.labels.get("service", "mailbox") == "mailbox"
        }

    async def grows(self, name: str, *labels: str, from_: float = 0.0) -> float:
        """Wait until a value is above another; return it."""

        async def grown() -> float:
            value = (await self.values(name)).get(labels, 0.0)
            return value if value > from_ else 0.0

        return await self.bus.eventually(grown, what=f"{name}{labels} above {from_}")

    async def order(self, *addresses: str) -> Any:
        """Send a request and wait for its outcome."""
        return await self.bus.request(ACCOUNT, SetMailboxFeatures(addresses=addresses, features=()))


@pytest_asyncio.fixture(scope="module")
async def metered(bus: Any, counting: Any) -> Metered:
    """One counting worker with a health port."""
    port = free_port()
    worker = await bus.start(counting.make_service(), health_port=port)
    connection = await asyncpg.connect(bus.database_url)
    await connection.execute(counting.SETUP)
    await connection.close()
    await bus.owns_all(worker, lanes=5)
    return Metered(bus, port)


async def test_messages_are_counted_by_type_and_fate_and_refusals_by_code(metered: Metered) -> None:
    type_ = "mailbox.set-mailbox-features.v1"
    counted = {("messages", fate, type_) for fate in ("done", "refused", "never")}
    counted |= {("refusals", "mailbox_unknown"), ("stated", "mailbox.features-set.v1")}

    async def counts() -> dict[tuple[str, ...], float]:
        # Other tests of this process count in the same counters.
        return {(name, *labels): (await metered.values(f"postkontor_{name}_total")).get(tuple(labels), 0.0)
                for name, *labels in counted}  # fmt: skip

    before = await counts()
    dead = (await metered.values("postkontor_dead_letters_total")).get(("internal_error",), 0.0)
    await metered.order("a@x.de")
    await metered.order("refused@x.de")
    await metered.order("bug@x.de")
    await metered.grows("postkontor_dead_letters_total", "internal_error", from_=dead)
    assert await counts() == {what: times + 1 for what, times in before.items()}
    assert (await metered.values("postkontor_dead_letters_open"))[()] == 1
    assert (await metered.values("postkontor_batch_seconds_count"))[()] >= 3
    assert (await metered.values("postkontor_message_wait_seconds_count"))[()] >= 3


async def test_a_repeated_message_is_counted_as_a_duplicate(metered: Metered) -> None:
    request = SetMailboxFeatures(addresses=("twice@x.de",), features=())
    id_ = uuid7()
    for _ in range(2):
        await metered.bus.send(ACCOUNT, request, id=id_)
    await metered.grows("postkontor_messages_total", "duplicate", "mailbox.set-mailbox-features.v1")


async def test_wake_ups_are_counted_by_kind(metered: Metered) -> None:
    await metered.bus.send(ACCOUNT, DeleteGroup(name="Counted"))
    await metered.grows("postkontor_wake_ups_total", "done", "wake")


async def test_a_type_that_nobody_registered_makes_no_series(metered: Metered) -> None:
    for _ in range(3):
        await metered.bus.send_raw(f"cmd.{ACCOUNT}.mailbox.{uuid4().hex}.v1", b"{}")
    assert await metered.grows("postkontor_messages_total", "never", "unknown", from_=2.0) == 3


async def test_what_waits_and_who_owns_it_is_looked_up(metered: Metered) -> None:
    await metered.order("looked@x.de")

    async def all_done() -> bool:
        return not any((await metered.values("postkontor_consumer_pending")).values())

    await metered.bus.eventually(all_done)
    assert set(await metered.values("postkontor_consumer_pending")) == {(n,) for n in ("0", "1", "2", "3", "1000")}
    for name in ("bus_connected", "database_up"):
        assert (await metered.values(f"postkontor_{name}"))[()] == 1
    for name in ("lanes", "lanes_owned"):
        assert (await metered.values(f"postkontor_{name}"))[()] == 5
    # Each lane at least once; other workers of this process count here too.
    assert sum((await metered.values("postkontor_lane_takeovers_total")).values()) >= 5
    assert (await metered.values("postkontor_since_last_look_seconds"))[()] < 5


async def test_everything_sampled_is_declared_and_no_label_names_an_account(metered: Metered) -> None:
    await metered.bus.client.request(f"qry.{ACCOUNT}.mailbox.request.v1", b'{"request_id":"x"}', timeout=5)
    await metered.grows("postkontor_questions_total", "bad", "request")
    text = await metered.text()
    assert ACCOUNT not in text
    assert "@x.de" not in text
    missing = [kind.name for kind in metrics.SAMPLED if f"# TYPE {kind.name} gauge" not in text]
    assert missing == []
