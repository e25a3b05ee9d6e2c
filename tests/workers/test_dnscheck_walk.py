"""Walks that share what they ask: asked once for all who look, nobody's trouble another's, nothing old believed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest
from dns.message import Message
from dns.name import Name

from deploy.devstack.demodns import DemoDns
from deploy.devstack.dnssockets import Asked, DnsSockets
from services.dnscheck.asking import restraint
from services.dnscheck.asking.asker import Asker, Reply
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.flights import Circle, Flights
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.asking.restraint import Rates
from services.dnscheck.observation import TxtObservation

LABEL = "_postkontor-challenge"
PROVIDER, ELSEWHERE = "127.53.3.1", "127.53.3.2"
MANY = 200
numbers = itertools.count(1)


@pytest.fixture
async def resolver(demo: DemoDns, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Resolver]:
    """A patient one: on a busy machine no question shall go out twice, however quick the server was before."""
    monkeypatch.setattr(restraint, "MIN_FIRST_TRY_SECONDS", 3.0)
    rates = Rates(server_per_second=1e6, registry_per_second=1e6, zone_per_second=1e6)
    patient = Resolver(
        [demo.root_address], demo.port, ["127.0.0.0/8"], timeouts_seconds=(3.0,), attempt_seconds=10.0, rates=rates
    )
    with closing(patient):
        yield patient


class Questions:
    """Every question that went out, by name and type."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()

    def of(self, name: str, rdtype: str = "SOA") -> int:
        return self.asked[name, rdtype]


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> Questions:
    """Notes what is asked on its way out."""
    noted, ask = Questions(), Asker.ask

    async def noting(self: Asker, server: object, address: str, zone: Name, name: Name, rdtype, *rest, **more) -> Reply:
        noted.asked[str(name).removesuffix("."), dns.rdatatype.to_text(rdtype)] += 1
        return await ask(self, server, address, zone, name, rdtype, *rest, **more)

    monkeypatch.setattr(Asker, "ask", noting)
    return noted


@pytest.fixture
def provider(demo: DemoDns) -> str:
    """A provider whose name server is not in its customers' zones."""
    name = f"anbieter-{next(numbers)}.com"
    demo.add_zone(name)
    demo.set_records(name, "ns", "A", [PROVIDER])
    return name


def customers(demo: DemoDns, provider: str, count: int = 1) -> list[str]:
    """Register domains at the provider."""
    names = [f"kunde-{next(numbers)}.de" for _ in range(count)]
    for name in names:
        demo.set_records("de", name.removesuffix(".de"), "NS", [f"ns.{provider}."])
    return names


@asynccontextmanager
async def serving(demo: DemoDns, *addresses: str, value: str = "here", slow: bool = False) -> AsyncIterator[None]:
    """Servers that answer every TXT question with a value."""

    def respond(asked: Asked) -> Message | None:
        query = asked.query
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        if query.question[0].rdtype == dns.rdatatype.TXT:
            reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "TXT", f'"{value}"')]
        return reply

    sockets = DnsSockets(addresses, respond)
    await sockets.open(iter([demo.port]))
    try:
        yield
    finally:
        await sockets.close()


async def look(resolver: Resolver, domain: str, *, insistent: bool = False) -> TxtObservation:
    return await resolver.observe_txt(domain, f"{LABEL}.{domain}", insistent=insistent)


def values(observations: Iterable[TxtObservation]) -> set[tuple[str, ...]]:
    return {answer.values for seen in observations for answer in seen.answers}


# --- asked once ----------------------------------------------------------------------------------------------------


async def test_looks_that_begin_together_ask_for_what_they_share_once(
    demo: DemoDns, resolver: Resolver, provider: str, questions: Questions
):
    domains = customers(demo, provider, MANY)
    async with serving(demo, PROVIDER):
        seen = await asyncio.gather(*(look(resolver, domain) for domain in domains))
    assert values(seen) == {("here",)}
    assert (questions.of("de"), questions.of("com")) == (1, 1)
    # The way to the name server: once of the registry and once of its own zone.
    assert (questions.of(f"ns.{provider}"), questions.of(f"ns.{provider}", "A")) == (2, 1)
    assert {questions.of(domain) for domain in domains} == {1}


async def test_who_shared_still_says_what_was_asked(demo: DemoDns, resolver: Resolver, provider: str):
    domains = customers(demo, provider, 3)
    async with serving(demo, PROVIDER):
        seen = await asyncio.gather(*(look(resolver, domain) for domain in domains))
    for domain, observation in zip(domains, seen, strict=True):
        assert {answer.name for answer in observation.delegation.asked} >= {"de", domain, "com", f"ns.{provider}"}


async def test_both_facets_of_a_domain_share_its_walk(
    demo: DemoDns, resolver: Resolver, provider: str, questions: Questions
):
    [domain] = customers(demo, provider)
    async with serving(demo, PROVIDER):
        await asyncio.gather(look(resolver, domain), resolver.observe_mx(domain))
    assert questions.of(domain) == 1


# --- nobody's trouble another's ------------------------------------------------------------------------------------


async def test_a_look_that_is_cancelled_leaves_the_walk_to_the_others(
    demo: DemoDns, resolver: Resolver, provider: str, questions: Questions
):
    first, *others = customers(demo, provider, 5)
    async with serving(demo, PROVIDER):
        starter = asyncio.create_task(look(resolver, first))
        while not questions.asked:
            await asyncio.sleep(0)
        waiting = [asyncio.create_task(look(resolver, domain)) for domain in others]
        await asyncio.sleep(0)
        starter.cancel()
        assert values(await asyncio.gather(*waiting)) == {("here",)}
    assert questions.of("de") == 1


async def test_a_walk_that_fails_by_its_starters_budget_is_walked_again_by_the_others(
    demo: DemoDns, resolver: Resolver, provider: str, monkeypatch: pytest.MonkeyPatch
):
    poor, *others = customers(demo, provider, 5)
    full, spent = resolver._budget, iter([1])  # what the first attempt may ask

    def budget(insistent: bool):
        made = full(insistent)
        made.queries = next(spent, made.queries)
        return made

    monkeypatch.setattr(resolver, "_budget", budget)
    async with serving(demo, PROVIDER):
        failed, *seen = await asyncio.gather(*(look(resolver, domain) for domain in (poor, *others)))
    assert failed.limits == ("queries",)
    assert values(seen) == {("here",)}
    assert {observation.limits for observation in seen} == {()}


async def test_nobody_waits_for_another_longer_than_the_own_time(demo: DemoDns, resolver: Resolver):
    silent, customer = f"still-{next(numbers)}", f"kunde-{next(numbers)}"
    demo.set_records("de", silent, "NS", [f"ns1.{silent}.de."])
    demo.set_records("de", f"ns1.{silent}", "A", [ELSEWHERE])
    demo.set_records("de", customer, "NS", [f"ns.{silent}.de."])
    name = dns.name.from_text(f"{customer}.de")
    nobody = DnsSockets([ELSEWHERE], lambda asked: None)
    await nobody.open(iter([demo.port]))
    patient = asyncio.create_task(resolver._walker.walk(name, Budget(Budget.now() + 10)))
    await asyncio.sleep(0.05)

    started = time.monotonic()
    hurried = Budget(started + 0.2)
    assert (await resolver._walker.walk(name, hurried)).state == "could_not_ask"
    assert time.monotonic() - started < 1
    assert hurried.limits == ["time"]
    patient.cancel()
    await nobody.close()


async def test_name_servers_that_need_each_other_end_at_once(demo: DemoDns, resolver: Resolver):
    one, other = f"henne-{next(numbers)}", f"ei-{next(numbers)}"
    demo.set_records("de", one, "NS", [f"ns.{other}.com."])
    demo.set_records("com", other, "NS", [f"ns.{one}.de."])
    seen = await asyncio.gather(look(resolver, f"{one}.de"), look(resolver, f"{other}.com"))
    assert {observation.delegation.state for observation in seen} == {"could_not_ask"}
    assert all(observation.elapsed_ms < 1000 for observation in seen)


async def test_two_who_would_wait_for_each_other_are_told():
    flights: Flights[str] = Flights()
    both = asyncio.Barrier(2)

    async def work(key: str, other: str) -> str:
        await both.wait()
        try:
            return (await flights.share(other, lambda: work(other, key), waiter=key))[0]
        except Circle:
            return f"{key} alone"

    found = await asyncio.gather(flights.share("a", lambda: work("a", "b")), flights.share("b", lambda: work("b", "a")))
    assert {result for result, _ in found} in ({"a alone"}, {"b alone"})
    await asyncio.sleep(0)
    assert len(flights) == 0


async def test_work_ends_with_the_last_who_waits_for_it():
    flights: Flights[None] = Flights()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = [asyncio.create_task(flights.share("a", work)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for count, task in enumerate(waiting, start=1):
        assert len(flights) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        assert ended.is_set() == (count == len(waiting))
    assert len(flights) == 0


# --- nothing old believed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confirms_first", [True, False])
async def test_a_domain_that_moves_is_seen_by_the_next_look(
    demo: DemoDns, resolver: Resolver, provider: str, confirms_first: bool
):
    [domain] = customers(demo, provider)
    new = f"neuer-{provider}"
    demo.add_zone(new)
    demo.set_records(new, "ns", "A", [ELSEWHERE])
    async with serving(demo, PROVIDER, value="old"), serving(demo, ELSEWHERE, value="new"):
        assert values([await look(resolver, domain)]) == {("old",)}
        if not confirms_first:
            resolver.forget(domain)
        demo.set_records("de", domain.removesuffix(".de"), "NS", [f"ns.{new}."])
        assert values([await look(resolver, domain)]) == {("new",)}


async def test_a_name_server_that_moves_is_seen_by_a_look_that_somebody_waits_for(
    demo: DemoDns, resolver: Resolver, provider: str
):
    [domain] = customers(demo, provider)
    async with serving(demo, PROVIDER, value="old"), serving(demo, ELSEWHERE, value="new"):
        assert values([await look(resolver, domain)]) == {("old",)}
        demo.set_records(provider, "ns", "A", [ELSEWHERE])
        assert values([await look(resolver, domain)]) == {("old",)}  # within the time its own zone allows
        assert values([await look(resolver, domain, insistent=True)]) == {("new",)}
        assert values([await look(resolver, domain)]) == {("new",)}


async def test_a_zone_whose_servers_are_gone_is_forgotten_at_once(demo: DemoDns, provider: str):
    """The provider's own zone moves: the remembered way to its name server leads nowhere."""
    first, second = customers(demo, provider, 2)
    zone, tld = provider.split(".")
    resolver = Resolver([demo.root_address], demo.port, ["127.0.0.0/8"], timeouts_seconds=(0.1,), attempt_seconds=3.0)
    demo.set_records(tld, zone, "NS", [f"dns.{provider}."])
    demo.set_records(tld, f"dns.{zone}", "A", ["127.53.3.9"])
    with closing(resolver):
        assert (await look(resolver, first)).delegation.servers[0].addresses == ()
        demo.set_records(tld, zone, "NS", [f"ns1.{provider}."])
        async with serving(demo, PROVIDER):
            assert values([await look(resolver, second)]) == {("here",)}
