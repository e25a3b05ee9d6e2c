"""Samples of the messages for who runs the system."""

from pydantic import BaseModel

from contracts import operations_v1 as operations
from contracts import sample_parts as of

_LETTER = operations.DeadLetter(
    id=of.REQUEST,
    account="nordwind",
    type="mailbox.set-mailbox-features.v1",
    code="internal_error",
    detail='KeyError at File "rules.py", line 7, in decide',
    digest="5f0c11aa02",
    lane=3,
    stream="CMD",
    stream_seq=4711,
    answered=True,
    attempts=(
        operations.Attempt(at=of.EARLIER, replica="0f3c9a1e", version="0.1.0", fate="never", code="internal_error"),
    ),
    recorded_at=of.EARLIER,
    kept="already_answered",
)


def _of(worker: str) -> dict[str, BaseModel]:
    return {
        f"{worker}.replay-dead-letters.v1": operations.REPLAYS[worker](
            ids=(of.REQUEST,), code="internal_error", as_new=True
        ),
        f"{worker}.discard-dead-letters.v1": operations.DISCARDS[worker](code="not_json", since=of.EARLIER),
        f"{worker}.replay-begun.v1": operations.REPLAYS_BEGUN[worker](
            request_id=of.REQUEST,
            letters=(of.REQUEST,),
            kept=(operations.KeptLetter(id=of.DOMAIN_ID, kept="comes_by_itself"),),
        ),
        f"{worker}.dead-letters-discarded.v1": operations.DISCARDED[worker](
            request_id=of.REQUEST, letters=(of.REQUEST,)
        ),
        f"{worker}.reconcile-events.v1": operations.RECONCILIATIONS[worker](since=of.EARLIER, dry_run=True),
        f"{worker}.events-reconciled.v1": operations.RECONCILED[worker](
            request_id=of.REQUEST,
            surviving=900,
            missing=100,
            restated=100,
            unknown=1,
            strangers=(
                operations.Stranger(id=of.DOMAIN_ID, subject=f"evt.nordwind.{worker}.request-refused.v1", stream_seq=9),
            ),
        ),
        f"{worker}.status.v1": operations.AskStatus(),
        f"{worker}.status-answer.v1": operations.StatusAnswer(
            service=worker,
            replica="0f3c9a1e",
            version="0.1.0",
            started_at=of.EARLIER,
            at=of.AT,
            lanes=(
                operations.LaneState(
                    number=3, stream="CMD", consumer=f"{worker}-3", since=of.EARLIER, waiting=12, oldest_at=of.AT
                ),
            ),
            handled=120_000,
            per_second=300.5,
            last_batch_at=of.AT,
            stored=operations.StoredState(
                replicas=2,
                schema_version=f"{worker}/0001_pre_tables",
                unpublished=3,
                oldest_unpublished_at=of.AT,
                due=(operations.DueState(kind="look", count=4, oldest_at=of.AT),),
                dead_letters=1,
                suspects=0,
            ),
        ),
        f"{worker}.dead-letters.v1": operations.AskDeadLetters(digest="5f0c11aa02", limit=50),
        f"{worker}.dead-letters-answer.v1": operations.DeadLettersAnswer(service=worker, letters=(_LETTER,), total=1),
    }


SAMPLES: dict[str, BaseModel] = {
    type_: sample for worker in operations.WORKERS for type_, sample in _of(worker).items()
}
