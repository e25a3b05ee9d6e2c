"""A million accounts, a hundred million mailboxes, ten million pending domains: computed from what was measured.

    python bench/scale_model.py                    the tables of docs/scaling.md
    python bench/scale_model.py --mailboxes 1000000 --accounts 10000 --pending 100000
    python bench/scale_measure.py                  measures again what is in bench/scale_measured.json

Three kinds of numbers go in, and each says where it comes from: measured ones, the assumptions about customers, and
what one machine is taken to hold. What comes out is arithmetic; looks are counted by dnscheck's own rules.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.dnscheck_v1 import WatchDomain
from services.chassis.journal import KEEP_EVENTS_DAYS, KEEP_INBOX_DAYS
from services.chassis.timers import AT_ONCE_OF_A_KIND
from services.dnscheck import rules

MEASURED_FILE = Path(__file__).with_name("scale_measured.json")
DAY = 86_400
CMD_DAYS, EVT_DAYS = 30, KEEP_EVENTS_DAYS  # services/chassis/topology.py
MOST_LANES = 64
FOR_A_TIME = {"event_log": KEEP_EVENTS_DAYS, "inbox": KEEP_INBOX_DAYS, "outbox": 0}
GB, TB = 1e9, 1e12

# CPU milliseconds, docs/performance.md: `python bench/provisioning.py`, 512 in flight, every message synced.
CPU_OF_A_MAILBOX = {"domain": 0.17, "billing": 0.47, "mailbox": 0.21, "NATS": 0.88, "PostgreSQL": 0.16}
# `python bench/pending.py`: all due at once, and spread so thin that each look pays for its own transaction.
CPU_OF_A_LOOK = {"dnscheck": 0.53 - 0.33, "PostgreSQL": 0.33}
# A fact that is heard: half of billing's two messages; taken for domain's share of a look's result as well.
CPU_OF_A_HEARD_FACT = CPU_OF_A_MAILBOX["billing"] / 2
# Seconds that a dead domain's look holds its place: three tries, and at worst (docs/performance.md).
SILENCE_SECONDS, LONGEST_SILENCE_SECONDS = 6.0, 15.0
# Messages a second that one stream takes with every one synced, copies on three servers, published by one client
# (nats-server 2.15 and nats-py 2.16 on two shared cores: 12,300; on one server 4,500).
STREAM_TAKES = 12_300.0


@dataclass(frozen=True)
class World:
    """Assumptions about customers, and what one machine is taken to hold."""

    accounts: int = 1_000_000
    mailboxes: int = 100_000_000
    pending: int = 10_000_000  # domains, at any time, each for the fourteen days of its life as such
    mailboxes_per_domain: float = 10.0
    changes_per_mailbox: float = 4.0  # a year: plan, password, aliases, deletion
    growth_years: float = 2.0  # in which the mailboxes were made
    peak: float = 10.0  # times the mean
    dead_share: float = 0.1  # of pending domains whose servers stay silent
    told_share: float = 1.0  # of looks that are stated as a fact; today all of them
    utilisation: float = 0.6  # of a core, at the peak
    disk: float = 4 * TB  # of a server, for a stream or a schema
    cores: int = 32  # of a database server
    measured: Mapping[str, Any] = field(default_factory=lambda: json.loads(MEASURED_FILE.read_text()))

    @property
    def proven(self) -> float:
        """Return how many domains are in use."""
        return self.mailboxes / self.mailboxes_per_domain

    @property
    def orders(self) -> float:
        """Return orders about mailboxes a second, in the mean."""
        return self.mailboxes * (self.changes_per_mailbox + 1 / self.growth_years) / (365 * DAY)

    @property
    def claims(self) -> float:
        """Return claims a second: every pending domain's place is taken by another after its time."""
        return self.pending / rules.LIFE.total_seconds()

    @property
    def looks(self) -> float:
        """Return looks a second, at pending and proven domains: TXT, MX and advice, each weekly."""
        return self.looks_at_pending + 3 * self.proven / rules.WEEK.total_seconds()

    @property
    def looks_at_pending(self) -> float:
        """Return looks a second at domains that are not proven."""
        return sum(looks_of_a_life()) * self.claims

    @property
    def questions(self) -> float:
        """Return DNS questions a second."""
        deep, shallow = looks_of_a_life()
        asked = self.measured["questions_per_look"]
        at_pending = self.claims * (deep * asked["deep"] + shallow * asked["shallow"])
        return at_pending + (self.looks - self.looks_at_pending) * asked["active"]


@cache
def looks_of_a_life(seed: int = 1) -> tuple[int, int]:
    """Return how often a domain whose record never comes is looked at in its life, deeply and otherwise."""
    start, dice = datetime(2026, 1, 1, tzinfo=UTC), random.Random(seed)
    order = WatchDomain(domain_id=UUID(int=1), domain="x.de", facet="txt", record_name="n", record_value="token=x")
    watch = rules.ordered(None, order, "konto", start)
    deep = shallow = 0
    while (now := watch.next_due_at) is not None:
        is_deep = rules.wants_deep_look(watch)
        deep, shallow = deep + is_deep, shallow + (not is_deep)
        watch = rules.looked(
            watch, "not_yet", begun_at=now, deep=is_deep, now=now, dice=dice.randbytes(4), code="not_yet"
        )
    return deep, shallow


# --- what is stored -----------------------------------------------------------------------------------------------


def state_bytes(thing: Mapping[str, Any], *, less: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Return by schema what one thing leaves for good: no log, no inbox."""
    found: dict[str, float] = {}
    for name, size in thing["bytes"].items():
        schema, table = name.split(".")
        if table not in FOR_A_TIME and thing["rows"].get(name):  # where no row was added, others were at work
            found[schema] = found.get(schema, 0.0) + size - (less["bytes"].get(name, 0.0) if less else 0.0)
    return found


def passing_bytes(thing: Mapping[str, Any]) -> dict[str, float]:
    """Return by schema what one order keeps occupied: bytes times the seconds that they stay."""
    found: dict[str, float] = {}
    for name, size in thing["bytes"].items():
        schema, table = name.split(".")
        found[schema] = found.get(schema, 0.0) + size * FOR_A_TIME.get(table, 0) * DAY
    return found


def databases(world: World) -> dict[str, dict[str, float]]:
    """Return bytes by schema: of what is there for good, of what orders and of what looks leave for a time."""
    measured = world.measured
    good, orders = state_bytes(measured["mailbox"]), passing_bytes(measured["mailbox"])
    pending, proven = measured["pending_domain"], measured["proven_domain"]
    account = measured["account"]
    grown = measured["watch_row_after_many_looks"]
    log, inbox = measured["look"]["log_bytes"], _row(account, "domain.inbox")
    result: dict[str, dict[str, float]] = {}
    for schema in ("domain", "dnscheck", "billing", "mailbox"):
        for_good = world.mailboxes * good.get(schema, 0.0)
        for_good += world.accounts * state_bytes(account).get(schema, 0.0)
        for_good += world.pending * state_bytes(pending).get(schema, 0.0)
        for_good += world.proven * max(0.0, state_bytes(proven, less=account).get(schema, 0.0))
        looks = 0.0
        if schema == "dnscheck":
            for_good += world.pending * grown
            looks = world.looks * world.told_share * log * KEEP_EVENTS_DAYS * DAY
        if schema == "domain":
            looks = world.looks * world.told_share * inbox * KEEP_INBOX_DAYS * DAY
        result[schema] = {"for good": for_good, "orders": world.orders * orders.get(schema, 0.0), "looks": looks}
    return result


def streams(world: World) -> dict[str, dict[str, float]]:
    """Return bytes of one copy of each stream, by what they are about."""
    mailbox, claim, look = (world.measured[name] for name in ("mailbox", "pending_domain", "look"))
    return {
        "CMD": {
            "orders": world.orders * mailbox["stream_bytes"]["CMD"] * CMD_DAYS * DAY,
            "claims": world.claims * claim["stream_bytes"]["CMD"] * CMD_DAYS * DAY,
            "looks": 0.0,
        },
        "EVT": {
            "orders": world.orders * mailbox["stream_bytes"]["EVT"] * EVT_DAYS * DAY,
            "claims": world.claims * look["stream_bytes"] * EVT_DAYS * DAY,
            "looks": world.looks * world.told_share * look["stream_bytes"] * EVT_DAYS * DAY,
        },
    }


def _row(thing: Mapping[str, Any], table: str) -> float:
    return thing["bytes"][table] / thing["rows"][table]


# --- what works ---------------------------------------------------------------------------------------------------


def processes(world: World) -> dict[str, float]:
    """Return cores by worker at the peak: of orders, or of looks, which have no peak but an outage's end."""
    orders = world.orders * world.peak
    cores = {name: orders * milliseconds / 1000 for name, milliseconds in CPU_OF_A_MAILBOX.items()}
    cores["domain"] += world.looks * world.told_share * CPU_OF_A_HEARD_FACT / 1000
    cores["dnscheck"] = world.looks * CPU_OF_A_LOOK["dnscheck"] / 1000
    cores["PostgreSQL"] += world.looks * CPU_OF_A_LOOK["PostgreSQL"] / 1000
    return cores


def lanes_wanted(world: World) -> int:
    """Return how many partitions the dearest worker wants: for its cores, or for the places of silent looks."""
    by_cores = max(cores / world.utilisation for name, cores in processes(world).items() if name[0].islower())
    silent = world.looks_at_pending * world.dead_share * SILENCE_SECONDS / AT_ONCE_OF_A_KIND
    return math.ceil(max(by_cores, silent))


@dataclass(frozen=True)
class Ceiling:
    """Something that has an end, how much of it is wanted, and what is done when it is reached."""

    what: str
    need: float
    limit: float
    unit: str
    then: str

    @property
    def share(self) -> float:
        """Return how much of it is wanted; above 1 it does not do."""
        return self.need / self.limit


def ceilings(world: World) -> list[Ceiling]:
    """Return what has an end, the nearest first."""
    stored, schemas, cores = streams(world), databases(world), processes(world)
    heard = world.looks * world.told_share + world.orders * world.peak
    found = [
        Ceiling("disk of the stream EVT", sum(stored["EVT"].values()) / TB, world.disk / TB, "TB",
                "state a look only when it found something else (`--told-share 0.05`)"),
        Ceiling("disk of the stream CMD", sum(stored["CMD"].values()) / TB, world.disk / TB, "TB",
                "keep requests for a shorter time than 30 days, or a stream per worker"),
        *(
            Ceiling(f"disk of the schema {name}", sum(parts.values()) / TB, world.disk / TB, "TB", then)
            for (name, parts), then in zip(schemas.items(), _WHEN_FULL, strict=True)
        ),
        Ceiling("domain's one owner of facts", heard * CPU_OF_A_HEARD_FACT / 1000, world.utilisation, "cores",
                "a sourced, partitioned copy of EVT: lanes of facts as there are lanes of requests"),
        Ceiling("billing's one owner of facts", world.orders * world.peak * CPU_OF_A_HEARD_FACT / 1000,
                world.utilisation, "cores", "the same"),
        Ceiling("lanes", lanes_wanted(world), MOST_LANES, "lanes", "a higher bound"),
        Ceiling("places for silent looks", world.looks_at_pending * world.dead_share * LONGEST_SILENCE_SECONDS,
                MOST_LANES * AT_ONCE_OF_A_KIND, "places", "more places a lane: 52 MB for 20,000"),
        Ceiling("messages into one stream", 7 * world.orders * world.peak + world.looks * world.told_share,
                STREAM_TAKES, "a second", "a stream of commands per worker"),
        Ceiling("cores of one PostgreSQL for all schemas", cores["PostgreSQL"], world.cores * world.utilisation,
                "cores", "a server for each schema: no query crosses them"),
    ]  # fmt: skip
    return sorted(found, key=lambda ceiling: -ceiling.share)


_WHEN_FULL = (
    "as for EVT; then the inbox partitioned by time",
    "as for EVT; then watches partitioned by domain",
    "ledger and holdings partitioned by account; then a database for each part of the accounts",
    "mailboxes and addresses partitioned by domain",
)


# --- the report ---------------------------------------------------------------------------------------------------


def report(world: World) -> Iterator[str]:
    """Yield the lines of the tables, as they stand in docs/scaling.md."""
    deep, shallow = looks_of_a_life()
    yield from _table(
        ("what", "a second"),
        [
            ("orders about mailboxes, mean", f"{world.orders:.1f}"),
            (f"orders about mailboxes, peak ({world.peak:g} times)", f"{world.orders * world.peak:.0f}"),
            ("new claims", f"{world.claims:.1f}"),
            (
                f"looks at pending domains ({deep} deep and {shallow} others in 14 days)",
                f"{world.looks_at_pending:.0f}",
            ),
            ("looks at proven domains", f"{world.looks - world.looks_at_pending:.0f}"),
            ("DNS questions", f"{world.questions:.0f}"),
            ("of looks, at silent servers", f"{world.looks_at_pending * world.dead_share:.0f}"),
        ],
    )
    yield from _table(
        ("process", "cores at the peak", f"processes at {world.utilisation:.0%}"),
        [
            (name, f"{cores:.2f}", f"{math.ceil(cores / world.utilisation)}" if name[0].islower() else "")
            for name, cores in processes(world).items()
        ],
    )
    yield f"Lanes wanted: {lanes_wanted(world)}."
    yield ""
    yield from _table(
        ("stream, one copy", "orders GB", "claims GB", "looks GB", "TB"),
        [(name, *_in_gb(parts), f"{sum(parts.values()) / TB:.2f}") for name, parts in streams(world).items()],
    )
    yield from _table(
        ("schema", "for good GB", "orders GB", "looks GB", "TB"),
        [(name, *_in_gb(parts), f"{sum(parts.values()) / TB:.2f}") for name, parts in databases(world).items()],
    )
    yield from _table(
        ("ceiling", "wanted", "there is", "share", "what removes it"),
        [(c.what, f"{c.need:,.1f} {c.unit}", f"{c.limit:,.1f}", f"{c.share:.0%}", c.then) for c in ceilings(world)],
    )


def _in_gb(parts: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{size / GB:,.0f}" for size in parts.values())


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = [one for one in fields(World) if one.name != "measured"]
    for one in numbers:
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default)
    options = parser.parse_args()
    world = replace(World(), **{one.name: getattr(options, one.name) for one in numbers})
    print("\n".join(report(world)))


if __name__ == "__main__":
    main()
