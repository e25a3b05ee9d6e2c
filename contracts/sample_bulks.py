"""Samples of what domain says about bulk files."""

from contracts import bulk_v1 as bulk
from contracts import sample_parts as of
from contracts.refusals import refuse

BULK = of.REQUEST
ACCEPTED = bulk.BulkView(
    account=of.ACCOUNT,
    bulk_id=BULK,
    label="umzug.csv",
    digest="9f" * 32,
    state="running",
    parts=2,
    parts_received=2,
    total=700,
    waiting=444,
    under_way=60,
    done=193,
    refused=3,
    cancelled=0,
    begun_at=of.AT,
    accepted_at=of.AT,
    revision=9,
)
RECEIVING = ACCEPTED.model_copy(
    update={"state": "receiving", "parts_received": 1, "accepted_at": None, "waiting": 700, "under_way": 0, "done": 0,
            "refused": 0, "revision": 1}
)  # fmt: skip
FINISHED = ACCEPTED.model_copy(
    update={"state": "finished", "waiting": 0, "under_way": 0, "done": 697, "finished_at": of.AT, "revision": 40}
)
CANCELLED = ACCEPTED.model_copy(update={"is_cancelled": True, "waiting": 0, "cancelled": 444, "revision": 10})
SUBMIT = bulk.SubmitBulk(
    bulk_id=BULK,
    part=1,
    parts=1,
    total=3,
    digest="9f" * 32,
    label="umzug.csv",
    items=(
        bulk.BulkItem(line=2, kind="domain", order={"domain": of.DOMAIN}),
        bulk.BulkItem(
            line=3,
            kind="mailbox",
            order={
                "address": of.ANNA, "first_name": "Anna", "last_name": "Petersen", "plan": "office",
                "password_hash": of.PASSWORD_HASH,
            },
        ),
        bulk.BulkItem(line=3, kind="alias", order={"address": of.ANNA, "aliases": [f"segel@{of.DOMAIN}"]}),
    ),
)  # fmt: skip
ITEMS = (
    bulk.BulkItemView(
        number=1001, line=2, kind="domain", subject=of.DOMAIN, state="done", request_id=of.REQUEST,
        outcome="domain.domain-claimed.v1", ended_at=of.AT,
    ),
    bulk.BulkItemView(
        number=1002, line=3, kind="mailbox", subject=of.ANNA, state="refused", request_id=of.REQUEST,
        refusal=refuse("domain_password_missing", domain=of.DOMAIN), ended_at=of.AT,
    ),
    bulk.BulkItemView(number=1003, line=3, kind="alias", subject=of.ANNA, state="waiting"),
)  # fmt: skip

REQUESTS = {"domain.submit-bulk.v1": SUBMIT, "domain.cancel-bulk.v1": bulk.CancelBulk(bulk_id=BULK)}
FACTS = {
    "domain.bulk-part-received.v1": bulk.BulkPartReceived(bulk=RECEIVING, part=1, items=500, unreadable=1),
    "domain.bulk-accepted.v1": bulk.BulkAccepted(bulk=ACCEPTED),
    "domain.bulk-progress.v1": bulk.BulkProgress(bulk=ACCEPTED),
    "domain.bulk-finished.v1": bulk.BulkFinished(bulk=FINISHED),
    "domain.bulk-cancelled.v1": bulk.BulkCancelled(bulk=CANCELLED),
}
QUESTIONS = {
    "domain.bulk.v1": bulk.AskBulk(bulk_id=BULK),
    "domain.bulks.v1": bulk.AskBulks(before=BULK, limit=20),
    "domain.bulk-items.v1": bulk.AskBulkItems(bulk_id=BULK, only="refused", after=1001, limit=50),
}
ANSWERS = {
    "domain.bulk-answer.v1": bulk.BulkAnswer(bulk=RECEIVING, missing=(2,)),
    "domain.bulks-answer.v1": bulk.BulksAnswer(bulks=(ACCEPTED,), next=BULK),
    "domain.bulk-items-answer.v1": bulk.BulkItemsAnswer(items=ITEMS, next=1003),
}
