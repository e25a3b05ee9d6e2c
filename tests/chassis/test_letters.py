"""Dead letters on real NATS and PostgreSQL: grouped, shown with their history, taken up again, settled."""

from uuid import uuid4

import pytest

from contracts import operations_v1 as operations
from contracts.ids import derived, uuid7
from contracts.mailbox_v1 import FeaturesSet, SetMailboxFeatures
from contracts.operations_v1 import AskDeadLetters
from contracts.samples import SAMPLES
from contracts.values import HOUSE
from services.chassis.causes import cause_of, is_original
from services.chassis.failures import bug, digest_of
from services.chassis.fates import Done, Never, Say
from services.chassis.received import Raw, Tick, read
from services.chassis.runtime import utc_now
from services.chassis.service import Handler

pytestmark = pytest.mark.usefixtures("replicas")
REPLAY, DISCARD = operations.REPLAYS["mailbox"], operations.DISCARDS["mailbox"]
FACT = "billing.account-updated.v1"


@pytest.fixture
def broken(bus):
    """A release with a bug in what it does on hearing a fact. It is repaired by clearing the set."""
    bugs = {"there is one"}

    def decide(message, book, moment):
        if bugs:
            raise LookupError(f"{message.account}, in confidence"[::-1])
        return Done(says=(Say(FeaturesSet(requested=(), targets=()), key=message.account),))

    for replica in bus.workers:
        replica.runtime.service.messages["evt", FACT] = Handler(lambda _: (), decide)
    yield bugs
    for replica in bus.workers:
        del replica.runtime.service.messages["evt", FACT]


async def letters(bus, **ask):
    return (await bus.ask(HOUSE, AskDeadLetters(**ask), service="mailbox")).letters


async def letter(bus, id_, *, attempts=1, **ask):
    async def there():
        found = await letters(bus, ids=(id_,), **ask)
        return found[0] if found and len(found[0].attempts) >= attempts else None

    return await bus.eventually(there, what=f"attempt {attempts} of the letter {id_}")


async def a_dead_fact(bus, account=None):
    account = account or f"a{uuid4().hex[:8]}"
    id_ = uuid7()
    fact = SAMPLES[FACT]
    view = fact.account.model_copy(update={"account_id": account})
    await bus.send(account, fact.model_copy(update={"account": view}), id=id_)
    return await letter(bus, id_)


async def a_dead_request(bus):
    outcome = await bus.request("nordwind", SetMailboxFeatures(addresses=("bug@x.de",), features=()))
    assert outcome.data.refusal.code == "internal_error"
    return await letter(bus, outcome.correlationid)


async def test_a_letter_tells_when_by_whom_and_with_which_code_and_keeps_no_secret(bus, broken):
    buried = await a_dead_fact(bus)
    (attempt,) = buried.attempts
    assert (attempt.fate, attempt.code, attempt.version) == ("never", "internal_error", "0.1.0")
    assert attempt.replica in {replica.runtime.replica for replica in bus.workers}
    assert (buried.stream, buried.answered, buried.kept) == ("EVT", False, None)
    assert "LookupError" in buried.detail
    assert buried.account[::-1] not in buried.detail
    assert (await letter(bus, buried.id, payload=True)).payload.startswith('{"specversion"')


async def test_equal_bugs_share_a_digest_and_other_bugs_have_another(bus, broken):
    first, second, other = await a_dead_fact(bus), await a_dead_fact(bus), await a_dead_request(bus)
    assert first.digest == second.digest != other.digest
    assert {one.id for one in await letters(bus, digest=first.digest)} >= {first.id, second.id}
    assert other.id not in {one.id for one in await letters(bus, digest=first.digest)}


def test_a_digest_does_not_depend_on_line_numbers_or_on_what_was_said():
    def fails(text):
        raise KeyError(text)

    def digest(call):
        try:
            call()
        except KeyError:
            return bug(read(Raw("?", b"", "CMD", 1, "", 0))).digest

    calls = [lambda: fails("one")] * 2
    assert digest(calls[0]) == digest(calls[1])
    assert digest(lambda: fails("one")) != digest(lambda: {}["two"])
    assert digest_of("a", 1) != digest_of("a", 2)


async def test_a_replay_after_the_repair_handles_the_original_with_its_own_id(bus, broken):
    buried = await a_dead_fact(bus)
    broken.clear()
    begun = await bus.request(HOUSE, REPLAY(ids=(buried.id,)))
    assert begun.type == "mailbox.replay-begun.v1"
    assert begun.data.letters == (buried.id,)
    after = await letter(bus, buried.id, attempts=2)
    assert [attempt.fate for attempt in after.attempts] == ["never", "done"]
    assert (after.resolution, after.kept) == ("replayed", "resolved")
    said = await bus.events(f"evt.{buried.account}.mailbox.>")
    assert [event.causationid for event in said] == [buried.id]
    rows = await bus.fetch("SELECT fate FROM mailbox.inbox WHERE message_id = $1", buried.id)
    assert [row["fate"] for row in rows] == ["done"]


async def test_a_replay_before_the_repair_leaves_one_letter_with_two_attempts(bus, broken):
    buried = await a_dead_fact(bus)
    await bus.request(HOUSE, REPLAY(digest=buried.digest, of_account=buried.account))
    after = await letter(bus, buried.id, attempts=2)
    assert [attempt.fate for attempt in after.attempts] == ["never", "never"]
    assert after.resolved_at is None


async def test_two_replays_of_one_letter_handle_it_once(bus, broken):
    buried = await a_dead_fact(bus)
    broken.clear()
    for _ in range(2):
        await bus.request(HOUSE, REPLAY(ids=(buried.id,)))
    await letter(bus, buried.id, attempts=2)
    third = await bus.request(HOUSE, REPLAY(ids=(buried.id,)))
    assert [(one.id, one.kept) for one in third.data.kept] == [(buried.id, "resolved")]
    assert len(await bus.events(f"evt.{buried.account}.mailbox.>")) == 1


async def test_a_request_that_was_refused_is_not_replayed_for_it_has_had_its_outcome(bus):
    buried = await a_dead_request(bus)
    assert (buried.answered, buried.kept) == (True, "already_answered")
    begun = await bus.request(HOUSE, REPLAY(ids=(buried.id,)))
    assert (begun.data.letters, begun.data.kept[0].kept) == ((), "already_answered")


async def test_a_refused_request_can_be_handled_as_a_new_one_with_an_outcome_of_its_own(bus):
    buried = await a_dead_request(bus)
    assert (await letter(bus, buried.id, as_new=True)).kept is None
    await bus.request(HOUSE, REPLAY(ids=(buried.id,), as_new=True))
    new = derived(buried.id, "again")
    outcome = await bus.answer("nordwind", new)
    assert (outcome.data.request_id, outcome.data.refusal.code) == (new, "internal_error")
    after = await letter(bus, buried.id, attempts=2)
    assert (after.attempts[1].fate, after.attempts[1].detail) == ("sent-again", f"as {new}")
    assert after.resolution == "replayed"
    assert len(bus.answers[f"rpl.nordwind.{buried.id}"]) == 1
    rows = await bus.fetch("SELECT cause_id FROM mailbox.inbox WHERE message_id = $1", new)
    assert rows[0]["cause_id"] == buried.id
    assert len((await letter(bus, new)).attempts) == 1


async def test_an_original_that_is_gone_is_said_to_be_gone_and_its_letter_stays(bus, broken):
    buried = await a_dead_fact(bus)
    broken.clear()
    await bus.client.jetstream().purge_stream("EVT")
    await bus.request(HOUSE, REPLAY(ids=(buried.id,)))
    after = await letter(bus, buried.id, attempts=2)
    assert (after.attempts[1].fate, after.resolved_at) == ("gone", None)


def test_another_message_at_the_same_place_of_a_new_stream_is_not_the_original():
    first, second = (Raw("cmd.a.mailbox.b.v1.0", payload, "CMD", 7, "", 0) for payload in (b"one", b"two"))
    letter_id = cause_of(read(first), first.lane, first.subject).id
    assert is_original(read(first), first, letter_id)
    assert not is_original(read(second), second, letter_id)


async def test_letters_are_settled_by_what_they_have_in_common(bus, broken):
    account = f"a{uuid4().hex[:8]}"
    first, second, other = await a_dead_fact(bus, account), await a_dead_fact(bus, account), await a_dead_fact(bus)
    discarded = await bus.request(HOUSE, DISCARD(of_account=account, type=FACT, code="internal_error"))
    assert set(discarded.data.letters) == {first.id, second.id}
    assert await letters(bus, of_account=account) == ()
    assert {one.resolution for one in await letters(bus, of_account=account, resolved=True)} == {"discarded"}
    assert (await letter(bus, other.id)).resolved_at is None


async def test_under_an_account_only_its_own_letters_are_seen(bus, broken):
    mine, other = await a_dead_fact(bus), await a_dead_fact(bus)
    answer = await bus.ask(mine.account, AskDeadLetters(of_account=other.account), service="mailbox")
    assert {one.account for one in answer.letters} == {mine.account}


def test_a_wake_up_is_not_replayed_for_it_comes_again():
    tick = Tick(uuid7(), "nordwind", "wake", "key", utc_now(), utc_now())
    from services.chassis import letters as module

    made = module.letter_of(tick, None, 0, tick.id, Never("internal_error", "x"), answered=False)
    row = module.Letter(
        made.id, 0, made.stream, made.stream_seq, made.account, made.type, made.code, made.detail, made.digest,
        made.answered, (), utc_now(), None, None,
    )  # fmt: skip
    assert row.kept(as_new=False) == row.kept(as_new=True) == "comes_by_itself"
