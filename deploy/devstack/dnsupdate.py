"""Change the demo DNS from another process, as a registrar's form would: RFC 2136 messages over the wire."""

from __future__ import annotations

from collections.abc import Iterable

import dns.asyncquery
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.name import Name
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.update import UpdateMessage

from deploy.devstack.hierarchy import TTL_SECONDS
from deploy.devstack.zones import owner_name, txt_rdata

TIMEOUT_SECONDS = 3.0


class UpdateRefusedError(RuntimeError):
    """The name server answered the update with anything but NOERROR; the rcode's text is the message."""


async def register_domain(tld_address: str, port: int, domain: str) -> None:
    """Register `domain` with the demo name servers ns1 and ns2 below it; the zone servers hold an empty zone at once.

    The TLD server fills in the glue and makes the zone (see `DemoDns`), so that one message is a registration.
    """
    name = dns.name.from_text(domain)
    update = UpdateMessage(name.parent())
    for host in ("ns1", "ns2"):
        update.add(name, TTL_SECONDS, dns.rdatatype.NS, f"{host}.{name}")
    await _send(tld_address, port, update)


async def unregister_domain(tld_address: str, port: int, domain: str) -> None:
    """Give `domain` up: the delegation, the glue and the zone are gone."""
    name = dns.name.from_text(domain)
    update = UpdateMessage(name.parent())
    update.delete(name, dns.rdatatype.NS)
    await _send(tld_address, port, update)


async def set_txt(address: str, port: int, zone: str, name: str, value: str) -> None:
    """Make `value` the only TXT record at `name` (relative to `zone` unless it ends with a dot; `@` is the zone)."""
    origin = dns.name.from_text(zone)
    update = UpdateMessage(origin)
    update.replace(owner_name(origin, name), TTL_SECONDS, txt_rdata(value))
    await _send(address, port, update)


async def set_mx(address: str, port: int, zone: str, records: Iterable[tuple[int, str]]) -> None:
    """Make `records`, pairs of preference and complete host name, the zone's only MX records; none deletes them."""
    origin = dns.name.from_text(zone)
    update = UpdateMessage(origin)
    update.delete(origin, dns.rdatatype.MX)
    for preference, host in records:
        update.add(origin, TTL_SECONDS, _mx(preference, dns.name.from_text(host)))
    await _send(address, port, update)


async def delete(address: str, port: int, zone: str, name: str, rdtype: str | None = None) -> None:
    """Delete the records of one type at `name`, or with no type everything there."""
    origin = dns.name.from_text(zone)
    update = UpdateMessage(origin)
    owner = owner_name(origin, name)
    if rdtype is None:
        update.delete(owner)
    else:
        update.delete(owner, RdataType.make(rdtype))
    await _send(address, port, update)


def _mx(preference: int, host: Name) -> MX:
    return MX(dns.rdataclass.IN, dns.rdatatype.MX, preference, host)


async def _send(address: str, port: int, update: UpdateMessage) -> None:
    reply, _ = await dns.asyncquery.udp_with_fallback(
        update, address, timeout=TIMEOUT_SECONDS, port=port, ignore_unexpected=True
    )
    if reply.rcode() != dns.rcode.NOERROR:
        raise UpdateRefusedError(dns.rcode.to_text(reply.rcode()))
