"""How mail programs and certificates find their way: host names, SRV records, CAA, name servers. Pure."""

from __future__ import annotations

import ipaddress

from contracts.dnscheck_v1 import AdviceTopic
from services.dnscheck.findings.advice.sentences import AdviceCode
from services.dnscheck.findings.advice.verdict import Verdict, silence
from services.dnscheck.findings.evidence import bounded, listed
from services.dnscheck.observation import Look, MailObservation
from services.dnscheck.records import ExpectedMail, ExpectedService, zone_line

NEIGHBOURHOOD = {4: 24, 6: 48}  # prefix lengths of networks that tend to fail together


def judge_hosts(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Judge the names at which mail programs look for their settings."""
    hosts: tuple[tuple[AdviceTopic, str], ...] = (
        ("autoconfig", expected.autoconfig_host),
        ("autodiscover", expected.autodiscover_host),
    )
    return tuple(judge_host(observation, topic, f"{topic}.{observation.domain}", host) for topic, host in hosts if host)


def judge_host(observation: MailObservation, topic: AdviceTopic, name: str, host: str) -> Verdict:
    """Whether a name leads to our host: as its alias, or by having its addresses."""
    look = observation.look(name, "A")
    if look is None or (look.is_silent and host not in look.aliases):
        return silence(topic, name, look, observation)
    seen = bounded([*(f"CNAME {alias}" for alias in look.aliases[:1]), *look.values, *_ipv6(observation, name)])
    if host in look.aliases:
        return Verdict(topic, "host_ok", name, {"target": host}, seen)
    ours = observation.look(host, "A")
    if look.values and ours is not None and set(look.values) & set(ours.values):
        return Verdict(topic, "host_ok", name, {"target": host}, seen)
    if look.values and (ours is None or ours.is_silent):
        return silence(topic, name, ours, observation)  # nothing to compare the addresses with
    code: AdviceCode = "host_missing"
    if look.values or _ipv6(observation, name):
        code = "host_elsewhere"
    elif look.aliases:
        code = "host_broken"
    words = {"target": host, "first": seen[0] if seen else "-"}
    return Verdict(topic, code, name, words, seen, (zone_line(name, "CNAME", f"{host}."),))


def _ipv6(observation: MailObservation, name: str) -> tuple[str, ...]:
    look = observation.look(name, "AAAA")
    return look.values if look is not None else ()


# --- SRV --------------------------------------------------------------------------------------------------------


def judge_services(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Judge the SRV record of every service that we offer."""
    names = dict.fromkeys(service.service for service in expected.services)
    return tuple(
        _judge_service(observation, [one for one in expected.services if one.service == name]) for name in names
    )


def _judge_service(observation: MailObservation, wanted: list[ExpectedService]) -> Verdict:
    name = f"{wanted[0].service}.{observation.domain}"
    look = observation.look(name, "SRV")
    if look is None or look.is_silent:
        return silence("srv", name, look, observation)
    code = _service_code(look, wanted)
    lines = tuple(zone_line(name, "SRV", f"{one.value}.") for one in wanted)
    words = {"wanted": ", ".join(one.value for one in wanted), "first": listed(look.values[:1]) or "-"}
    return Verdict("srv", code, name, words, bounded(look.values), () if code == "srv_ok" else lines)


def _service_code(look: Look, wanted: list[ExpectedService]) -> AdviceCode:
    """Compare hosts and ports; priorities and weights are free."""
    # The root as host means that there is no such service; written without its dot nothing is left of it.
    found = [[*parts, ""][:4] for value in look.values if len(parts := value.lower().split()) >= 3]
    ours = {(str(one.port), one.host) for one in wanted}
    mine = [parts for parts in found if (parts[2], parts[3].removesuffix(".")) in ours]
    others = [parts for parts in found if (parts[2], parts[3].removesuffix(".")) not in ours]
    if not found:
        return "srv_missing"
    if not mine:
        hosts = {parts[3].removesuffix(".") for parts in found}
        if hosts == {""}:
            return "srv_denied"
        return "srv_other_port" if hosts & {host for _, host in ours} else "srv_elsewhere"
    return "srv_mixed" if others else "srv_ok"


# --- beside the mail --------------------------------------------------------------------------------------------


def judge_caa(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Whether certificates for the domain's mail host names can be had (RFC 8659); without CAA from anybody."""
    if not expected.certificate_issuers:
        return ()
    domain = observation.domain
    look = observation.look(domain, "CAA")
    if look is None or look.is_silent:
        return (silence("caa", domain, look, observation),)
    issuers = [_issuer(value) for value in look.values if value.lower().split()[1:2] == ["issue"]]
    code: AdviceCode = "caa_open"
    if issuers:
        code = "caa_ok" if set(issuers) & set(expected.certificate_issuers) else "caa_forbids"
    lines = tuple(zone_line(domain, "CAA", f'0 issue "{one}"') for one in expected.certificate_issuers)
    words = {"wanted": ", ".join(expected.certificate_issuers), "first": listed(look.values[:1]) or "-"}
    return (Verdict("caa", code, domain, words, bounded(look.values), lines if code == "caa_forbids" else ()),)


def _issuer(value: str) -> str:
    """The issuer of a CAA record's data such as `0 issue "letsencrypt.org; validationmethods=dns-01"`."""
    return value.partition('"')[2].partition('"')[0].partition(";")[0].strip().lower()


def judge_name_servers(observation: MailObservation) -> tuple[Verdict, ...]:
    """Whether the zone survives the loss of one server or one network (RFC 2182 3.1)."""
    servers = observation.delegation.servers
    addresses = [address for server in servers for address in server.addresses]
    code: AdviceCode = "name_servers_ok"
    if len(set(addresses)) < 2:
        code = "name_server_single"
    elif len({_neighbourhood(address) for address in addresses}) < 2:
        code = "name_servers_near"
    hosts = listed(server.host for server in servers)
    return (Verdict("name_servers", code, observation.domain, {"servers": hosts}, bounded(addresses)),)


def _neighbourhood(address: str) -> object:
    parsed = ipaddress.ip_address(address)
    return ipaddress.ip_network((parsed, NEIGHBOURHOOD[parsed.version]), strict=False)
