"""`postkontor status`: every replica answers, what is wrong is said in words, also while parts are down."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client.upkeep import ConsumerState, StreamState
from contracts.operations_v1 import DueState, LaneState, StatusAnswer, StoredState
from services.chassis.runtime import Pace
from services.chassis.status import Status
from services.chassis.topology import EVENT_LANE, lanes
from services.cli.judging import STREAMS, Picture, judge
from services.cli.texts import SENTENCES

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ALL = (0, 1, 2, 3, EVENT_LANE)


def lane(number, **changes):
    given = {"stream": "CMD", "consumer": f"billing-{number}", "since": NOW, "waiting": 0}
    return LaneState(number=number, **given | changes)


def stored(**changes):
    return StoredState(**{"replicas": 1, "schema_version": "billing/0001_pre_x", "unpublished": 0, "dead_letters": 0,
                          "suspects": 0} | changes)  # fmt: skip


def answer(*, owns=ALL, of=None, **changes):
    given = {
        "service": "billing", "replica": "a", "version": "0.1.0", "started_at": NOW, "at": NOW, "handled": 0,
        "per_second": 0.0, "lanes": tuple(lane(n) for n in owns), "stored": of or stored(),
    }  # fmt: skip
    return StatusAnswer(**given | changes)


def picture(*answers, waiting=0, without=()):
    consumers = {spec.consumer: ConsumerState(waiting, 0) for spec in lanes("billing", 4)}
    streams = {name: StreamState(name, 0, 0, 0, consumers, 4 if name == "CMD" else None) for name in STREAMS}
    return Picture({"billing": answers}, streams | dict.fromkeys(without))


def wrong(*answers, **about):
    return [trouble.sentence.removeprefix("status_") for trouble in judge(picture(*answers, **about), NOW)]


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("found", "answers"),
    [
        ([], [answer()]),
        (["nobody"], []),
        (["unowned"], [answer(owns=(0, 1, 2, EVENT_LANE))]),
        ([], [answer(owns=(0, 1), of=stored(replicas=2)), answer(owns=(2, 3, EVENT_LANE), of=stored(replicas=2))]),
        (["silent"], [answer(of=stored(replicas=2))]),
        (["versions"], [answer(owns=(0, 1), of=stored(replicas=2)),
                        answer(owns=(2, 3, EVENT_LANE), version="0.2.0", of=stored(replicas=2))]),
        (["stands"], [answer(lanes=(lane(0, waiting=7, oldest_at=ago(90)), *map(lane, ALL[1:])))]),
        (["slow"], [answer(lanes=(lane(0, waiting=7, oldest_at=ago(90)), *map(lane, ALL[1:])), per_second=300.0)]),
        ([], [answer(lanes=(lane(0, waiting=7, oldest_at=ago(3)), *map(lane, ALL[1:])))]),
        (["no_database"], [answer().model_copy(update={"stored": None, "trouble": "TimeoutError"})]),
        (["schema"], [answer(of=stored(missing_migrations=("billing/0002_pre_y",)))]),
        (["unpublished"], [answer(of=stored(unpublished=3, oldest_unpublished_at=ago(60)))]),
        ([], [answer(of=stored(unpublished=3, oldest_unpublished_at=ago(1)))]),
        (["overdue"], [answer(of=stored(due=(DueState(kind="look", count=2, oldest_at=ago(600)),)))]),
        ([], [answer(of=stored(due=(DueState(kind="look", count=2, oldest_at=ago(5)),)))]),
        (["forgotten"], [answer(of=stored(forgotten=("1: the stream of events is gone",)))]),
        (["suspects", "dead"], [answer(of=stored(suspects=1, dead_letters=4))]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(found, answers):
    assert wrong(*answers) == found


def test_a_missing_stream_and_its_missing_consumers_are_told():
    assert wrong(answer(), without=("DLQ",)) == ["no_stream"]
    seen = picture(answer())
    del seen.streams["CMD"].consumers["billing-2-of-4"]
    assert [trouble.details["consumer"] for trouble in judge(seen, NOW)] == ["billing-2-of-4"]


def test_messages_that_wait_for_a_worker_that_is_not_there_are_counted():
    (trouble,) = judge(picture(waiting=3), NOW)
    assert trouble.details == {"worker": "billing", "waiting": 15}


def test_every_trouble_has_a_sentence_in_both_languages():
    everything = [
        *judge(picture(without=("ADV",)), NOW),
        *judge(picture(answer(owns=(), of=stored(replicas=2, suspects=1, dead_letters=1))), NOW),
    ]
    for trouble in everything:
        for language in ("de", "en"):
            text = SENTENCES[trouble.sentence][language].format_map(dict(trouble.details))
            assert text.endswith((".", "billing"))


def test_the_pace_is_of_the_last_minute():
    pace = Pace(started_at=ago(600))
    pace.count(600, ago(61))
    pace.count(120, ago(30))
    assert (pace.per_second(NOW), pace.handled, pace.last_at) == (2.0, 720, ago(30))


# --- with a bus -----------------------------------------------------------------------------------------------------


async def postkontor(bus, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *words, *bus.options, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_every_replica_tells_of_its_lanes_and_absent_workers_are_named(bus, replicas):

    async def shared():  # until then a lane may be between two owners
        return sorted(len(replica.ownership.owned) for replica in replicas) == [2, 3]

    await bus.eventually(shared, what="sharing the lanes")
    code, out, err = await postkontor(bus, "status", "-o", "json")
    told = json.loads(out)
    assert code == 1, err
    answers = told["workers"]["mailbox"]["replicas"]
    assert {one["replica"] for one in answers} == {replica.runtime.replica for replica in replicas}
    assert sorted(one["number"] for answer in answers for one in answer["lanes"]) == list(ALL)
    assert {(one["what"], one["worker"]) for one in told["wrong"]} == {
        ("nobody", name) for name in ("billing", "domain", "dnscheck")
    }
    code, out, _ = await postkontor(bus, "status", "--lang", "en")
    assert "billing: nobody answers, 0 messages wait." in " ".join(out.split())
    assert max(map(len, out.splitlines()[:12])) <= 80


async def test_a_replica_without_a_database_still_answers(bus, replicas):
    class Away:
        def acquire(self):
            raise ConnectionRefusedError

    first = replicas[0].runtime
    pool, first.pool = first.pool, Away()
    try:
        answer = await Status(first, replicas[0].ownership).answer()
    finally:
        first.pool = pool
    assert (answer.stored, answer.trouble) == (None, "ConnectionRefusedError")
    assert answer.lanes
