"""Who runs a domain's DNS, known by its name servers; and where its one-click API is, by an untrusted record."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dnscheck.findings.providers import PROVIDERS, TRAP_TEXTS, Trap, one_click_api, provider_of
from services.dnscheck.findings.remarks import trap_remark, trap_texts


@pytest.mark.parametrize(
    ("hosts", "key"),
    [
        (["ns1023.ui-dns.de", "ns1023.ui-dns.com", "ns1023.ui-dns.org", "ns1023.ui-dns.biz"], "ionos"),
        (["docks17.rzone.de", "shades03.rzone.de"], "strato"),
        (["hydrogen.ns.hetzner.com", "oxygen.ns.hetzner.com", "helium.ns.hetzner.de"], "hetzner"),
        (["ns1.your-server.de", "ns.second-ns.com", "ns3.second-ns.de"], "hetzner"),
        (["ns.inwx.de", "ns2.inwx.de", "ns3.inwx.eu"], "inwx"),
        (["root-dns.netcup.net", "second-dns.netcup.net", "third-dns.netcup.net"], "netcup"),
        (["ns5.kasserver.com", "ns6.kasserver.com"], "all-inkl"),
        (["ns.udagdns.de", "ns.udagdns.net"], "united-domains"),
        (["ns.namespace4you.de", "ns2.namespace4you.de"], "domainfactory"),
        (["ns53.domaincontrol.com", "ns54.domaincontrol.com"], "godaddy"),
        (["liz.ns.cloudflare.com", "bob.ns.cloudflare.com"], "cloudflare"),
        (["ns-1.awsdns-00.com", "ns-2.awsdns-12.co.uk", "ns-3.awsdns-63.org", "ns-4.awsdns-01.net"], "route53"),
        (["ns1-08.azure-dns.com", "ns2-08.azure-dns.net", "ns3-08.azure-dns.org"], "azure"),
        (["dns1.registrar-servers.com", "dns2.registrar-servers.com"], "namecheap"),
        (["curitiba.ns.porkbun.com", "fortaleza.ns.porkbun.com"], "porkbun"),
        (["NS1.DESEC.IO.", "ns2.desec.org"], "desec"),
        (["ns1.he.net", "ns2.he.net", "ns3.he.net", "ns1.eigen.example"], "he"),
    ],
)
def test_a_provider_is_known_by_its_name_servers(hosts: list[str], key: str) -> None:
    provider = provider_of(hosts)
    assert provider is not None
    assert provider.key == key


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["ns1.nordwind-segel.de", "ns2.nordwind-segel.de"],
        ["ns1.notrzone.de", "ns2.notrzone.de"],  # a suffix ends at a dot
        ["rzone.de.evil.example"],
        ["ns.awsdns-evil.com", "ns.awsdns-.com"],
        ["ns.ui-dns.xyz"],
        ["ns.cloudflare.com.attacker.example"],
        ["docks17.rzone.de", "ns53.domaincontrol.com"],  # neither has more than half
        ["", ".", "..", "de"],
    ],
)
def test_a_provider_that_is_not_certain_is_none(hosts: list[str]) -> None:
    assert provider_of(hosts) is None


def test_the_table_is_in_order() -> None:
    suffixes = [suffix for provider in PROVIDERS for suffix in provider.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(re.fullmatch(r"[a-z0-9-]+\*?(\.[a-z0-9-]+)+", suffix) for suffix in suffixes)
    assert set(TRAP_TEXTS) == set(get_args(Trap))
    used = {provider.trap for provider in PROVIDERS} - {None}
    assert used == set(TRAP_TEXTS), "a trap that no provider has"


def test_a_trap_is_said_where_the_form_has_to_be_filled_in() -> None:
    strato = provider_of(["docks17.rzone.de"])
    assert strato is not None
    said = trap_remark(strato, "not_yet", label="_x", value="token=y")
    assert said == trap_texts(strato, label="_x", value="token=y")
    assert said is not None
    assert "nur _x;" in said[1]
    for code in ("verified", "name_doubled", "dnssec_bogus", "partial"):
        assert trap_remark(strato, code, label="_x", value="token=y") is None
    assert trap_remark(provider_of(["ns.inwx.de"]), "not_yet", label="_x", value="token=y") is None
    assert trap_remark(None, "not_yet", label="_x", value="token=y") is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_stands_in_a_name_never_becomes_a_template(label: str, value: str) -> None:
    for provider in PROVIDERS:
        texts = trap_texts(provider, label=label, value=value)
        assert texts is None or label in texts[0] or value in texts[0] or provider.trap == "saved_as_a_whole"


@pytest.mark.parametrize(
    ("value", "api"),
    [
        ("domainconnect.1and1.com", "domainconnect.1and1.com"),
        ("api.example.com/domainconnect/v2/", "api.example.com/domainconnect/v2"),
        ("https://api.example.com", None),
        ("api.example.com:8443", None),
        ("user@api.example.com", None),
        ("api.example.com/../admin?x=1", None),
        ("api.example.com/%2e", None),
        ("localhost", None),
        ("192.0.2.1", None),
        ("api.example.com\n", None),
        ("a" * 300 + ".example.com", None),
        ("", None),
    ],
)
def test_a_one_click_api_is_a_host_and_a_path_or_nothing(value: str, api: str | None) -> None:
    assert one_click_api([value]) == api
    assert one_click_api(["v=spf1 -all", value]) == api


@given(st.text(max_size=400))
def test_a_one_click_api_is_short_and_plain(value: str) -> None:
    api = one_click_api([value])
    assert api is None or re.fullmatch(r"[A-Za-z0-9._~/-]{4,255}", api)
