"""Dry runs in batches on a real PostgreSQL: what they decide is answered, and leaves nothing else behind."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.domain_v1 import AdmittedDomainFeatures, DomainFeaturesChanged, SetDomainFeatures
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup, FeaturesSet, SetMailboxFeatures, TargetFeatures
from contracts.messages import REGISTRY
from contracts.refusals import finding, refuse
from contracts.samples import SAMPLES
from contracts.trials import Trial
from services.chassis.batch import Batch
from services.chassis.dryrun import kept_of
from services.chassis.fates import At, Done, HandedOver, Never, Order, Refused, Say
from services.chassis.journal import Journal
from services.chassis.received import Raw, Received, read
from services.chassis.service import Moment

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADDRESSES = ("a@x.de", "b@x.de", "refused@x.de", "bug@x.de")


@dataclass(frozen=True)
class Sent:
    """A message of a batch: for which address, or which timer, and whether it is only tried."""

    name: str
    dry: bool
    id: UUID

    @property
    def raw(self) -> Raw:
        is_timer = "@" not in self.name
        model = DeleteGroup(name=self.name) if is_timer else SetMailboxFeatures(addresses=(self.name,), features=())
        type_ = REGISTRY.of(type(model)).type
        payload = encode(
            message_id=self.id, type=type_, source="test", time=NOW, account="nordwind", data=model, dryrun=self.dry
        )
        return Raw(f"cmd.nordwind.{type_}", payload, "CMD", 1, "", 0)


SENT = st.builds(Sent, st.sampled_from((*ADDRESSES, "wake", "doze")), st.booleans(), st.uuids(version=4))


@dataclass
class Left:
    """What a batch left behind."""

    tallies: list[Any]
    timers: list[Any]
    handled: dict[UUID, tuple[str, str | None]]
    facts: list[tuple[str, UUID]]

    def but_for(self, dry: set[UUID]) -> Any:
        """Return it without what was left of some requests."""
        handled = {id_: fate for id_, fate in self.handled.items() if id_ not in dry}
        return self.tallies, self.timers, handled, [fact for fact in self.facts if fact[1] not in dry]


@pytest.fixture
async def handled(bus, replicas, counting_service):
    """Handles batches one after the other in a transaction of their own that is taken back; returns what they left."""
    service, connection = counting_service(), await asyncpg.connect(bus.database_url)

    async def handle(*batches: list[Sent]) -> Left:
        transaction = connection.transaction()
        await transaction.start()
        seqs, facts = {0: 10**9}, []
        for sent in batches:
            batch = Batch(service, Journal("mailbox"), Moment(NOW), seqs)
            await batch.run(connection, {}, [message.raw for message in sent], [])
            facts += [
                (outgoing.subject, UUID(json.loads(outgoing.payload)["correlationid"]))
                for outgoing in batch.entries.outgoing
                if outgoing.is_event
            ]
        left = Left(
            [dict(row) for row in await connection.fetch("SELECT * FROM mailbox.tally ORDER BY address")],
            [
                dict(row)
                for row in await connection.fetch("SELECT kind, key, due_at FROM mailbox.timer WHERE key <> ''")
            ],
            {
                row["message_id"]: (row["fate"], row["outcome"])
                for row in await connection.fetch("SELECT message_id, fate, outcome FROM mailbox.inbox")
            },
            facts,
        )
        await transaction.rollback()
        return left

    yield handle
    await connection.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(SENT, max_size=8, unique_by=lambda message: message.id))
async def test_a_batch_with_dry_runs_leaves_what_it_would_without(handled, sent):
    dry = {message.id for message in sent if message.dry}
    mixed, alone = await handled(sent), await handled([message for message in sent if not message.dry])
    assert mixed.but_for(dry) == alone.but_for(set())
    answers = [subject for subject, request in mixed.facts if request in dry]
    bugs = sum(message.dry and message.name == "bug@x.de" for message in sent)
    assert len(answers) == len(dry)
    assert sum(subject.endswith(".dry-run-finished.v1") for subject in answers) == len(dry) - bugs


@pytest.mark.parametrize("first", [True, False])
async def test_a_dry_run_sees_what_came_before_it_and_nobody_sees_it(handled, first):
    sent = [Sent("a@x.de", first, uuid7()), Sent("a@x.de", not first, uuid7())]
    left = await handled(sent)
    assert [row["count"] for row in left.tallies if row["address"] == "a@x.de"] == [1]
    assert {fate for fate, _ in left.handled.values() if fate} >= {"done"}


async def test_a_dry_run_that_comes_again_is_decided_once(handled):
    tried = Sent("a@x.de", True, uuid7())
    left = await handled([tried, tried], [tried])
    assert left.handled[tried.id] == ("done", "mailbox.dry-run-finished.v1")
    assert left.facts == [("evt.nordwind.mailbox.dry-run-finished.v1", tried.id)]


# --- what may stay of a decision, as a value -----------------------------------------------------------------------

REQUEST = SetDomainFeatures(domains=("x.de",), features=())
NOTE = finding("password_missing", severity="note", address="a@x.de")
GATE = finding("domain_unknown", domain="x.de")


def message(data: Any, type_: str) -> Received[Any]:
    return Received(uuid7(), uuid7(), "nordwind", type_, "bus", NOW, data, dryrun=True)


def test_a_hand_over_of_the_route_carries_what_was_found_and_all_else_is_dropped():
    onward = AdmittedDomainFeatures(request=REQUEST, admitted=(), refused=())
    fate = HandedOver(
        orders=(Order(onward, key="x"), Order(SAMPLES["dnscheck.unwatch-domain.v1"], key="x")),
        says=(Say(SAMPLES["domain.domain-features-changed.v1"], key="x"),),
        timings=(At("wake", "x", NOW, "nordwind"),),
        trial=Trial(missing=(GATE,)),
    )
    assert isinstance(fate.says[0].fact, DomainFeaturesChanged)
    kept = kept_of(message(REQUEST, "domain.set-domain-features.v1"), fate)
    assert isinstance(kept, HandedOver)
    assert (len(kept.orders), kept.says, kept.timings) == (1, (), ())
    assert kept.orders[0].order.trial.missing == (GATE,)
    following = kept_of(
        message(kept.orders[0].order, "mailbox.set-domain-features.v1"), Done(trial=Trial(missing=(NOTE,)))
    )
    assert following.says[0].fact.missing == (GATE, NOTE)


def test_an_order_to_look_at_the_world_is_not_sent_and_the_end_it_would_lead_to_is_named():
    watching = HandedOver(orders=(Order(SAMPLES["dnscheck.watch-domain.v1"], key="x"),))
    request = SAMPLES["domain.validate-domain.v1"]
    kept = kept_of(message(request, "domain.validate-domain.v1"), watching)
    assert isinstance(kept, Done)
    assert (kept.orders, kept.says[0].fact.outcome) == ((), "domain.validation-finished.v1")


def test_a_refusal_becomes_the_answer_keeps_no_reservation_and_names_no_reason_twice():
    carried = SAMPLES["mailbox.set-domain-features.v1"].model_copy(update={"trial": Trial(missing=(GATE, NOTE))})
    fate = Refused(refuse("domain_unknown", domain="x.de"), reservation=("mailbox/a@x.de",), says=())
    kept = kept_of(message(carried, "mailbox.set-domain-features.v1"), fate)
    answer = kept.says[0].fact
    assert (answer.outcome, answer.refusal.code, answer.missing) == (None, "domain_unknown", (NOTE,))
    assert "reservation" not in answer.model_dump_json()


def test_a_fact_too_large_for_the_answer_is_left_out_of_it():
    targets = tuple(TargetFeatures(target=f"mailbox-{number:05}@example.de") for number in range(4000))
    fate = Done((Say(FeaturesSet(requested=(), targets=targets), key="x"),))
    answer = kept_of(message(REQUEST, "domain.set-domain-features.v1"), fate).says[0].fact
    assert (answer.outcome, answer.fact) == ("mailbox.features-set.v1", None)


def test_what_can_never_be_handled_stays_a_dead_letter():
    never = Never("internal_error", "a bug")
    assert kept_of(message(REQUEST, "domain.set-domain-features.v1"), never) is never


def test_an_event_is_never_taken_for_a_dry_run():
    fact = SAMPLES["mailbox.features-set.v1"]
    payload = encode(
        message_id=uuid7(), type="mailbox.features-set.v1", source="x", time=NOW + timedelta(0), account="nordwind",
        data=fact, dryrun=True,
    )  # fmt: skip
    found = read(Raw("evt.nordwind.mailbox.features-set.v1", payload, "EVT", 1, "", 0))
    assert isinstance(found, Received)
    assert not found.dryrun
