"""Which addresses a query may go to: no zone shall make this worker talk to the inside of its own network."""

import ipaddress
from collections.abc import Iterable

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
# Python 3.11 calls most of these global; several lead back to 127.0.0.1 through a gateway.
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "3fff::/20", "5f00::/16",
                 "192.88.99.0/24")
)  # fmt: skip


def may_send_to(address: str, allowed: Iterable[IPNetwork] = ()) -> bool:
    """Whether a query may go to `address`: public unicast only, or inside a network the operator allowed."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if any(ip in network for network in allowed):
        return True
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not any(ip in net for net in _SPECIAL)
