"""Bad input at every first station of the running system: a refusal or a dead letter, and the workers go on (R42)."""

import asyncio
import hashlib
import json
from uuid import uuid4

import asyncpg
import nats
import pytest
import pytest_asyncio
from nats.errors import MaxPayloadError
from nats.js.errors import APIError

from contracts.billing_v1 import AskAccount, OpenAccount
from contracts.domain_v1 import CheckMx, ClaimDomain, ValidateDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox, DeleteMailbox, SuspendMailbox
from contracts.routes import ROUTES

HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
FIRST_STATIONS = sorted({route.message.type for route in ROUTES})


@pytest_asyncio.fixture(scope="module")
async def raw(stack, office):
    """A bare connection, as a program without our client has it, and the refusals it hears."""
    for account in ("badinput", "neighbour"):
        await office.request(OpenAccount(package="silver", company="B", email="b@example.com"), account=account)
    connection = await nats.connect(**stack.access("admin").for_nats())
    heard = {}

    async def answered(message):
        heard[message.subject] = json.loads(message.data)

    await connection.subscribe("rpl.>", cb=answered)
    await connection.flush()
    connection.heard = heard
    yield connection
    await connection.close()


def message(type_, data, **changes):
    """An envelope by hand."""
    return {
        "specversion": "1.0", "id": str(uuid7()), "type": type_, "source": "by-hand", "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json", "data": data, **changes,
    }  # fmt: skip


async def refusal_of(raw, eventually, type_, envelope, account="badinput"):
    await raw.jetstream().publish(f"cmd.{account}.{type_}", json.dumps(envelope).encode())

    async def answered():
        return raw.heard.get(f"rpl.{account}.{envelope['id']}")

    return (await eventually(answered, what=f"an answer to {type_}"))["data"]["refusal"]


async def letters(stack, where, *arguments):
    connection = await asyncpg.connect(stack.postgres.dsn())
    try:
        rows = []
        for service in ("billing", "domain", "mailbox", "dnscheck"):
            rows += await connection.fetch(f"SELECT * FROM {service}.dead_letter WHERE {where}", *arguments)
        return rows
    finally:
        await connection.close()


async def still_works(office):
    assert (await office.ask(AskAccount(), account="badinput")).account is not None
    outcome = await office.request(ClaimDomain(domain=f"x{uuid4().hex[:8]}.de"), account="badinput")
    assert outcome.state == "done"


@pytest.mark.parametrize("type_", FIRST_STATIONS)
async def test_what_is_not_json_is_set_aside(stack, raw, eventually, type_):
    payload = f'{{"password_hash": "{HASH}", "mark": "{uuid4().hex}"'.encode()
    digest = hashlib.sha256(payload).hexdigest()
    await raw.jetstream().publish(f"cmd.badinput.{type_}", payload)

    async def buried():
        return await letters(stack, "payload LIKE $1", f"%{digest}%")

    (letter,) = await eventually(buried, what="a dead letter")
    assert letter["code"] == "not_json"
    assert "aaaa" not in letter["payload"]


@pytest.mark.parametrize("type_", FIRST_STATIONS)
async def test_a_wrong_shape_is_refused_with_the_fields_that_are_wrong(raw, eventually, type_):
    refusal = await refusal_of(raw, eventually, type_, message(type_, {"surprise": 1}))
    assert refusal["code"] == "wrong_shape"
    assert any("data.surprise" in finding["details"]["field"] for finding in refusal["findings"])
    assert refusal["text"]["de"] != refusal["text"]["en"]


async def test_an_unknown_type_is_refused(raw, eventually):
    refusal = await refusal_of(raw, eventually, "billing.print-money.v1", message("billing.print-money.v1", {}))
    assert refusal["code"] == "unknown_type"


async def test_an_unknown_version_is_refused_and_the_known_ones_are_named(raw, eventually):
    refusal = await refusal_of(raw, eventually, "domain.create-mailbox.v7", message("domain.create-mailbox.v7", {}))
    assert refusal["code"] == "unknown_version"
    assert refusal["findings"][0]["details"]["known"] == "1"


@pytest.mark.parametrize("token", [b"\xff\xfe", b"a\x00b", "Überweisung".encode(), b"UPPER", b"x" * 3000])
@pytest.mark.parametrize("place", ["account", "name", "version"])
async def test_a_subject_that_is_no_text_is_set_aside_and_everybody_else_is_served(stack, raw, office, token, place):
    tokens = {"account": b"badinput", "name": b"claim-domain", "version": b"v1"} | {place: token}
    subject = b"cmd." + tokens["account"] + b".billing." + tokens["name"] + b"." + tokens["version"]
    for payload in (b"{}", json.dumps(message("billing.claim-domain.v1", {"domain": "x.de"})).encode()):
        # nats-py would not send this; another client might.
        await raw._send_command(b"PUB " + subject + b" " + str(len(payload)).encode() + b"\r\n" + payload + b"\r\n")
    await raw.flush()
    await still_works(office)


async def test_a_foreign_correlation_id_does_not_let_a_request_speak_for_another(raw, eventually, office):
    other = uuid7()
    envelope = message("billing.claim-domain.v1", {"domain": "co.uk"}, correlationid=str(other))
    refusal = await refusal_of(raw, eventually, "billing.claim-domain.v1", envelope)
    assert refusal["code"] == "domain_is_public_suffix"
    assert f"rpl.badinput.{other}" not in raw.heard


async def test_a_subject_of_no_worker_is_refused_by_the_broker(raw):
    with pytest.raises(nats.js.errors.NoStreamResponseError):
        await raw.jetstream().publish("cmd.badinput.kitchen.make-coffee.v1", b"{}")


async def test_two_megabytes_are_refused_at_every_door(raw, office):
    with pytest.raises(MaxPayloadError):
        await raw.jetstream().publish("cmd.badinput.domain.create-mailbox.v1", b" " * 2_000_000)
    with pytest.raises(APIError, match="message size exceeds"):
        await raw.jetstream().publish("cmd.badinput.domain.create-mailbox.v1", b" " * 500_000)
    huge = ClaimDomain.model_construct(domain="x" * 2_000_000 + ".de", password_hash=None)
    with pytest.raises(ValueError, match="bytes"):
        await office.request(huge, account="badinput")
    await still_works(office)


async def test_a_cleartext_password_is_refused_and_never_repeated(stack, raw, eventually, office):
    secret = f"Clear-{uuid4().hex}"
    for type_, data in {
        "domain.create-mailbox.v1": {"address": "a@b.de", "first_name": "A", "last_name": "B", "plan": "mail"},
        "mailbox.set-mailbox-password.v1": {"address": "a@b.de"},
        "domain.set-domain-password.v1": {"domain": "b.de"},
        "billing.claim-domain.v1": {"domain": "b.de"},
    }.items():
        refusal = await refusal_of(raw, eventually, type_, message(type_, data | {"password_hash": secret}))
        assert refusal["code"] == "wrong_shape"
        assert refusal["findings"][0]["details"]["field"] == "data.password_hash"
        assert secret not in json.dumps(refusal)
    await assert_nowhere(stack, raw, secret)


async def test_a_password_hash_stays_in_the_one_field_that_carries_it(stack, raw, eventually, office):
    secret = uuid4().hex * 3
    hash_ = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$" + secret[:22] + "$" + secret[22:86]
    order = CreateMailbox(address="a@unknown.de", first_name="A", last_name="B", plan="mail", password_hash=hash_)
    assert (await office.request(order, account="badinput")).refusal.code == "domain_unknown"
    claim = ClaimDomain(domain=f"x{uuid4().hex[:8]}.de", password_hash=hash_)
    assert (await office.request(claim, account="badinput")).state == "done"
    await raw.jetstream().publish("cmd.badinput.domain.create-mailbox.v1", b"{" + hash_.encode())
    await asyncio.gather(*(still_works(office) for _ in range(3)))
    await assert_nowhere(stack, raw, secret[22:86])


async def assert_nowhere(stack, raw, secret):
    """Logs, events and dead letters do not hold the secret."""
    for log in (stack.directory / "logs").glob("*.log"):
        assert secret not in log.read_text(), log
    for letter in await letters(stack, "true"):
        assert secret not in str(dict(letter))
    context = raw.jetstream()
    for stream in ("EVT", "DLQ"):
        count = (await context.stream_info(stream)).state.messages
        subscription = await context.subscribe(">", stream=stream, ordered_consumer=True)
        for _ in range(count):
            assert secret.encode() not in (await subscription.next_msg(timeout=5)).data
        await subscription.unsubscribe()


async def test_an_account_in_the_payload_other_than_in_the_subject_is_refused(raw, eventually):
    envelope = message("billing.claim-domain.v1", {"domain": "mine.de"}, account="neighbour")
    refusal = await refusal_of(raw, eventually, "billing.claim-domain.v1", envelope)
    assert refusal["code"] == "account_mismatch"


async def test_a_domain_of_another_account_is_unknown_here(office):
    assert (await office.request(ClaimDomain(domain="neighbours.de"), account="neighbour")).state == "done"
    order = CreateMailbox(address="a@neighbours.de", first_name="A", last_name="B", plan="mail", password_hash=HASH)
    refusal = (await office.request(order, account="badinput")).refusal
    assert refusal.code == "domain_unknown"
    assert "neighbour" not in refusal.text.en.replace("neighbours.de", "")


async def test_the_same_request_id_with_other_content_is_refused(office):
    request_id = uuid7()
    first = await office.request(ClaimDomain(domain="first.de"), account="badinput", request_id=request_id)
    second = await office.request(ClaimDomain(domain="second.de"), account="badinput", request_id=request_id)
    assert first.state == "done"
    assert second.refusal.code == "request_id_reused"


async def test_the_same_id_for_another_request_of_the_same_shape_is_refused(office):
    request_id = uuid7()
    await office.request(SuspendMailbox(address="a@first.de"), account="badinput", request_id=request_id)
    second = await office.request(DeleteMailbox(address="a@first.de"), account="badinput", request_id=request_id)
    assert second.refusal.code in ("request_id_reused", "mailbox_unknown")
    third = await office.request(ValidateDomain(domain="first.de"), account="badinput", request_id=(other := uuid7()))
    fourth = await office.request(CheckMx(domain="first.de"), account="badinput", request_id=other)
    assert third.refusal is None
    assert fourth.refusal.code == "request_id_reused"


async def test_after_all_this_every_worker_still_works(office):
    await still_works(office)
