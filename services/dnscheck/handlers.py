"""The bus edge of dnscheck: orders to watch, wake-ups to look, and what was seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from contracts.base import Text
from contracts.dnscheck_v1 import (
    AskAttempts,
    Asked,
    Attempt,
    AttemptsAnswer,
    MxAttempt,
    MxChecked,
    MxRecord,
    TxtChecked,
    UnwatchDomain,
    WatchDomain,
)
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Cancel, Done, Fate, HandedOver, Say, Timing
from services.chassis.received import Received, Tick
from services.chassis.service import Moment, Service
from services.dnscheck import rules, store
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.findings import diagnosis, mx
from services.dnscheck.findings.diagnosis import Diagnosis
from services.dnscheck.findings.mx import ExpectedMx, MxDiagnosis
from services.dnscheck.findings.proof import ExpectedTxt, read_token
from services.dnscheck.observation import MxObservation, TxtObservation
from services.dnscheck.rules import Watch
from services.dnscheck.store import WATCHES

service = Service("dnscheck", tables=(WATCHES,))
FACETS = ("txt", "mx")
DICE_BYTES = 4
SIBLING_BYTES = 8  # of a label that nobody made: what answers there is a wildcard


@dataclass
class Lookout:
    """Who looks, and which MX records are ours. The worker sets both from its settings before its first message."""

    resolver: Resolver | None = None
    mx: tuple[ExpectedMx, ...] = ()

    def asking(self) -> Resolver:
        """Return the resolver. Raises RuntimeError where none was set."""
        if self.resolver is None:
            raise RuntimeError("dnscheck has no resolver; app.py sets it on start")
        return self.resolver


LOOKOUT = Lookout()


# --- orders from domain -------------------------------------------------------------------------------------------


@service.command(WatchDomain, keys=lambda message: [(WATCHES, (str(message.data.domain_id), message.data.facet))])
def watch_domain(message: Received[WatchDomain], book: Book, moment: Moment) -> Fate:
    """Begin or resume a watch; a request makes it due at once and waits for its look."""
    order = message.data
    key = (str(order.domain_id), order.facet)
    watch = rules.ordered(book.get(WATCHES, key), order, message.account, moment.now)
    book.put(WATCHES, key, watch)
    timings = _timings(watch, moment)
    return Done(timings=timings) if order.request_id is None else HandedOver(orders=(), timings=timings)


@service.command(
    UnwatchDomain, keys=lambda message: [(WATCHES, (str(message.data.domain_id), facet)) for facet in FACETS]
)
def unwatch_domain(message: Received[UnwatchDomain], book: Book, moment: Moment) -> Fate:
    """Stop looking at a claim.

    A watch that requests wait for goes on until its look has answered them; domain then repeats this order, because it
    hears of a look at a claim that has ended.
    """
    domain_id = str(message.data.domain_id)
    timings: list[Timing] = []
    for facet in FACETS:
        watch = book.get(WATCHES, (domain_id, facet))
        if watch is None or not watch.waiting:
            book.delete(WATCHES, (domain_id, facet))
            timings.append(Cancel(facet, domain_id))
    return Done(timings=tuple(timings))


# --- looks ------------------------------------------------------------------------------------------------------


async def look_for_txt(tick: Tick) -> TxtObservation:
    """Look for the proof at the authoritative servers; outside any transaction."""
    wanted = tick.payload
    sibling = str(wanted.get("sibling", ""))
    return await LOOKOUT.asking().observe_txt(
        str(wanted["domain"]), str(wanted["name"]), deep=bool(wanted["deep"]), sibling=sibling
    )


async def look_at_mx(tick: Tick) -> MxObservation:
    """Look at the MX records at the authoritative servers; outside any transaction."""
    return await LOOKOUT.asking().observe_mx(str(tick.payload["domain"]), ours=[record.host for record in LOOKOUT.mx])


def _watch_of(tick: Tick) -> Iterable[Wanted]:
    return ((WATCHES, (tick.key, tick.kind)),)


@service.timer("txt", keys=_watch_of, observe=look_for_txt)
def txt_looked(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Judge a look for the proof, state it, and set the next."""
    watch = book.get(WATCHES, (tick.key, "txt"))
    if watch is None:
        return Done()  # unwatched while the look was under way
    observation: TxtObservation = tick.observation
    found = diagnosis.diagnose_txt(observation, _expected(watch))
    after = _after(watch, rules.txt_course(found.kind, found.code), tick, moment)
    attempt = _attempt(found, watch, after, tick, observation.elapsed_ms)
    fact = TxtChecked(domain_id=UUID(tick.key), domain=watch.domain, requests=_answered(watch, tick), attempt=attempt)
    return _checked(book, rules.noted(after, attempt), fact, moment)


@service.timer("mx", keys=_watch_of, observe=look_at_mx)
def mx_looked(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Judge a look at the MX records, state it, and set the next."""
    watch = book.get(WATCHES, (tick.key, "mx"))
    if watch is None:
        return Done()
    observation: MxObservation = tick.observation
    found = mx.diagnose_mx(observation, LOOKOUT.mx)
    after = _after(watch, rules.mx_course(found.state), tick, moment)
    attempt = _mx_attempt(found, after, tick, observation.elapsed_ms)
    fact = MxChecked(domain_id=UUID(tick.key), domain=watch.domain, requests=_answered(watch, tick), attempt=attempt)
    return _checked(book, rules.noted(after, attempt), fact, moment)


def _after(watch: Watch, course: rules.Course, tick: Tick, moment: Moment) -> Watch:
    deep = bool(tick.payload.get("deep"))
    dice = moment.random_bytes(DICE_BYTES)
    return rules.looked(watch, course, begun_at=tick.started_at, deep=deep, now=moment.now, dice=dice)


def _answered(watch: Watch, tick: Tick) -> tuple[UUID, ...]:
    return rules.answered(watch, tick.started_at)


def _checked(book: Book, watch: Watch, fact: TxtChecked | MxChecked, moment: Moment) -> Done:
    book.put(WATCHES, (watch.domain_id, watch.facet), watch)
    return Done(says=(Say(fact, key=watch.domain_id, revision=watch.revision),), timings=_timings(watch, moment))


def _timings(watch: Watch, moment: Moment) -> tuple[Timing, ...]:
    if watch.next_due_at is None:
        return ()
    payload = {
        "domain": watch.domain,
        "name": watch.record_name,
        "deep": rules.wants_deep_look(watch),
        "sibling": moment.random_bytes(SIBLING_BYTES).hex(),
    }
    return (At(watch.facet, watch.domain_id, watch.next_due_at, watch.account, payload),)


# --- diagnoses as the contract words them -----------------------------------------------------------------------


def _expected(watch: Watch) -> ExpectedTxt:
    token, *old_tokens = (read_token(value).token for value in (watch.record_value, *watch.old_values))
    return ExpectedTxt(name=watch.record_name, tokens=(token,), old_tokens=tuple(old_tokens))


def _attempt(found: Diagnosis, watch: Watch, after: Watch, tick: Tick, elapsed_ms: float) -> Attempt:
    return Attempt(
        kind=found.kind,
        code=found.code,
        text=Text(de=found.text_de, en=found.text_en),
        expected_name=watch.record_name,
        expected_value=watch.record_value,
        seen=found.seen,
        notes=found.notes,
        asked=_asked(found),
        checked_at=tick.started_at,
        elapsed_ms=round(elapsed_ms),
        next_check_at=after.next_due_at,
    )


def _mx_attempt(found: MxDiagnosis, after: Watch, tick: Tick, elapsed_ms: float) -> MxAttempt:
    return MxAttempt(
        state=found.state,
        code=found.code,
        text=Text(de=found.text_de, en=found.text_en),
        expected=_mx_records(found.expected),
        seen=_mx_records(found.seen),
        asked=_asked(found),
        checked_at=tick.started_at,
        elapsed_ms=round(elapsed_ms),
        next_check_at=after.next_due_at,
    )


def _asked(found: Diagnosis | MxDiagnosis) -> tuple[Asked, ...]:
    return tuple(
        Asked(name=one.name, type=one.type, server=one.server, address=one.address, answer=one.answer)
        for one in found.asked
    )


def _mx_records(records: Iterable[mx.MxRecord]) -> tuple[MxRecord, ...]:
    return tuple(MxRecord(preference=record.preference, host=record.host) for record in records)


# --- questions --------------------------------------------------------------------------------------------------


@service.query(AskAttempts)
async def answer_attempts(conn: Conn, account: str, ask: AskAttempts) -> AttemptsAnswer:
    """Show what was looked for and seen lately."""
    recent = await store.read_recent(conn, account, ask.domain)
    return AttemptsAnswer(txt=recent.get("txt", ())[: ask.limit], mx=recent.get("mx", ())[: ask.limit])
