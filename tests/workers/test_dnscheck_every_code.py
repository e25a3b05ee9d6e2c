"""Every code of a finding on the wire: what has to be there for it, and that it is that code and no other.

A code without a scenario fails. More about single codes stands in test_dnscheck_scenarios and test_dnscheck_mx.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, get_args

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.message import Message

from deploy.devstack.demodns import ROOT_ADDRESS, ZONE_ADDRESSES, DemoDns
from deploy.devstack.dnssockets import DnsSockets
from services.dnscheck.asking.recursor import Recursor
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.corroboration import Corroborator
from services.dnscheck.findings.diagnosis import Diagnosis, diagnose_txt, kind_of
from services.dnscheck.findings.mx import ExpectedMx, MxDiagnosis, diagnose_mx
from services.dnscheck.findings.proof import ExpectedTxt
from services.dnscheck.findings.sentences import Code, MxCode

LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
OLD = "a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5"
OTHERS = "z7y6x5w4v3u2z7y6x5w4v3u2z7y6x5w4"
OWN_OTHER = "q2w3e4r5t6z7q2w3e4r5t6z7q2w3e4r5"
VALUE = f"token={TOKEN}"
MX = (ExpectedMx(10, "mx1.postkontor.example"), ExpectedMx(20, "mx2.postkontor.example"))
OURS = ["10 mx1.postkontor.example.", "20 mx2.postkontor.example."]
ODD_ADDRESS, RECURSOR_ADDRESS = "127.53.0.9", "127.53.0.8"
numbers = itertools.count(1)


@dataclass
class Scene:
    """A domain with an empty zone, for a scenario to spoil, and how it is looked at."""

    demo: DemoDns
    resolver: Resolver
    odd_server: Any
    stack: AsyncExitStack
    domain: str
    wanted: str = ""  # the domain to prove, if another
    seen_servers: tuple[str, ...] = ()
    corroborator: Corroborator = field(default_factory=Corroborator)

    def records(self, name: str, rdtype: str, *values: str) -> None:
        self.demo.set_records(self.domain, name, rdtype, values)

    def all_servers(self, fault: Any) -> None:
        for address in ZONE_ADDRESSES:
            self.demo.set_fault(address, self.domain, fault)

    async def recursor(self, respond: Callable[[Message], Message | None]) -> Recursor:
        sockets = DnsSockets([RECURSOR_ADDRESS], lambda asked: respond(asked.query))
        await sockets.open(iter([self.demo.port]))
        self.stack.push_async_callback(sockets.close)
        return Recursor(RECURSOR_ADDRESS, self.demo.port, (0.1,))

    async def look(self) -> Diagnosis:
        domain = self.wanted or self.domain
        expected = ExpectedTxt(
            name=f"{LABEL}.{domain}",
            tokens=(TOKEN,),
            old_tokens=(OLD,),
            others_tokens=(OTHERS,),
            own_tokens=((OWN_OTHER, "ostwind.de"),),
        )
        seen = await self.resolver.observe_txt(
            domain, expected.name, deep=True, sibling="3f9a2b71c0d4e586", seen_servers=self.seen_servers
        )
        return diagnose_txt(await self.corroborator.corroborated(seen, expected), expected)

    async def look_at_mx(self) -> MxDiagnosis:
        seen = await self.resolver.observe_mx(self.wanted or self.domain, ours=[record.host for record in MX])
        return diagnose_mx(seen, MX)


@pytest.fixture
async def scene(demo: DemoDns, resolver: Resolver, odd_server: Any) -> Any:
    name = f"taklerei-{next(numbers)}.de"
    demo.add_zone(name)
    async with AsyncExitStack() as stack:
        yield Scene(demo, resolver, odd_server, stack, name)


Scenario = Callable[[Scene], Awaitable[None]]
TXT: list[tuple[Code, Scenario]] = []
MAIL: list[tuple[MxCode, Scenario]] = []


def shows(*codes: Any, mx: Any = None) -> Callable[[Scenario], Scenario]:
    """The scenario leads to this code, with `mx` to that one of the MX records as well."""

    def register(scenario: Scenario) -> Scenario:
        TXT.extend((code, scenario) for code in codes)
        if mx:
            MAIL.append((mx, scenario))
        return scenario

    return register


def codes_of(union: Any) -> set[str]:
    return {code for part in get_args(union) for code in (get_args(part) or (part,))}


# --- the proof ----------------------------------------------------------------------------------------------------


@shows("not_yet", mx="missing")
async def nothing_is_there(scene: Scene) -> None:
    pass


@shows("verified")
async def the_record_is_there(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE)


@shows("partial")
async def one_server_lags(scene: Scene) -> None:
    scene.demo.freeze(ZONE_ADDRESSES[1], scene.domain)
    scene.records(LABEL, "TXT", VALUE)


@shows("domain_not_registered", mx="domain_not_registered")
async def nobody_has_the_domain(scene: Scene) -> None:
    scene.demo.remove_zone(scene.domain)


@shows("name_doubled")
async def the_form_appended_the_domain(scene: Scene) -> None:
    scene.records(f"{LABEL}.{scene.domain}", "TXT", VALUE)


@shows("underscore_missing")
async def the_form_took_no_underscore(scene: Scene) -> None:
    scene.records(LABEL.lstrip("_"), "TXT", VALUE)


@shows("at_www")
async def the_record_is_the_web_sites(scene: Scene) -> None:
    scene.records(f"{LABEL}.www", "TXT", VALUE)


@shows("in_parent_name")
async def the_record_is_the_domains_above(scene: Scene) -> None:
    scene.wanted = f"mail.{scene.domain}"
    scene.records(LABEL, "TXT", VALUE)


@shows("wrong_provider")
async def the_zone_names_a_server_that_the_registry_does_not(scene: Scene) -> None:
    scene.records("ns9", "A", ODD_ADDRESS)
    scene.records("@", "NS", f"ns1.{scene.domain}.", f"ns2.{scene.domain}.", f"ns9.{scene.domain}.")
    await scene.stack.enter_async_context(scene.odd_server(with_token))


@shows("wrong_provider")
async def the_provider_of_before_has_the_record(scene: Scene) -> None:
    scene.records("ns-alt", "A", ODD_ADDRESS)
    scene.seen_servers = (f"ns-alt.{scene.domain}",)
    await scene.stack.enter_async_context(scene.odd_server(with_token))


@shows("old_token")
async def the_value_is_an_earlier_one(scene: Scene) -> None:
    scene.records(LABEL, "TXT", f"token={OLD}")


@shows("other_account_token")
async def the_value_is_another_accounts(scene: Scene) -> None:
    scene.records(LABEL, "TXT", f"token={OTHERS}")


@shows("other_account_token")
async def another_accounts_value_is_at_the_domain_itself(scene: Scene) -> None:
    scene.records("@", "TXT", f"token={OTHERS}")


@shows("other_domain_token")
async def the_value_is_for_another_domain_of_the_account(scene: Scene) -> None:
    scene.records(LABEL, "TXT", f"token={OWN_OTHER}")


@shows("value_truncated")
async def the_value_was_cut_off(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE[:-5])


@shows("value_extra_text")
async def the_name_was_pasted_into_the_value(scene: Scene) -> None:
    scene.records(LABEL, "TXT", f"{LABEL} {VALUE}")


@shows("wildcard_answer")
async def a_wildcard_answers(scene: Scene) -> None:
    scene.records("*", "TXT", "v=spf1 -all")


@shows("wrong_value")
async def the_value_is_another(scene: Scene) -> None:
    scene.records(LABEL, "TXT", "v=spf1 -all")


@shows("challenge_delegated")
async def the_challenge_has_name_servers_without_the_record(scene: Scene) -> None:
    scene.records(LABEL, "NS", f"ns.{LABEL}")
    scene.records(f"ns.{LABEL}", "A", ODD_ADDRESS)
    await scene.stack.enter_async_context(scene.odd_server(empty))


@shows("cname_loop")
async def the_alias_leads_back(scene: Scene) -> None:
    scene.records(LABEL, "CNAME", "a")
    scene.records("a", "CNAME", LABEL)


@shows("cname_target_broken")
async def the_alias_leads_nowhere(scene: Scene) -> None:
    scene.records(LABEL, "CNAME", "x.nicht-registriert.de.")


@shows("cname_target_no_txt")
async def the_alias_leads_to_a_web_server(scene: Scene) -> None:
    scene.records("www", "A", "192.0.2.80")
    scene.records(LABEL, "CNAME", "www")


@shows("wrong_type")
async def the_record_is_an_address(scene: Scene) -> None:
    scene.records(LABEL, "A", "192.0.2.80")


@shows("dnssec_bogus")
async def the_signatures_are_broken(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE)

    def respond(query: Message) -> Message:
        return with_token(query) if query.flags & dns.flags.CD else failing(query)

    scene.corroborator = Corroborator(recursor=await scene.recursor(respond))


@shows("not_corroborated")
async def the_recursor_fails(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE)
    scene.corroborator = Corroborator(recursor=await scene.recursor(failing))


@shows("verified")
async def the_recursor_remembers_the_time_before(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE)
    scene.corroborator = Corroborator(recursor=await scene.recursor(empty))


@shows("perspectives_disagree")
async def two_sites_see_nothing(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE)

    async def ask(subject: str, question: bytes, seconds: float) -> bytes:
        site = subject.rpartition(".")[2]
        verdict = "confirmed" if site == "ams" else "not_yet"
        return f'{{"site": "{site}", "verdict": "{verdict}"}}'.encode()

    scene.corroborator = Corroborator(sites=("ams", "ber", "fra"), quorum=2, ask=ask)


# --- name servers in trouble --------------------------------------------------------------------------------------


def with_the_right_records(scene: Scene) -> None:
    scene.records(LABEL, "TXT", VALUE)
    scene.records("@", "MX", *OURS)


@shows("servers_unreachable", mx="servers_unreachable")
async def the_servers_are_silent(scene: Scene) -> None:
    with_the_right_records(scene)
    scene.all_servers("drop")


@shows("servers_failing", mx="servers_failing")
async def the_servers_fail(scene: Scene) -> None:
    with_the_right_records(scene)
    scene.all_servers("servfail")


@shows("lame_delegation", mx="lame_delegation")
async def the_servers_refuse(scene: Scene) -> None:
    with_the_right_records(scene)
    scene.all_servers("refused")


@shows("lame_delegation", mx="lame_delegation")
async def the_servers_answer_without_authority(scene: Scene) -> None:
    with_the_right_records(scene)
    scene.all_servers("not_authoritative")


@shows("tcp_blocked", mx="tcp_blocked")
async def the_answer_is_too_long_and_tcp_shut(scene: Scene) -> None:
    with_the_right_records(scene)
    scene.all_servers("truncate")


@shows("ns_malformed", mx="ns_malformed")
async def the_answers_cannot_be_read(scene: Scene) -> None:
    with_the_right_records(scene)
    scene.all_servers("malformed")


@shows("ns_unresolvable", mx="ns_unresolvable")
async def the_name_servers_names_do_not_exist(scene: Scene) -> None:
    scene.demo.set_records("de", f"{scene.domain}.", "NS", ["ns.gibt-es-nicht.com."])


@shows("ns_private", mx="ns_private")
async def the_name_servers_addresses_are_internal(scene: Scene) -> None:
    for number in (1, 2):
        scene.demo.set_records("de", f"ns{number}.{scene.domain}.", "A", [f"10.0.0.{number}"])


# --- where mail goes ----------------------------------------------------------------------------------------------


def mail(code: MxCode, *records: str, **others: tuple[str, str]) -> None:
    """The domain has these MX records, and these others at names of its own."""

    async def scenario(scene: Scene) -> None:
        for name, (rdtype, value) in others.items():
            scene.records(name.replace("apex", "@"), rdtype, value)
        scene.records("@", "MX", *records)

    scenario.__name__ = f"records_{'_'.join(records)}"
    MAIL.append((code, scenario))


ELSEWHERE = "mx.elsewhere.example."
mail("ok", *OURS)
mail("implicit_a", apex=("A", "192.0.2.80"))
mail("implicit_a", apex=("AAAA", "2001:db8::80"))
mail("foreign", f"10 {ELSEWHERE}")
mail("foreign_preferred", *OURS, f"5 {ELSEWHERE}")
mail("mixed", *OURS, f"50 {ELSEWHERE}")
mail("incomplete", OURS[0])
mail("wrong_order", "20 mx1.postkontor.example.", "10 mx2.postkontor.example.")
mail("null", "0 .")
mail("null_and_others", "0 .", *OURS)
mail("ip_address", "10 192.0.2.25.")
mail("localhost", "10 localhost.")
mail("localhost", *OURS, "30 mail.localhost.")
mail("name_doubled", "10 mx1.postkontor.example")
mail("target_is_alias", "10 zweitname", zweitname=("CNAME", "mx1.postkontor.example."))
mail("target_broken", "10 gibt-es-nicht")
mail("target_dangling", *OURS, "30 mx.nicht-registriert.de.")
mail("target_dangling", f"10 {ELSEWHERE}", "20 mx.nicht-registriert.de.")
mail("apex_alias", apex=("CNAME", "shop.example."))


@shows(mx="inconsistent")
async def the_servers_differ(scene: Scene) -> None:
    scene.records("@", "MX", f"10 {ELSEWHERE}")
    scene.demo.freeze(ZONE_ADDRESSES[1], scene.domain)
    scene.records("@", "MX", *OURS)


@shows("root_unreachable", mx="root_unreachable")
async def somebody_answers_in_place_of_the_root(scene: Scene) -> None:
    scene.demo.set_fault(ROOT_ADDRESS, ".", "refused")
    scene.stack.callback(scene.demo.set_fault, ROOT_ADDRESS, ".", None)


@shows("look_cut_short", mx="look_cut_short")
async def name_servers_hang_on_one_another(scene: Scene) -> None:
    zone, _, tld = scene.domain.rpartition(".")
    hosts = [f"ns{number}.{zone}-{number}" for number in range(9)]
    scene.demo.set_records(tld, zone, "NS", [f"{host}.com." for host in hosts])
    for number, host in enumerate(hosts):
        scene.demo.set_records("com", host.partition(".")[2], "NS", [f"ns.{zone}-{number}.example."])


# --- the tests ----------------------------------------------------------------------------------------------------


def named(scenarios: list[tuple[Any, Scenario]]) -> list[Any]:
    return [pytest.param(code, scenario, id=f"{code}-{scenario.__name__}") for code, scenario in scenarios]


@pytest.mark.parametrize(("code", "scenario"), named(TXT))
async def test_the_scenario_shows_this_code_of_the_proof_and_no_other(
    scene: Scene, code: Code, scenario: Scenario
) -> None:
    await scenario(scene)
    found = await scene.look()
    assert (found.code, found.kind) == (code, kind_of(code))
    assert "{" not in found.text_en + found.text_de


@pytest.mark.parametrize(("code", "scenario"), named(MAIL))
async def test_the_scenario_shows_this_code_of_the_mx_records_and_no_other(
    scene: Scene, code: MxCode, scenario: Scenario
) -> None:
    await scenario(scene)
    found = await scene.look_at_mx()
    assert found.code == code
    assert "{" not in found.text_en + found.text_de


def test_every_code_has_a_scenario() -> None:
    assert {code for code, _ in TXT} == codes_of(Code)
    assert {code for code, _ in MAIL} == codes_of(MxCode)


# --- servers of the tests' own ------------------------------------------------------------------------------------


def with_token(query: Message) -> Message:
    reply = empty(query)
    reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "TXT", f'"{VALUE}"')]
    return reply


def empty(query: Message) -> Message:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA
    return reply


def failing(query: Message) -> Message:
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.SERVFAIL)
    return reply
