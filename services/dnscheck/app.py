"""Wiring of dnscheck: the handlers, the resolver, and the settings that are its own."""

import ipaddress
from functools import lru_cache
from typing import Annotated, Any

from publicsuffixlist import PublicSuffixList
from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.dnscheck.asking.addresses import IPNetwork
from services.dnscheck.asking.resolver import ATTEMPT_SECONDS, TCP_TIMEOUT_SECONDS, TIMEOUTS_SECONDS, Resolver
from services.dnscheck.findings.mx import ExpectedMx
from services.dnscheck.handlers import LOOKOUT, service

__all__ = ["DnscheckSettings", "service"]

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


class DnscheckSettings(BaseSettings):
    """What the environment says to dnscheck alone. Lists are written with commas."""

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
    mx: Annotated[tuple[ExpectedMx, ...], NoDecode, BeforeValidator(_mx_records)] = (
        ExpectedMx(10, "mx1.postkontor.example"),
        ExpectedMx(20, "mx2.postkontor.example"),
    )


async def use_settings(runtime: Any) -> None:
    """Make the resolver on the worker's event loop."""
    settings = DnscheckSettings()
    for address in settings.dns_root:
        ipaddress.ip_address(address)
    LOOKOUT.mx = settings.mx
    LOOKOUT.resolver = Resolver(
        settings.dns_root,
        settings.dns_port,
        settings.dns_allow_networks,
        timeouts_seconds=settings.dns_timeouts_seconds,
        tcp_timeout_seconds=settings.dns_tcp_timeout_seconds,
        attempt_seconds=settings.dns_attempt_seconds,
        is_registry=is_registry,
    )


def is_registry(zone: str) -> bool:
    """Whether a zone is a public suffix: a name that is absent from it is not registered."""
    return _icann_suffixes().is_public(zone.lower().removesuffix("."))


@lru_cache(maxsize=1)
def _icann_suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


service.on_start.append(use_settings)
