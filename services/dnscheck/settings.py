"""What the environment says to dnscheck alone: whom to ask and how, and which records are ours."""

import ipaddress
from functools import lru_cache
from typing import Annotated, Self

from publicsuffixlist import PublicSuffixList
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.dnscheck.asking.addresses import IPNetwork
from services.dnscheck.asking.recursor import Recursor
from services.dnscheck.asking.resolver import ATTEMPT_SECONDS, TCP_TIMEOUT_SECONDS, TIMEOUTS_SECONDS, Resolver
from services.dnscheck.asking.restraint import DEFAULT_RATES, Rates
from services.dnscheck.corroboration import SITE_PATTERN
from services.dnscheck.findings.mx import ExpectedMx
from services.dnscheck.records import ExpectedDkim, ExpectedMail, ExpectedService

# The IPv4 addresses of a.root-servers.net to m.root-servers.net (root hints file of IANA).
ROOT_SERVERS = (
    "198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4",
    "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33",
)  # fmt: skip


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _mx_records(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.split() for part in value.split(",") if part.strip()]
    if not pairs or any(len(pair) != 2 or not pair[0].isdecimal() for pair in pairs):
        raise ValueError("write MX records as `10 mx1.example.net, 20 mx2.example.net`")
    return tuple(ExpectedMx(int(preference), host.lower().removesuffix(".")) for preference, host in pairs)


def _recursor(value: object) -> object:
    """Read `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`."""
    if not isinstance(value, str) or not value:
        return value or None
    address, _, port = value.rpartition("]:") if value.startswith("[") else value.rpartition(":")
    if not address or (":" in address and not value.startswith("[")):
        address, port = value, "53"
    address = address.removeprefix("[").removesuffix("]")
    ipaddress.ip_address(address)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("write a recursor as `192.0.2.53:53` or `[2001:db8::53]:53`")
    return Recursor(address, int(port))


Site = Annotated[str, StringConstraints(pattern=rf"^{SITE_PATTERN}$")]


def _dkim(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if any(not selector or not wanted for selector, _, wanted in pairs):
        raise ValueError("write DKIM selectors as `pk1=pk1.{domain}.dkim.example.net, pk2=v=DKIM1; p=MIIB...`")
    return tuple(_dkim_selector(selector.strip(), wanted.strip()) for selector, _, wanted in pairs)


def _dkim_selector(selector: str, wanted: str) -> ExpectedDkim:
    if wanted.lower().startswith("v=dkim1"):
        return ExpectedDkim(selector.lower(), key=wanted)
    return ExpectedDkim(selector.lower(), target=_host(wanted))


def _services(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = [part.split() for part in value.split(",") if part.strip()]
    if any(len(part) != 5 or not all(number.isdecimal() for number in part[1:4]) for part in found):
        raise ValueError("write SRV records as `_submissions._tcp 0 1 465 smtp.example.net, ...`")
    return tuple(ExpectedService(name, int(a), int(b), int(port), _host(host)) for name, a, b, port, host in found)


def _host(value: str) -> str:
    return value.strip().lower().removesuffix(".")


Host = Annotated[str, AfterValidator(_host)]


class DnscheckSettings(BaseSettings):
    """The settings. Lists are written with commas."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    dns_root: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), Field(min_length=1)] = ROOT_SERVERS
    dns_port: Annotated[int, Field(ge=1, le=65535)] = 53
    dns_allow_networks: Annotated[
        tuple[IPNetwork, ...], NoDecode, BeforeValidator(_listed), Field(description="private ones that may be asked")
    ] = ()
    dns_timeouts_seconds: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...], NoDecode, BeforeValidator(_listed), Field(min_length=1)
    ] = TIMEOUTS_SECONDS
    dns_tcp_timeout_seconds: Annotated[float, Field(gt=0)] = TCP_TIMEOUT_SECONDS
    dns_attempt_seconds: Annotated[float, Field(gt=0)] = ATTEMPT_SECONDS
    dns_ipv6: Annotated[bool, Field(description="ask name servers over IPv6 too, where this machine has it")] = False
    dns_recursor: Annotated[
        Recursor | None, NoDecode, BeforeValidator(_recursor), Field(description="validating, the operator's own")
    ] = None
    dns_site: Annotated[Site | None, Field(description="this process answers for that site")] = None
    dns_perspectives: Annotated[
        tuple[Site, ...], NoDecode, BeforeValidator(_listed), Field(description="sites to ask; this one is left out")
    ] = ()
    dns_quorum: Annotated[int | None, Field(ge=1, description="sites that must confirm; the majority by default")] = (
        None
    )
    dns_server_rate: Annotated[float, Field(gt=0, description="questions a second to one server address")] = (
        DEFAULT_RATES.server_per_second
    )
    dns_registry_rate: Annotated[float, Field(gt=0, description="the same for servers of root and registries")] = (
        DEFAULT_RATES.registry_per_second
    )
    dns_zone_rate: Annotated[float, Field(gt=0, description="questions a second to one server about one zone")] = (
        DEFAULT_RATES.zone_per_second
    )
    dns_rest_seconds: Annotated[float, Field(ge=0, description="a silent server's first rest; 0 is none")] = (
        DEFAULT_RATES.rest_seconds
    )
    mx: Annotated[tuple[ExpectedMx, ...], NoDecode, BeforeValidator(_mx_records)] = (
        ExpectedMx(10, "mx1.postkontor.example"),
        ExpectedMx(20, "mx2.postkontor.example"),
    )
    # What customers are advised to publish beside MX; what is set to nothing is not advised.
    mail_spf_include: Host = "_spf.postkontor.example"
    mail_dkim: Annotated[tuple[ExpectedDkim, ...], NoDecode, BeforeValidator(_dkim)] = (
        ExpectedDkim("pk1", target="pk1.{domain}.dkim.postkontor.example"),
        ExpectedDkim("pk2", target="pk2.{domain}.dkim.postkontor.example"),
    )
    mail_dmarc: str = "v=DMARC1; p=none; rua=mailto:dmarc-reports@postkontor.example"
    mail_mta_sts_host: Host = "mta-sts.postkontor.example"
    mail_mta_sts_id: Annotated[str, Field(pattern="^[A-Za-z0-9]{0,32}$")] = "20260101"
    mail_tls_rpt: str = "v=TLSRPTv1; rua=mailto:tls-reports@postkontor.example"
    mail_autoconfig_host: Host = "autoconfig.postkontor.example"
    mail_autodiscover_host: Host = "autodiscover.postkontor.example"
    mail_srv: Annotated[tuple[ExpectedService, ...], NoDecode, BeforeValidator(_services)] = (
        ExpectedService("_submissions._tcp", 0, 1, 465, "smtp.postkontor.example"),
        ExpectedService("_submission._tcp", 0, 1, 587, "smtp.postkontor.example"),
        ExpectedService("_imaps._tcp", 0, 1, 993, "imap.postkontor.example"),
    )
    mail_certificate_issuers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ("letsencrypt.org",)

    def expected_mail(self) -> ExpectedMail:
        """Return what customers are advised to publish."""
        return ExpectedMail(
            spf_include=self.mail_spf_include,
            dkim=self.mail_dkim,
            dmarc=self.mail_dmarc,
            mta_sts_host=self.mail_mta_sts_host,
            mta_sts_id=self.mail_mta_sts_id,
            tls_rpt=self.mail_tls_rpt,
            autoconfig_host=self.mail_autoconfig_host,
            autodiscover_host=self.mail_autodiscover_host,
            services=self.mail_srv,
            certificate_issuers=self.mail_certificate_issuers,
        )

    def resolver(self) -> Resolver:
        """Make a resolver on the running event loop; who makes it closes it. Raises ValueError for a bad address."""
        for address in self.dns_root:
            ipaddress.ip_address(address)
        return Resolver(
            self.dns_root,
            self.dns_port,
            self.dns_allow_networks,
            timeouts_seconds=self.dns_timeouts_seconds,
            tcp_timeout_seconds=self.dns_tcp_timeout_seconds,
            attempt_seconds=self.dns_attempt_seconds,
            is_registry=is_registry,
            ipv6=self.dns_ipv6,
            rates=Rates(
                server_per_second=self.dns_server_rate,
                registry_per_second=self.dns_registry_rate,
                zone_per_second=self.dns_zone_rate,
                rest_seconds=self.dns_rest_seconds,
            ),
        )

    @property
    def other_sites(self) -> tuple[str, ...]:
        """Return the sites to ask: a look from here is no other perspective."""
        return tuple(site for site in dict.fromkeys(self.dns_perspectives) if site != self.dns_site)

    @property
    def quorum(self) -> int:
        """Return how many of them must confirm."""
        sites = len(self.other_sites)
        return 0 if not sites else self.dns_quorum or sites // 2 + 1

    @model_validator(mode="after")
    def _quorum_can_be_reached(self) -> Self:
        if self.quorum > len(self.other_sites):
            raise ValueError(f"a quorum of {self.quorum} cannot be reached with {len(self.other_sites)} other sites")
        return self


def is_registry(zone: str) -> bool:
    """Whether a zone is a public suffix: a name that is absent from it is not registered."""
    return _icann_suffixes().is_public(zone.lower().removesuffix("."))


@lru_cache(maxsize=1)
def _icann_suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)
