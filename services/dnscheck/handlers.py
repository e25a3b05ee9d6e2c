"""The bus edge of dnscheck: orders to watch, wake-ups to look, and what was seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from contracts.dnscheck_v1 import (
    AdviceChecked,
    AskAttempts,
    AttemptsAnswer,
    MxChecked,
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
from services.dnscheck.attempts import mail_advice, mx_attempt, txt_attempt
from services.dnscheck.corroboration import Corroborator
from services.dnscheck.findings import diagnosis, evidence, mx
from services.dnscheck.findings.advice import topics as advice
from services.dnscheck.findings.diagnosis import Background
from services.dnscheck.findings.explanation import seen_tokens
from services.dnscheck.findings.mx import ExpectedMx
from services.dnscheck.findings.proof import PREFIX, ExpectedTxt, is_proof, read_token
from services.dnscheck.observation import MailObservation, MxObservation, TxtObservation, ZoneSeen
from services.dnscheck.records import ExpectedMail
from services.dnscheck.rules import Watch
from services.dnscheck.store import HOLDERS, WATCHES

service = Service("dnscheck", tables=(WATCHES, HOLDERS))
FACETS = ("txt", "mx", "advice")
DICE_BYTES = 4
SIBLING_BYTES = 8  # of a label that nobody made: what answers there is a wildcard


@dataclass
class Lookout:
    """Who looks, who is asked besides, and which records are ours.

    The worker sets all from its settings before its first message.
    """

    resolver: Resolver | None = None
    corroborator: Corroborator = field(default_factory=Corroborator)
    mx: tuple[ExpectedMx, ...] = ()
    mail: ExpectedMail = field(default_factory=ExpectedMail)

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
    """Look for the proof at the authoritative servers; a first yes is corroborated. Outside any transaction."""
    wanted = tick.payload
    name = str(wanted["name"])
    expected = ExpectedTxt(name=name, tokens=(read_token(str(wanted.get("value", ""))).token,))
    seen = await LOOKOUT.asking().observe_txt(
        str(wanted["domain"]),
        name,
        deep=bool(wanted["deep"]),
        sibling=str(wanted.get("sibling", "")),
        seen_servers=[str(host) for host in wanted.get("seen_servers", ())],
        insistent=_insists(tick),
        is_proof=lambda value: is_proof(value, expected),
    )
    if wanted.get("proven"):
        return seen  # what is proven stays so whatever a recursor or a site of ours says
    return await LOOKOUT.corroborator.corroborated(seen, expected)


async def look_at_mx(tick: Tick) -> MxObservation:
    """Look at the MX records at the authoritative servers; outside any transaction."""
    ours = [record.host for record in LOOKOUT.mx]
    return await LOOKOUT.asking().observe_mx(str(tick.payload["domain"]), ours, insistent=_insists(tick))


def _insists(tick: Tick) -> bool:
    """Whether somebody waits for this look."""
    return bool(tick.payload.get("insistent"))


async def look_for_advice(tick: Tick) -> MailObservation:
    """Look at the other records that mail wants; outside any transaction."""
    return await LOOKOUT.asking().observe_mail(str(tick.payload["domain"]), LOOKOUT.mail, insistent=_insists(tick))


def _watch_of(tick: Tick) -> Iterable[Wanted]:
    return ((WATCHES, (tick.key, tick.kind)),)


def _watch_and_holders(tick: Tick) -> Iterable[Wanted]:
    """The watch, and whose the tokens are that were seen."""
    yield (WATCHES, (tick.key, tick.kind))
    for token in seen_tokens(tick.observation):
        yield (HOLDERS, f"{PREFIX}{token}")


@service.timer("txt", keys=_watch_and_holders, observe=look_for_txt)
def txt_looked(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Judge a look for the proof, state it, and set the next."""
    watch = book.get(WATCHES, (tick.key, "txt"))
    if watch is None:
        return Done()  # unwatched while the look was under way
    if (tick.payload.get("name"), tick.payload.get("value")) != (watch.record_name, watch.record_value):
        # It was for another record, or set by a release that did not say which: nobody corroborated this one.
        return Done(timings=_timings(replace(watch, next_due_at=moment.now), moment))
    observation: TxtObservation = tick.observation
    if watch.proven_at is not None:
        observation = replace(observation, corroboration=None)
    zone = _zone(watch, observation, tick)
    expected = _expected(watch, observation, book)
    background = Background(zone, tick.started_at, rules.remembered_seconds(watch))
    found = diagnosis.diagnose_txt(observation, expected, background)
    after = _after(watch, rules.txt_course(found.kind, found.code), found.code, zone, tick, moment)
    attempt = txt_attempt(found, observation, watch, after, tick.started_at)
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
    zone = _zone(watch, observation, tick)
    after = _after(watch, rules.mx_course(found.state), found.code, zone, tick, moment)
    attempt = mx_attempt(found, observation, watch, after, tick.started_at)
    fact = MxChecked(domain_id=UUID(tick.key), domain=watch.domain, requests=_answered(watch, tick), attempt=attempt)
    return _checked(book, rules.noted(after, attempt), fact, moment)


@service.timer("advice", keys=_watch_of, observe=look_for_advice)
def advice_looked(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Judge a look at the other records that mail wants, state the advice, and set the next."""
    watch = book.get(WATCHES, (tick.key, "advice"))
    if watch is None:
        return Done()
    observation: MailObservation = tick.observation
    items = advice.advise(observation, LOOKOUT.mail, known_for=moment.now - (watch.proven_at or moment.now))
    course = rules.advice_course(is_complete=not advice.could_not_ask(items))
    after = _after(watch, course, "", watch.zone, tick, moment)
    given = mail_advice(items, observation, tick.started_at, after.next_due_at)
    fact = AdviceChecked(domain_id=UUID(tick.key), domain=watch.domain, requests=_answered(watch, tick), advice=given)
    return _checked(book, rules.noted(after, given), fact, moment)


def _zone(watch: Watch, observation: TxtObservation | MxObservation, tick: Tick) -> ZoneSeen:
    serial, servers = evidence.zone_serial(observation), evidence.name_servers(observation)
    return rules.remembered(watch.zone, serial, servers, tick.started_at)


def _expected(watch: Watch, observation: TxtObservation, book: Book) -> ExpectedTxt:
    token, *old_tokens = (read_token(value).token for value in (watch.record_value, *watch.old_values))
    holders = {seen: book.get(HOLDERS, f"{PREFIX}{seen}") or () for seen in seen_tokens(observation)}
    own = [(seen, domain) for seen, found in holders.items() for account, domain in found if account == watch.account]
    others = tuple(seen for seen, found in holders.items() if found and seen not in dict(own))
    return ExpectedTxt(
        name=watch.record_name,
        tokens=(token,),
        old_tokens=tuple(old_tokens),
        others_tokens=others,
        own_tokens=tuple((seen, domain) for seen, domain in own if domain != watch.domain),
    )


def _after(watch: Watch, course: rules.Course, code: str, zone: ZoneSeen, tick: Tick, moment: Moment) -> Watch:
    deep = bool(tick.payload.get("deep"))
    dice = moment.random_bytes(DICE_BYTES)
    return rules.looked(
        watch, course, begun_at=tick.started_at, deep=deep, now=moment.now, dice=dice, code=code, zone=zone
    )


def _answered(watch: Watch, tick: Tick) -> tuple[UUID, ...]:
    return rules.answered(watch, tick.started_at)


def _checked(book: Book, watch: Watch, fact: TxtChecked | MxChecked | AdviceChecked, moment: Moment) -> Done:
    book.put(WATCHES, (watch.domain_id, watch.facet), watch)
    return Done(says=(Say(fact, key=watch.domain_id, revision=watch.revision),), timings=_timings(watch, moment))


def _timings(watch: Watch, moment: Moment) -> tuple[Timing, ...]:
    if watch.next_due_at is None:
        return ()
    payload = {
        "domain": watch.domain,
        "name": watch.record_name,
        "value": watch.record_value,
        "proven": watch.proven_at is not None,
        "seen_servers": (*watch.zone.servers, *watch.zone.former_servers),
        "deep": rules.wants_deep_look(watch),
        "sibling": moment.random_bytes(SIBLING_BYTES).hex(),
        "insistent": bool(watch.waiting),
    }
    urgent = bool(watch.waiting)
    return (At(watch.facet, watch.domain_id, watch.next_due_at, watch.account, payload, urgent),)


# --- questions --------------------------------------------------------------------------------------------------


@service.query(AskAttempts)
async def answer_attempts(conn: Conn, account: str, ask: AskAttempts) -> AttemptsAnswer:
    """Show what was looked for and seen lately."""
    recent = await store.read_recent(conn, account, ask.domain)
    given = recent.get("advice", ())
    return AttemptsAnswer(
        txt=recent.get("txt", ())[: ask.limit],
        mx=recent.get("mx", ())[: ask.limit],
        advice=given[0] if given else None,
    )
