"""NetworkPolicies as a cluster applies them: who reaches whom, computed from the rendered rules."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
HOME = "postkontor"


@dataclass(frozen=True)
class Party:
    """Somebody on the network: a pod with labels in a namespace, or an address outside."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = HOME
    namespace_labels: tuple[tuple[str, str], ...] = ()
    address: str | None = None
    ports: tuple[tuple[str, int], ...] = field(default=())  # names of its container's ports

    @property
    def has(self) -> dict[str, str]:
        """Return its labels."""
        return dict(self.labels)

    @property
    def lives_in(self) -> dict[str, str]:
        """Return its namespace's labels."""
        return {"kubernetes.io/metadata.name": self.namespace, **dict(self.namespace_labels)}


def reaches(policies: Iterable[Document], source: Party, target: Party, port: int, protocol: str = "TCP") -> bool:
    """Tell whether a connection comes about: the source may leave, and the target lets it in."""
    found = list(policies)
    return _allowed(found, "egress", source, target, port, protocol) and _allowed(
        found, "ingress", target, source, port, protocol
    )


def _allowed(policies: list[Document], way: str, one: Party, other: Party, port: int, protocol: str) -> bool:
    if one.address is not None or one.namespace != HOME:
        return True  # outside: these policies are not about it
    concerned = [
        policy["spec"]
        for policy in policies
        if way.capitalize() in policy["spec"]["policyTypes"] and _selects(policy["spec"]["podSelector"], one.has)
    ]
    if not concerned:
        return True  # whom no policy selects may do everything
    peer = "to" if way == "egress" else "from"
    target = other if way == "egress" else one
    return any(
        _peer(rule.get(peer, []), other) and _port(rule.get("ports", []), target, port, protocol)
        for spec in concerned
        for rule in spec.get(way, [])
    )


def _peer(peers: list[Document], other: Party) -> bool:
    return not peers or any(_matches(peer, other) for peer in peers)


def _matches(peer: Document, other: Party) -> bool:
    if block := peer.get("ipBlock"):
        if other.address is None:
            return False
        address = ipaddress.ip_address(other.address)
        excepted = any(address in ipaddress.ip_network(cidr) for cidr in block.get("except", ()))
        return address in ipaddress.ip_network(block["cidr"]) and not excepted
    if other.address is not None:
        return False
    home = (
        other.namespace == HOME
        if "namespaceSelector" not in peer
        else _selects(peer["namespaceSelector"], other.lives_in)
    )
    return home and _selects(peer.get("podSelector", {}), other.has)


def _port(ports: list[Document], target: Party, port: int, protocol: str) -> bool:
    named = dict(target.ports)
    return not ports or any(
        one.get("protocol", "TCP") == protocol and named.get(str(one["port"]), one["port"]) == port for one in ports
    )


def _selects(selector: Document, labels: dict[str, str]) -> bool:
    plain = selector.get("matchLabels", {}).items() <= labels.items()
    return plain and all(_expression(one, labels) for one in selector.get("matchExpressions", ()))


def _expression(one: Document, labels: dict[str, str]) -> bool:
    value = labels.get(one["key"])
    match one["operator"]:
        case "In":
            return value in one["values"]
        case "NotIn":
            return value not in one["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case operator:
            raise ValueError(operator)
