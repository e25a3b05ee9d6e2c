"""The auditor finds what it must: every kind of lie, planted into a small run in which all is well."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.audit import audit, summary
from tests.chaos.evidence import Event, Evidence, Logged, Order, Sent, applied

REQUEST, REFUSED, ADMITTED, RESERVED, CREATED, NO, CONFIRMED = "r1", "r2", "e1", "e2", "e3", "e4", "e5"
ADDRESS, ACCOUNT = "anna@nordwind.de", "nordwind"
CREATE, OUTCOME = "domain.create-mailbox.v1", "mailbox.mailbox-created"
COUNTED = {"mailbox": (1, 1, 0), "plan.mail": (None, 1, 0)}


def capacity(confirmed, reserved, cap=1):
    return [{"resource": "mailbox", "cap": cap, "confirmed": confirmed, "reserved": reserved}]


def box(**changed):
    row = {"address": ADDRESS, "account": ACCOUNT, "state": "active", "plan": "mail", "aliases": [], "forwardings": []}
    return {**row, "first_name": "Anna", "last_name": "Petersen", **changed}


def fact(seq, id_, type_, request, cause, revision, **data):
    return Event(seq, id_, f"{type_}.v1", ACCOUNT, request, cause, revision, data)


def a_good_run():
    """One mailbox is made under a cap of one, a second request is refused."""
    events = [
        fact(1, ADMITTED, "domain.mailbox-admitted", REQUEST, REQUEST, None, request_id=REQUEST),
        fact(2, RESERVED, "billing.capacity-reserved", REQUEST, "h1", 1, capacities=capacity(0, 1), request_id=REQUEST),
        fact(3, NO, "domain.request-refused", REFUSED, REFUSED, None, request_id=REFUSED, refusal={"code": "no"}),
        fact(4, CREATED, OUTCOME, REQUEST, "h2", 1, mailbox=box()),
        fact(5, CONFIRMED, "billing.capacity-confirmed", REQUEST, CREATED, 2, capacities=capacity(1, 0)),
    ]
    return Evidence(
        sent=[
            Sent(REQUEST, ACCOUNT, CREATE, (OUTCOME,), "done"),
            Sent(REFUSED, ACCOUNT, CREATE, (OUTCOME,), "refused:no"),
        ],
        events=events,
        orders=[
            Order(1, REQUEST, "domain", CREATE),
            Order(2, REFUSED, "domain", CREATE),
            Order(3, "h1", "billing", "billing.create-mailbox.v1"),
            Order(4, "h2", "mailbox", "mailbox.create-mailbox.v1"),
        ],
        log=[
            Logged("domain", 0, 1, ADMITTED),
            Logged("domain", 0, 2, NO),
            Logged("billing", 0, 1, RESERVED),
            Logged("billing", 1000, 1, CONFIRMED),
            Logged("mailbox", 0, 1, CREATED),
        ],
        handled={
            "domain": {REQUEST: "handed-over", REFUSED: "refused"},
            "billing": {"h1": "handed-over"},
            "mailbox": {"h2": "done"},
        },
        counters={(ACCOUNT, resource): counts for resource, counts in COUNTED.items()},
        used=Counter({(ACCOUNT, "mailbox"): 1, (ACCOUNT, "plan.mail"): 1}),
        plans={ADDRESS: ("mail", "mail")},
        unpublished={"domain": 0},
        unacknowledged={"domain-0": 0},
        mailboxes={ADDRESS: box()},
        heard={"always": applied(events), "offline": applied(events)},
    )


def test_nothing_is_found_where_all_is_well():
    assert summary(audit(a_good_run())) == ""


def an_event_is_missing(run):
    run.events = [event for event in run.events if event.id != CREATED]
    run.heard = {}


def an_outcome_is_there_twice(run):
    run.events.append(
        fact(6, "e6", "mailbox.request-refused", REQUEST, "h2", None, request_id=REQUEST, refusal={"code": "x"})
    )
    run.log.append(Logged("mailbox", 0, 2, "e6"))


def somebody_was_told_otherwise(run):
    run.sent[0].told = "refused:cap_reached"


def nobody_was_told(run):
    run.sent[0].told = ""


def an_order_was_never_handled(run):
    del run.handled["mailbox"]["h2"]


def a_message_is_stranded(run):
    run.unacknowledged["domain-0"] = 1


def an_outbox_is_not_empty(run):
    run.unpublished["domain"] = 3


def a_request_waits_for_ever(run):
    run.handled["domain"][REQUEST] = "accepted"


def something_was_set_aside(run):
    run.dead.append(("mailbox", "h2", "internal_error", "KeyError"))


def a_fact_was_decided_twice(run):
    run.log.append(Logged("mailbox", 0, 2, CREATED))


def a_fact_comes_from_nowhere(run):
    run.events.append(fact(6, "e6", "mailbox.domain-vacated", "x", "y", None))


def facts_are_out_of_order(run):
    run.log[0], run.log[1] = replace(run.log[0], seq=2), replace(run.log[1], seq=1)


def orders_were_taken_out_of_order(run):
    run.orders[0], run.orders[1] = replace(run.orders[0], seq=2), replace(run.orders[1], seq=1)


def a_revision_is_missing(run):
    run.events[4] = replace(run.events[4], revision=3)
    run.heard = {}


def a_mailbox_skips_a_revision(run):
    run.events[3] = replace(run.events[3], revision=2)
    run.heard = {}


def a_cap_was_exceeded_for_a_moment(run):
    run.events[1] = replace(run.events[1], data={"capacities": capacity(1, 1), "request_id": REQUEST})


def more_exists_than_was_allowed(run):
    run.events.insert(3, replace(run.events[3], seq=3, id="e0", data={"mailbox": box(address="b@nordwind.de")}))
    run.log.append(Logged("mailbox", 0, 0, "e0"))
    run.mailboxes["b@nordwind.de"] = box(address="b@nordwind.de")
    run.heard = {}


def a_mailbox_was_made_without_a_seat(run):
    run.events[1] = replace(run.events[1], request="another")
    run.heard = {}


def a_counter_is_wrong(run):
    run.counters[ACCOUNT, "mailbox"] = (1, 0, 0)


def a_seat_stays_reserved(run):
    run.counters[ACCOUNT, "group"] = (1, 0, 1)


def the_ledger_says_otherwise(run):
    run.ledger_differs.append("nordwind mailbox: the ledger says 2, found 1")


def the_wrong_plan_is_billed(run):
    run.plans[ADDRESS] = ("officexl", "mail")


def a_subscriber_missed_something(run):
    del run.heard["offline"][f"mailbox {ADDRESS}"]


def a_row_is_not_what_was_told(run):
    run.mailboxes[ADDRESS] = box(plan="officexl")


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        (an_event_is_missing, "lost"),
        (an_outcome_is_there_twice, "doubled"),
        (somebody_was_told_otherwise, "told otherwise"),
        (nobody_was_told, "untold"),
        (an_order_was_never_handled, "lost"),
        (a_message_is_stranded, "stranded"),
        (an_outbox_is_not_empty, "stranded"),
        (a_request_waits_for_ever, "stranded"),
        (something_was_set_aside, "dead letter"),
        (a_fact_was_decided_twice, "doubled"),
        (a_fact_comes_from_nowhere, "unknown"),
        (facts_are_out_of_order, "out of order"),
        (orders_were_taken_out_of_order, "out of order"),
        (a_revision_is_missing, "gap"),
        (a_mailbox_skips_a_revision, "gap"),
        (a_cap_was_exceeded_for_a_moment, "over cap"),
        (more_exists_than_was_allowed, "over cap"),
        (a_mailbox_was_made_without_a_seat, "over cap"),
        (a_counter_is_wrong, "books"),
        (a_seat_stays_reserved, "books"),
        (the_ledger_says_otherwise, "books"),
        (the_wrong_plan_is_billed, "books"),
        (a_subscriber_missed_something, "subscriber"),
        (a_row_is_not_what_was_told, "told otherwise"),
    ],
)
def test_a_lie_is_found(lie, kind):
    run = a_good_run()
    lie(run)
    assert kind in {violation.kind for violation in audit(run)}, summary(audit(run))


def test_repeated_and_disordered_events_are_no_violation():
    run = a_good_run()
    run.events += [replace(event, seq=10 - place) for place, event in enumerate(run.events[:3])]
    assert summary(audit(run)) == ""


def test_a_reservation_may_lie_behind_its_mailbox():
    run = a_good_run()
    run.events[1], run.events[3] = replace(run.events[3], seq=2), replace(run.events[1], seq=4)
    assert summary(audit(run)) == ""
