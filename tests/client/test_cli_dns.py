"""`postkontor dns check`: a look at the DNS without a bus, against the demo hierarchy."""

from collections.abc import AsyncIterator

import dns.zone
import pytest
import pytest_asyncio

from deploy.devstack.demodns import ZONE_ADDRESSES, DemoDns
from services.dnscheck.standalone import Outlook
from tests.client.test_cli import Ran, run

LABEL = "_postkontor-challenge"
VALUE = "token=k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
DOMAIN = "nordwind-segel.de"


@pytest_asyncio.fixture(scope="module")
async def demo() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    server.add_zone(DOMAIN)
    yield server
    await server.stop()


async def check(demo: DemoDns, *arguments: str, **environment: str) -> Ran:
    where = {
        "POSTKONTOR_DNS_ROOT": demo.root_address,
        "POSTKONTOR_DNS_PORT": str(demo.port),
        "POSTKONTOR_DNS_ALLOW_NETWORKS": "127.0.0.0/8",
        "POSTKONTOR_DNS_TIMEOUTS_SECONDS": "0.2,0.4",
    }
    return await run("dns", "check", *arguments, **where | environment)


async def test_an_empty_zone_is_told_all_that_it_needs(demo: DemoDns) -> None:
    ran = await check(demo, DOMAIN)
    assert ran.code == 0
    assert ran.err == ""
    for word in (
        f"ns1.{DOMAIN} {ZONE_ADDRESSES[0]}",
        f"There is nothing at {LABEL}.{DOMAIN}",
        "has no MX record",
        "SPF",
    ):
        assert word in ran.out


async def test_the_lines_to_set_make_a_zone(demo: DemoDns) -> None:
    outlook = Outlook.model_validate_json((await check(demo, DOMAIN, "--value", VALUE, "--json")).out)
    soa = f"{DOMAIN}. 300 IN SOA ns1.{DOMAIN}. host.{DOMAIN}. 1 1 1 1 1\n{DOMAIN}. 300 IN NS ns1.{DOMAIN}.\n"
    zone = dns.zone.from_text(soa + "\n".join(outlook.records), DOMAIN, relativize=True)
    assert zone.get_rdataset(LABEL, "TXT")[0].strings == (VALUE.encode(),)
    assert {str(record.exchange) for record in zone.get_rdataset("@", "MX")} == {
        "mx1.postkontor.example.",
        "mx2.postkontor.example.",
    }
    assert zone.get_rdataset("_dmarc", "TXT")


async def test_a_record_that_is_missing_is_refused_and_one_that_is_there_confirmed(demo: DemoDns) -> None:
    missing = await check(demo, DOMAIN, "--value", VALUE)
    assert missing.code == 3
    assert "The record is not there yet" in missing.out
    demo.set_records(DOMAIN, LABEL, "TXT", [VALUE])
    there = await check(demo, DOMAIN, "--value", VALUE, "--lang", "de", "--evidence")
    assert there.code == 0
    assert "Bestätigt" in there.out
    assert f"{LABEL}.{DOMAIN} TXT" in there.out
    shown = await check(demo, DOMAIN)
    assert f"At {LABEL}.{DOMAIN} there is: {VALUE}" in shown.out
    demo.set_records(DOMAIN, LABEL, "TXT", [])


async def test_a_name_that_is_not_registered_is_one_sentence(demo: DemoDns) -> None:
    ran = await check(demo, "gibt-es-nicht.de")
    assert ran.code == 3
    assert "gibt-es-nicht.de does not exist (yet)" in ran.out
    assert "SPF" not in ran.out


async def test_servers_that_fail_are_not_reported_as_missing_records(demo: DemoDns) -> None:
    demo.add_zone("kaputt.de")
    for address in ZONE_ADDRESSES:
        demo.set_fault(address, "kaputt.de", "servfail")
    ran = await check(demo, "kaputt.de", "-o", "json")
    outlook = Outlook.model_validate_json(ran.out)
    assert ran.code == 3
    assert (outlook.mx.code, outlook.mx.state) == ("servers_failing", "unknown")
    assert outlook.records == ()


async def test_a_root_out_of_reach_is_not_the_domains_fault(demo: DemoDns) -> None:
    ran = await check(demo, DOMAIN, POSTKONTOR_DNS_ROOT="127.53.9.9")
    assert ran.code == 3
    assert "No root server of the DNS can be reached from this machine" in ran.out
    assert "we keep trying" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (("einwort",), {}, "at least two labels"),
        ((".".join(["a" * 60] * 4) + ".de",), {}, "is too long"),
        ((f"https://{DOMAIN}/",), {}, "give the domain alone"),
        ((f"post@{DOMAIN}",), {}, "give the domain alone"),
        ((DOMAIN, "--demo"), {}, "No demo DNS is running here"),
        ((DOMAIN,), {"POSTKONTOR_MX": "mx1"}, "POSTKONTOR_MX"),
        ((DOMAIN,), {"POSTKONTOR_DNS_RECURSOR": "abc"}, "POSTKONTOR_DNS_RECURSOR"),
    ],
)
async def test_wrong_usage_is_named(
    demo: DemoDns, arguments: tuple[str, ...], environment: dict[str, str], words: str
) -> None:
    ran = await check(demo, *arguments, **environment)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
