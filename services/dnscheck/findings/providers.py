"""Who runs a domain's DNS, by the names of its name servers, and what trips people up in that provider's form. Pure.

Only what is certain stands here: a wrong name sends the customer to the wrong form. A provider without a known trap has
none listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Trap = Literal["relative_name", "prefix_field", "quoted_value", "relative_without_dot", "saved_as_a_whole"]

# {label} is the name as it is to be entered, {value} the record's value, {provider} the provider's name.
TRAP_TEXTS: dict[Trap, tuple[str, str]] = {
    "relative_name": (
        "{provider} appends the domain by itself: enter only {label} as the name.",
        "{provider} hängt die Domain selbst an: Tragen Sie als Namen nur {label} ein.",
    ),
    "prefix_field": (
        'At {provider} only {label} belongs into the field "Präfix"; the domain is appended by itself.',
        "Bei {provider} gehört in das Feld „Präfix“ nur {label}; die Domain wird von selbst angehängt.",
    ),
    "quoted_value": (
        'At {provider} the value needs double quotation marks around it: "{value}".',
        'Bei {provider} muss der Wert in geraden Anführungszeichen stehen: "{value}".',
    ),
    "relative_without_dot": (
        "{provider} appends the domain to every name without a dot at the end: enter only {label} as the name.",
        "{provider} hängt die Domain an jeden Namen ohne Punkt am Ende an: Tragen Sie als Namen nur {label} ein.",
    ),
    "saved_as_a_whole": (
        "At {provider} a new record counts only after the whole list was saved with the button below it.",
        "Bei {provider} gilt ein neuer Eintrag erst, wenn Sie die ganze Liste mit der Schaltfläche darunter speichern.",
    ),
}


@dataclass(frozen=True, slots=True)
class Provider:
    """A DNS provider: the ends of its name servers' names, label by label; `*` stands for a number."""

    key: str
    name: str
    suffixes: tuple[str, ...]
    trap: Trap | None = None


PROVIDERS = (
    Provider("ionos", "IONOS", ("ui-dns.de", "ui-dns.com", "ui-dns.org", "ui-dns.biz")),
    Provider("strato", "STRATO", ("rzone.de",), "prefix_field"),
    Provider("hetzner", "Hetzner", ("ns.hetzner.com", "ns.hetzner.de"), "relative_without_dot"),
    Provider("hetzner", "Hetzner", ("ns1.your-server.de", "first-ns.de", "second-ns.de", "second-ns.com")),
    Provider("inwx", "INWX", ("inwx.de", "inwx.eu", "inwx.com", "inwx.net")),
    Provider("netcup", "netcup", ("root-dns.netcup.net", "second-dns.netcup.net", "third-dns.netcup.net"),
             "saved_as_a_whole"),
    Provider("united-domains", "united-domains", ("udagdns.de", "udagdns.net")),
    Provider("all-inkl", "ALL-INKL.COM", ("kasserver.com",)),
    Provider("domainfactory", "DomainFactory", ("namespace4you.de",)),
    Provider("godaddy", "GoDaddy", ("domaincontrol.com",), "relative_name"),
    Provider("cloudflare", "Cloudflare", ("ns.cloudflare.com",)),
    Provider("route53", "Amazon Route 53", ("awsdns-*.com", "awsdns-*.net", "awsdns-*.org", "awsdns-*.co.uk"),
             "quoted_value"),
    Provider("google", "Google (Squarespace)", ("googledomains.com",)),
    Provider("squarespace", "Squarespace", ("squarespacedns.com",)),
    Provider("namecheap", "Namecheap", ("registrar-servers.com",), "relative_name"),
    Provider("ovh", "OVHcloud", ("ovh.net", "anycast.me")),
    Provider("gandi", "Gandi", ("gandi.net",)),
    Provider("azure", "Microsoft Azure", ("azure-dns.com", "azure-dns.net", "azure-dns.org", "azure-dns.info")),
    Provider("digitalocean", "DigitalOcean", ("ns1.digitalocean.com", "ns2.digitalocean.com", "ns3.digitalocean.com")),
    Provider("vercel", "Vercel", ("vercel-dns.com",)),
    Provider("ns1", "NS1 (Netlify)", ("nsone.net",)),
    Provider("wix", "Wix", ("wixdns.net",)),
    Provider("porkbun", "Porkbun", ("porkbun.com",), "relative_name"),
    Provider("hostinger", "Hostinger", ("dns-parking.com",)),
    Provider("desec", "deSEC", ("desec.io", "desec.org")),
    Provider("he", "Hurricane Electric", ("he.net",)),
    Provider("infomaniak", "Infomaniak", ("infomaniak.ch", "infomaniak.com")),
)  # fmt: skip

MAX_ONE_CLICK_CHARACTERS = 255
_ONE_CLICK = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9](?:/[a-z0-9._~-]+)*/?\Z", re.IGNORECASE
)


def provider_of(hosts: Iterable[str]) -> Provider | None:
    """Return who runs more than half of the name servers, if that is certain."""
    names = list(hosts)
    found = [provider for host in names if (provider := _provider_of_host(host)) is not None]
    best = max(found, key=found.count, default=None)
    return best if best is not None and 2 * found.count(best) > len(names) else None


def one_click_api(values: Iterable[str]) -> str | None:
    """Return where a provider's Domain Connect API is, as host[/path], or None where nothing of the kind is named.

    It is only ever shown: nothing is fetched from there.
    """
    for value in values:
        if len(value) <= MAX_ONE_CLICK_CHARACTERS and _ONE_CLICK.match(value):
            return value.rstrip("/")
    return None


def _provider_of_host(host: str) -> Provider | None:
    labels = host.lower().removesuffix(".").split(".")
    for provider in PROVIDERS:
        if any(_ends_with(labels, suffix.split(".")) for suffix in provider.suffixes):
            return provider
    return None


def _ends_with(labels: list[str], suffix: list[str]) -> bool:
    ends = labels[-len(suffix) :]
    return len(ends) == len(suffix) and all(map(_fits, ends, suffix))


def _fits(label: str, pattern: str) -> bool:
    """`awsdns-*` stands for a label that begins so and ends with digits; else the label itself."""
    if not pattern.endswith("*"):
        return label == pattern
    start = pattern.removesuffix("*")
    return label.startswith(start) and label[len(start) :].isdecimal()
