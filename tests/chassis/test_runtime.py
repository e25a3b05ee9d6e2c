"""Questions from process to process over core NATS: who is asked, who answers, and what silence is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest_asyncio

from deploy.bus.register import Register
from deploy.devstack.nats import NatsServer
from services.chassis.bus import Access
from services.chassis.runtime import SERVED_AT_ONCE, Runtime
from services.chassis.service import Service
from services.chassis.settings import Settings


@pytest_asyncio.fixture
async def runtimes(nats_server: NatsServer, register: Register) -> AsyncIterator[list[Runtime]]:
    """Two processes, as far as the bus can tell."""
    made: list[Runtime] = []
    for name in ("a", "b"):
        connection = await nats.connect(**Access(nats_server.url, seed=register.seed_file("admin")).for_nats())
        parts: Any = (None, None, None, None)
        made.append(Runtime(Service("counting", tables=()), Settings(), name, connection, *parts))
    yield made
    for runtime in made:
        await runtime.stop_serving()
        await runtime.nats.close()


async def test_a_question_is_answered_by_one_of_those_who_serve_it(runtimes: list[Runtime]) -> None:
    here, there = runtimes
    answered: list[str] = []

    for runtime in runtimes:

        async def answer(question: bytes, replica: str = runtime.replica) -> bytes:
            answered.append(replica)
            return question.upper()

        await runtime.serve("counting.test", answer)
    assert await here.ask("counting.test", b"how many?", seconds=5) == b"HOW MANY?"
    assert await there.ask("counting.test", b"how many?", seconds=5) == b"HOW MANY?"
    assert len(answered) == 2


async def test_questions_are_answered_side_by_side(runtimes: list[Runtime]) -> None:
    here, there = runtimes
    both, waiting = asyncio.Event(), []

    async def answer(question: bytes) -> bytes:
        waiting.append(question)
        if len(waiting) == 2:
            both.set()
        await both.wait()
        return question

    await there.serve("counting.slow", answer)
    asked = (here.ask("counting.slow", word, seconds=5) for word in (b"one", b"two"))
    assert await asyncio.gather(*asked) == [b"one", b"two"]


async def test_nobody_a_failure_and_no_answer_are_all_silence(runtimes: list[Runtime]) -> None:
    here, there = runtimes

    async def fail(question: bytes) -> bytes | None:
        if question == b"fail":
            raise ValueError("a bug")
        return None

    await there.serve("counting.odd", fail)
    assert await here.ask("counting.nobody", b"?", seconds=5) is None
    assert await here.ask("counting.odd", b"fail", seconds=0.05) is None
    assert await here.ask("counting.odd", b"none", seconds=0.05) is None
    await here.nats.close()
    assert await here.ask("counting.odd", b"closed", seconds=5) is None


async def test_a_flood_of_questions_is_answered_in_part(runtimes: list[Runtime], eventually: Any) -> None:
    here, there = runtimes
    release, begun = asyncio.Event(), []

    async def answer(question: bytes) -> bytes:
        begun.append(question)
        await release.wait()
        return question

    await there.serve("counting.flood", answer)
    flood = [asyncio.create_task(here.ask("counting.flood", b"x", seconds=1)) for _ in range(SERVED_AT_ONCE + 10)]

    async def full() -> bool:
        return len(begun) == SERVED_AT_ONCE

    await eventually(full)
    release.set()
    answers = await asyncio.gather(*flood)
    assert answers.count(b"x") == SERVED_AT_ONCE
    assert answers.count(None) == 10
