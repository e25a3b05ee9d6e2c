"""What a run leaves behind, as plain values: the auditor decides on these alone, and its tests plant lies in them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

# What each view is called in a fact, and under which name its revisions count.
VIEWS = {"mailbox": "address", "forward_only": "address", "group": "account", "catch_all": "account"}
BILLING_STANDS = ("billing.account-", "billing.package-", "billing.capacity-")
FEATURES_SET = "mailbox.features-set.v1"


@dataclass(slots=True)
class Sent:
    """A request as its publisher knows it. `told` is `done`, `refused:<code>`, or empty when nobody told."""

    id: str
    account: str
    type: str
    outcomes: tuple[str, ...]
    told: str = ""
    waits: bool = False
    reused: bool = False  # the same id was also sent with other content


@dataclass(frozen=True, slots=True)
class Event:
    """A message of the stream EVT, in the order of the stream. Repetitions are there as often as they were stored."""

    seq: int
    id: str
    type: str
    account: str
    request: str
    cause: str
    revision: int | None
    data: Mapping[str, Any]
    is_copy: bool = False  # in an older version, of a fact that is told beside it

    @property
    def fact(self) -> str:
        """Return the type without its version."""
        return self.type.rpartition(".")[0]

    @property
    def about(self) -> str:
        """Return the aggregate whose revision the event carries; empty when it carries none."""
        if self.type.startswith(BILLING_STANDS):
            return f"account {self.account}"
        for view, key in VIEWS.items():
            if isinstance(self.data.get(view), dict):
                return f"{view} {self.data[view][key]}"
        domain = self.data.get("domain")
        return f"claim {domain['domain_id']}" if isinstance(domain, dict) else ""


@dataclass(frozen=True, slots=True)
class Order:
    """A message of the stream CMD: a request or a hand-over, and the worker that it is for."""

    seq: int
    id: str
    service: str
    type: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of a worker's event log."""

    service: str
    lane: int
    seq: int
    id: str


@dataclass
class Evidence:
    """Everything that the auditor looks at."""

    sent: list[Sent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)
    handled: dict[str, dict[str, str]] = field(default_factory=dict)  # service -> message id -> fate
    counters: dict[tuple[str, str], tuple[int | None, int, int]] = field(
        default_factory=dict
    )  # cap, confirmed, reserved
    used: Counter[tuple[str, str]] = field(default_factory=Counter)  # counted in mailbox's tables
    plans: dict[str, tuple[str, str]] = field(default_factory=dict)  # address -> plan billed, plan had
    ledger_differs: list[str] = field(default_factory=list)
    unpublished: dict[str, int] = field(default_factory=dict)  # by service: the outbox and the log's tail
    unacknowledged: dict[str, int] = field(default_factory=dict)  # by consumer: pending, or without an acknowledgement
    dead: list[tuple[str, str, str, str]] = field(default_factory=list)  # service, id, code, detail
    mailboxes: dict[str, dict[str, Any]] = field(default_factory=dict)  # rows, by address
    heard: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)  # subscriber -> aggregate -> newest

    def first_told(self) -> dict[str, Event]:
        """Return every event once, as it was stored first."""
        found: dict[str, Event] = {}
        for event in self.events:
            found.setdefault(event.id, event)
        return found


def applied(events: Iterable[Event]) -> dict[str, tuple[int, str]]:
    """Return what a reader holds that applies events `WHERE revision < new`: revision and content by aggregate."""
    held: dict[str, tuple[int, str]] = {}
    for event in events:
        apply(held, event)
    return held


def apply(held: dict[str, tuple[int, str]], event: Event) -> None:
    """Let one event count if it is newer than what is held. Groups and catch-alls share a count in their account."""
    if event.revision is None or not event.about:
        return
    about = event.about + "".join(f" {event.data[v][k]}" for v, k in _PARTS if isinstance(event.data.get(v), dict))
    if about not in held or held[about][0] < event.revision:
        held[about] = (event.revision, _state(event))


_PARTS = (("group", "name"), ("catch_all", "domain"))


def _state(event: Event) -> str:
    """Return the state that a fact carries: the same in all facts of one revision."""
    if event.type.startswith(BILLING_STANDS):
        capacities = event.data.get("capacities") or event.data["account"]["capacities"]
        return json.dumps(sorted(capacities, key=itemgetter("resource")), sort_keys=True)
    return json.dumps([event.data[view] for view in (*VIEWS, "domain") if view in event.data], sort_keys=True)
