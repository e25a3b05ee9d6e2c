"""What each role may publish and hear. Everything follows from the contracts: a new message is permitted by its table.

Permissions are lists of allowed subjects; what is not allowed is forbidden. The broker compares whole tokens, so
consumers are named one by one: with a wildcard for names anyone could read from another's consumer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from contracts.identities import durable_name, inbox_prefix, tail_names
from contracts.messages import SERVICES
from contracts.routes import ASKED, ROUTES, SENT
from services.chassis.originals import filters, own_facts, reader_name
from services.chassis.topology import LaneSpec, lanes

Role = Literal["worker", "operator", "admin", "tenant", "subscriber"]
REQUESTS, EVENTS = "CMD", "EVT"
READABLE = (EVENTS, "DLQ", "ADV")  # an operator's; CMD holds password hashes
PERSPECTIVES = "dnscheck.perspective.*"  # one dnscheck asks another at another site


@dataclass(frozen=True)
class Identity:
    """One key's name and what it is for. `durables` are the subscriptions whose place the bus remembers."""

    name: str
    role: Role
    account: str | None = None  # a tenant's
    durables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permissions:
    """Allowed subjects. `responds`: may answer whoever asked it, and nobody else."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    responds: bool = False


def permissions_of(identity: Identity, *partitions: int) -> Permissions:
    """Return what an identity may do; with two numbers of partitions while the bus goes from one to the other."""
    match identity.role:
        case "worker":
            return _worker(identity, partitions)
        case "operator":
            return _operator(identity)
        case "admin":
            # Whoever may change streams can read and write everything anyway; let nobody be deceived.
            return Permissions(publish=(">",), subscribe=(">",))
        case "tenant":
            return _tenant(identity)
        case "subscriber":
            return _subscriber(identity)
        case _:
            assert_never(identity.role)


def _worker(identity: Identity, partitions: Iterable[int]) -> Permissions:
    service = identity.name
    assert service in SERVICES, f"there is no worker {service}"
    publish = [
        f"evt.*.{service}.*.*",
        f"dlq.{service}.*",
        "rpl.*.*",
        *(f"cmd.*.{type_}" for type_ in SENT[service]),
        *(f"qry.*.{type_}" for type_ in ASKED[service]),
        f"$JS.API.STREAM.INFO.{EVENTS}",
        f"$JS.API.STREAM.INFO.{REQUESTS}",  # tells how many partitions there are, and no request
    ]
    for lane in [lane for number in partitions for lane in lanes(service, number)]:
        publish += [f"$JS.API.CONSUMER.{what}.{lane.stream}.{lane.consumer}" for what in ("MSG.NEXT", "INFO", "RESET")]
        publish += _acks(lane.stream, lane.consumer)
        publish += _reading_back(service, lane)
    questions = [f"qry.*.{service}.*.*", *_discovery(service)]
    perspectives = [PERSPECTIVES] if service == "dnscheck" else []
    return Permissions(
        publish=(*publish, *perspectives),
        subscribe=(*_own_inbox(identity), *questions, *perspectives),
        responds=True,
    )


def _reading_back(service: str, lane: LaneSpec) -> Iterator[str]:
    # The filter stands in the subject, and the broker holds the consumer to it.
    name = reader_name(service, lane.number)
    for stream in dict.fromkeys((lane.stream, EVENTS)):
        allowed = filters(service, stream) if stream == lane.stream else (own_facts(service),)
        for filter_ in allowed:
            yield f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{filter_}"
        yield from (f"$JS.API.CONSUMER.{what}.{stream}.{name}" for what in ("MSG.NEXT", "DELETE"))


def _operator(identity: Identity) -> Permissions:
    requests = [f"cmd.*.{route.message.type}" for route in ROUTES]
    infos = ["$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*", "$JS.API.CONSUMER.LIST.*", "$SRV.>"]
    readers = [subject for stream in READABLE for subject in _readers(identity, stream, ">")]
    unfiltered = [f"$JS.API.CONSUMER.CREATE.{stream}.{name}" for stream in READABLE for name in _names(identity)]
    return Permissions(
        publish=(*requests, "qry.*.*.*.*", *infos, *readers, *unfiltered),
        subscribe=(*_own_inbox(identity), "rpl.*.*", "evt.>"),
    )


def _tenant(identity: Identity) -> Permissions:
    account = identity.account
    assert account, f"the tenant {identity.name} has no account"
    requests = [f"cmd.{account}.{route.message.type}" for route in ROUTES if route.caller == "customer"]
    return Permissions(
        publish=(*requests, f"qry.{account}.*.*.*", *_readers(identity, EVENTS, f"evt.{account}.>")),
        subscribe=(*_own_inbox(identity), f"rpl.{account}.*", f"evt.{account}.>"),
    )


def _subscriber(identity: Identity) -> Permissions:
    # Several kinds of fact in one subscription are asked for without a filter in the subject.
    unfiltered = [f"$JS.API.CONSUMER.CREATE.{EVENTS}.{name}" for name in _names(identity)]
    return Permissions(
        publish=(*_readers(identity, EVENTS, "evt.>"), *unfiltered),
        subscribe=(*_own_inbox(identity), "evt.>"),
    )


def _own_inbox(identity: Identity) -> tuple[str]:
    return (f"{inbox_prefix(identity.name)}.>",)


def _names(identity: Identity) -> Iterator[str]:
    yield from tail_names(identity.name)
    for durable in identity.durables:
        yield durable_name(identity.name, durable)


def _readers(identity: Identity, stream: str, filter_: str) -> Iterator[str]:
    for name in _names(identity):
        yield f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{filter_}"
        yield from (f"$JS.API.CONSUMER.{what}.{stream}.{name}" for what in ("MSG.NEXT", "INFO", "DELETE"))
    for durable in identity.durables:
        yield from _acks(stream, durable_name(identity.name, durable))


def _acks(stream: str, consumer: str) -> Iterable[str]:
    # The newer form has the domain and the account's hash before the stream.
    return f"$JS.ACK.{stream}.{consumer}.>", f"$JS.ACK.*.*.{stream}.{consumer}.>"


def _discovery(service: str) -> Iterable[str]:
    return "$SRV.*", f"$SRV.*.postkontor-{service}", f"$SRV.*.postkontor-{service}.*"
