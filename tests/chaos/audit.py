"""The auditor: what must be true when the noise is over. Pure; every violation names what shows it.

`lost` is what was promised and is not there, `doubled` what there is more than once, `over cap` what R5 forbids; the
other kinds say what they say.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.evidence import FEATURES_SET, Event, Evidence, Sent, applied

EVENT_LANE = 1000
COUNTED = ("mailbox", "alias_forward", "group")
REUSED = "request_id_reused"
SHOWN = 5  # of one kind, to people


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as it must be."""

    kind: str
    what: str


def audit(evidence: Evidence) -> list[Violation]:
    """Return everything that is wrong; nothing is as it should be."""
    return [violation for check in CHECKS for violation in check(evidence)]


def summary(violations: list[Violation]) -> str:
    """Word the violations for people, a few of each kind."""
    lines: list[str] = []
    for kind, count in Counter(v.kind for v in violations).items():
        lines.append(f"{kind}: {count}")
        lines += [f"    {v.what}" for v in violations if v.kind == kind][:SHOWN]
    return "\n".join(lines)


# --- requests -----------------------------------------------------------------------------------------------------


def every_request_has_one_outcome(evidence: Evidence) -> Iterator[Violation]:
    """Exactly one fact ends a request, and its publisher was told that one (R40, R41)."""
    ends: dict[str, list[Event]] = defaultdict(list)
    by_id = {sent.id: sent for sent in evidence.sent}
    for event in evidence.first_told().values():
        sent = by_id.get(event.request)
        if sent is not None and _ends(event, sent):
            ends[sent.id].append(event)
    for sent in by_id.values():
        found = ends[sent.id]
        if not found:
            yield Violation("lost", f"request {sent.id} ({sent.type}) has no outcome; told: {sent.told or 'nothing'}")
        elif len(found) > 1:
            facts = ", ".join(f"{event.fact} {event.id}" for event in found)
            yield Violation("doubled", f"request {sent.id} ({sent.type}) has {len(found)} outcomes: {facts}")
        elif not _told_so(sent, found[0]):
            yield Violation("told otherwise", f"request {sent.id} was told {sent.told}, the fact is {_word(found[0])}")


def _ends(event: Event, sent: Sent) -> bool:
    if event.is_copy:
        return False
    if event.fact.endswith(".request-refused"):
        return event.data.get("request_id") == sent.id
    return event.fact in sent.outcomes


def _word(event: Event) -> str:
    refusal = event.data.get("refusal")
    return f"refused:{refusal['code']}" if isinstance(refusal, dict) else "done"


def _told_so(sent: Sent, event: Event) -> bool:
    return sent.told == _word(event) or (sent.reused and sent.told == f"refused:{REUSED}")


def nobody_waits_for_an_answer(evidence: Evidence) -> Iterator[Violation]:
    """Whoever asked was told."""
    for sent in evidence.sent:
        if not sent.told:
            yield Violation("untold", f"request {sent.id} ({sent.type}) of {sent.account} got no answer")


# --- messages -----------------------------------------------------------------------------------------------------


def every_order_was_handled(evidence: Evidence) -> Iterator[Violation]:
    """Whatever lies in CMD has a row in the inbox of the worker that it is for."""
    for order in {(order.service, order.id): order for order in evidence.orders}.values():
        if order.id not in evidence.handled.get(order.service, {}):
            yield Violation("lost", f"{order.type} {order.id} lies in CMD at {order.seq}; {order.service} never had it")


def nothing_is_stranded(evidence: Evidence) -> Iterator[Violation]:
    """No consumer has anything left, no worker anything to publish, and no accepted request waits for ever."""
    for consumer, count in evidence.unacknowledged.items():
        if count:
            yield Violation("stranded", f"consumer {consumer} has {count} messages left")
    for service, count in evidence.unpublished.items():
        if count:
            yield Violation("stranded", f"{service} has {count} messages that were never published")
    for service, rows in evidence.handled.items():
        for id_, fate in rows.items():
            if fate == "accepted":
                yield Violation("stranded", f"{service} has accepted {id_}, and it still waits")


def no_unexpected_dead_letters(evidence: Evidence) -> Iterator[Violation]:
    """Only ids that were used again with other content are set aside here."""
    for service, id_, code, detail in evidence.dead:
        if code != REUSED:
            yield Violation("dead letter", f"{service} has set {id_} aside: {code}, {detail}")


# --- events -------------------------------------------------------------------------------------------------------


def log_and_stream_agree(evidence: Evidence) -> Iterator[Violation]:
    """Every fact is decided once, is in the stream, and each lane's facts lie there in the order of their deciding."""
    stored = evidence.first_told()
    times = Counter((row.service, row.id) for row in evidence.log)
    for (service, id_), count in times.items():
        if count > 1:
            yield Violation("doubled", f"{service} has decided fact {id_} {count} times")
        if id_ not in stored:
            yield Violation("lost", f"fact {id_} of {service} is not in the stream")
    logged = {row.id for row in evidence.log}
    for event in stored.values():
        if event.id not in logged:
            yield Violation("unknown", f"{event.type} {event.id} is in the stream, and no worker's log has it")
    yield from _in_order(evidence, stored)


def _in_order(evidence: Evidence, stored: dict[str, Event]) -> Iterator[Violation]:
    latest: dict[tuple[str, int], int] = {}
    for row in sorted(evidence.log, key=lambda row: (row.service, row.lane, row.seq)):
        event, lane = stored.get(row.id), (row.service, row.lane)
        if event is None:
            continue
        if event.seq < latest.get(lane, 0):
            what = f"{event.type} {row.id} of {row.service}, lane {row.lane}, lies before its predecessors"
            yield Violation("out of order", what)
        latest[lane] = max(latest.get(lane, 0), event.seq)


def orders_are_taken_in_order(evidence: Evidence) -> Iterator[Violation]:
    """A lane decides in the order of the stream CMD: what the log says follows the places of its causes."""
    place: dict[tuple[str, str], int] = {}
    for order in evidence.orders:
        place.setdefault((order.service, order.id), order.seq)
    waited = {sent.id for sent in evidence.sent if sent.waits}
    stored, latest = evidence.first_told(), dict[tuple[str, int], int]()
    for row in sorted(evidence.log, key=lambda row: (row.service, row.lane, row.seq)):
        event, lane = stored.get(row.id), (row.service, row.lane)
        if event is None or row.lane == EVENT_LANE or event.request in waited:
            continue
        at = place.get((row.service, event.cause))
        if at is not None and at < latest.get(lane, 0):
            yield Violation("out of order", f"{row.service} has taken {event.cause} after later orders of its lane")
        latest[lane] = max(latest.get(lane, 0), at or 0)


def revisions_have_no_gaps(evidence: Evidence) -> Iterator[Violation]:
    """An aggregate's facts count up one by one, and none is missing.

    Mailbox's facts about one thing come from one lane, so they lie in their order. Billing decides about an account
    in two lanes, for orders and for facts: none of its revisions is missing, and readers take the newest. A claim is
    counted up by every look at the DNS, most of which tell nothing.
    """
    latest: dict[str, int] = {}
    of_accounts: dict[str, set[int]] = defaultdict(set)
    for event in evidence.first_told().values():
        for about in _counted_up(event):
            latest[about] = latest.get(about, 0) + 1
        about, revision = event.about, event.revision
        if revision is None or not about or about.startswith("claim "):
            continue
        if about.startswith("account "):
            of_accounts[about].add(revision)
            continue
        before = latest.get(about, 0)
        if revision not in (before, before + 1) or revision == 0:
            yield Violation("gap", f"{about}: revision {revision} ({event.type}) came after {before}")
        latest[about] = revision
    for about, found in of_accounts.items():
        if missing := set(range(1, max(found))) - found:
            yield Violation("gap", f"{about}: revisions {sorted(missing)[:SHOWN]} were never told")


def _counted_up(event: Event) -> Iterator[str]:
    if event.type == FEATURES_SET:
        for target in event.data["targets"]:
            if "@" in target["target"] and not target.get("refusal"):
                yield f"mailbox {target['target']}"


# --- caps and books -----------------------------------------------------------------------------------------------


def caps_hold_at_every_event(evidence: Evidence) -> Iterator[Violation]:
    """Confirmed and reserved never exceed the cap in what billing told (R5)."""
    for event in evidence.first_told().values():
        for one in (*event.data.get("capacities", ()), *event.data.get("account", {}).get("capacities", ())):
            if one["cap"] is not None and one["confirmed"] + one["reserved"] > one["cap"]:
                sums = f"{one['confirmed']} + {one['reserved']} > {one['cap']}"
                yield Violation("over cap", f"{event.account} {one['resource']}: {sums} at {event.type} {event.id}")


def mailboxes_never_exceed_what_was_reserved(evidence: Evidence) -> Iterator[Violation]:
    """Count what exists, apart from billing's counters: never more mailboxes than the cap they were made under.

    The reservation may lie behind the mailbox that it was for: billing's fact and its order go to two streams.
    """
    told = evidence.first_told().values()
    caps = {event.request: _cap(event) for event in told if event.fact == "billing.capacity-reserved"}
    living: dict[str, set[str]] = defaultdict(set)
    for event in told:
        if event.fact == "mailbox.mailbox-deleted":
            living[event.account].discard(event.data["mailbox"]["address"])
        elif event.fact == "mailbox.mailbox-created":
            living[event.account].add(event.data["mailbox"]["address"])
            if event.request not in caps:
                yield Violation("over cap", f"mailbox {event.id} was made without a reservation")
            elif (cap := caps[event.request]) is not None and len(living[event.account]) > cap:
                yield Violation(
                    "over cap", f"{event.account} has {len(living[event.account])} mailboxes, {cap} allowed"
                )


def _cap(event: Event) -> int | None:
    return next((one["cap"] for one in event.data["capacities"] if one["resource"] == "mailbox"), None)


def books_agree(evidence: Evidence) -> Iterator[Violation]:
    """Counters are what the ledger says and what exists; nothing stays reserved; every plan is the one billed."""
    for line in evidence.ledger_differs:
        yield Violation("books", line)
    for (account, resource), (cap, confirmed, reserved) in evidence.counters.items():
        if cap is not None and confirmed + reserved > cap:
            yield Violation("over cap", f"{account} {resource}: {confirmed} + {reserved} > {cap}")
        if reserved:
            yield Violation("books", f"{account} {resource}: {reserved} are still reserved")
    for key in {*evidence.used, *(k for k in evidence.counters if k[1] in COUNTED or k[1].startswith("plan."))}:
        _, confirmed, _ = evidence.counters.get(key, (None, 0, 0))
        if confirmed != evidence.used[key]:
            yield Violation("books", f"{key[0]} {key[1]}: counted {confirmed}, there are {evidence.used[key]}")
    for address, (billed, had) in evidence.plans.items():
        if billed != had:
            yield Violation("books", f"{address} has plan {had}, billed is {billed}")


# --- subscribers --------------------------------------------------------------------------------------------------


def subscribers_see_the_same(evidence: Evidence) -> Iterator[Violation]:
    """Whoever was away, or heard everything several times and in disorder, holds what the stream says."""
    expected = applied(evidence.events)
    for name, held in evidence.heard.items():
        for about in expected.keys() | held.keys():
            if expected.get(about) != held.get(about):
                what = f"{about}: {name} holds {held.get(about)}, the stream says {expected.get(about)}"
                yield Violation("subscriber", what)


def mailboxes_are_what_was_told(evidence: Evidence) -> Iterator[Violation]:
    """A mailbox's row is its newest fact."""
    newest: dict[str, Event] = {}
    for event in evidence.events:
        if event.about.startswith("mailbox ") and event.revision is not None:
            address = event.data["mailbox"]["address"]
            if address not in newest or (newest[address].revision or 0) < event.revision:
                newest[address] = event
    for address in newest.keys() | evidence.mailboxes.keys():
        row, told = evidence.mailboxes.get(address), newest.get(address)
        view = _in_version_1(told.data["mailbox"]) if told else None
        if row is None or view is None or any(_plain(row[name]) != _plain(view[name]) for name in row):
            yield Violation("told otherwise", f"mailbox {address}: the row says {row}, the newest fact {view}")


def _in_version_1(view: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a mailbox's view with the names that its row has; version 2 tells them as a person."""
    if (person := view.get("person")) is None:
        return view
    return {**view, "first_name": person["given_name"] or "", "last_name": person["family_name"]}


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, list | tuple) else value


CHECKS: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    every_request_has_one_outcome,
    nobody_waits_for_an_answer,
    every_order_was_handled,
    nothing_is_stranded,
    no_unexpected_dead_letters,
    log_and_stream_agree,
    orders_are_taken_in_order,
    revisions_have_no_gaps,
    caps_hold_at_every_event,
    mailboxes_never_exceed_what_was_reserved,
    books_agree,
    subscribers_see_the_same,
    mailboxes_are_what_was_told,
)
