"""What the command line shows of proofs and transfers, and how it answers and decides."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import nats
import pytest
import typer
from nats.aio.msg import Msg

from contracts import sample_parts as of
from contracts.domain_v1 import DomainAnswer, DomainView
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.samples import SAMPLES
from deploy.devstack.nats import NatsServer
from services.cli import views, watching
from tests.client.test_cli import NOWHERE, run
from tests.client.test_cli_views import desk

NAME = of.DOMAIN
LEAVING = {"with_mailboxes": False, "on": None, "immediately": False}


class Domains:
    """Shows one domain, and takes answers and decisions."""

    def __init__(self) -> None:
        self.view: DomainView = of.a_domain("active")
        self.orders: list[tuple[str, dict[str, Any]]] = []

    async def shown(self, message: Msg) -> None:
        await message.respond(DomainAnswer(domain=self.view).model_dump_json().encode())

    async def ordered(self, client: nats.NATS, message: Msg) -> None:
        request = json.loads(message.data)
        name = message.subject.split(".")[3]
        self.orders.append((f"{message.subject.split('.')[1]} {name}", request["data"]))
        type_ = {"answer-transfer": "domain.transfer-answered.v1", "decide-transfer": "domain.transfer-decided.v1"}[
            name
        ]
        event = encode(
            message_id=uuid7(), type=type_, source="/postkontor/domain", time=datetime.now(UTC), account="nordwind",
            data=SAMPLES[type_], correlation_id=request["id"],
        )  # fmt: skip
        await client.publish(f"rpl.nordwind.{request['id']}", event)


@pytest.fixture
async def domains(bus: NatsServer) -> AsyncIterator[Domains]:
    made, client = Domains(), await nats.connect(bus.url)

    async def ordered(message: Msg) -> None:
        await made.ordered(client, message)

    await client.subscribe("qry.nordwind.domain.domain.v1", cb=made.shown)
    await client.subscribe("cmd.nordwind.domain.*.v1", cb=ordered)
    await client.flush()
    yield made
    await client.close()


async def transfer(bus: NatsServer, *arguments: str):
    return await run("domain", *arguments, "-a", "nordwind", "--nats", bus.url, "--lang", "en")


def shown(capsys: pytest.CaptureFixture[str], view: DomainView, language: str = "en") -> str:
    views.show_domain(desk(language), view)
    return " ".join(capsys.readouterr().out.split())  # in a narrow terminal a sentence goes on in the next line


@pytest.mark.parametrize(
    ("proof", "german", "english"),
    [
        ("held", "vorhanden", "there"),
        ("at_risk", "stoppt das neue Postfächer", "stops new mailboxes from"),
        ("lapsed", "keine neuen Postfächer", "no new mailboxes"),
    ],
)
def test_a_domain_shows_how_its_proof_stands(
    capsys: pytest.CaptureFixture[str], proof: Any, german: str, english: str
) -> None:
    view = of.a_domain("active", proof=proof)
    for language, words in (("de", german), ("en", english)):
        seen = shown(capsys, view, language)
        assert words in seen
        assert (of.TOKEN in seen) == (proof != "held"), "the record to restore"


def test_a_claimant_reads_that_his_missing_proof_ends_the_transfer(capsys: pytest.CaptureFixture[str]) -> None:
    view = of.a_domain("contested", proof="at_risk", transfer=of.a_transfer("claimant", "open"))
    for language, words in (("de", "endet der Übergang"), ("en", "the transfer ends")):
        seen = shown(capsys, view, language)
        assert words in seen
        assert "mailboxes" not in seen
        assert "Postfächer" not in seen


@pytest.mark.parametrize("language", ["de", "en"])
def test_watching_a_contested_claim_says_who_acts_and_not_that_checking_has_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    view = of.a_domain("contested", transfer=of.a_transfer("claimant", "open")).model_copy(update={"verified_at": None})
    monkeypatch.setattr(watching, "run", lambda _desk, _action: view)
    with pytest.raises(typer.Exit) as ended:
        watching.watch(desk(language), NAME)
    said = capsys.readouterr().err
    assert ended.value.exit_code == 3
    assert getattr(view.next_step, language) in " ".join(said.split())
    assert "ended" not in said
    assert "nicht mehr" not in said


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("open", "an answer is asked for by"),
        ("disputed", "the operator decides"),
        ("overdue", "not answered by"),
        ("granted", "free for you"),
    ],
)
def test_a_domain_shows_how_a_transfer_stands(capsys: pytest.CaptureFixture[str], state: Any, words: str) -> None:
    seen = shown(capsys, of.a_domain("active", transfer=of.a_transfer("holder", state)))
    assert "Transfer" in seen
    assert words in seen
    assert (f"postkontor domain transfer {NAME} --consent" in seen) == (state in ("open", "overdue"))


def test_only_the_holder_is_asked_for_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    seen = shown(capsys, of.a_domain("contested", transfer=of.a_transfer("claimant", "open")))
    assert "Transfer" in seen
    assert "--consent" not in seen


def test_a_domain_without_transfer_has_no_such_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Transfer" not in shown(capsys, of.a_domain("active"))


def test_an_abandoned_claim_shows_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert of.TOKEN in shown(capsys, of.a_domain("abandoned"))


async def test_a_proof_at_risk_comes_with_what_the_last_look_saw(bus: NatsServer, domains: Domains) -> None:
    domains.view = of.a_domain("active", proof="at_risk")
    ran = await transfer(bus, "show", NAME)
    assert ran.code == 0
    assert of.NOT_YET.text.en in ran.out


async def test_the_holder_consents_or_objects(bus: NatsServer, domains: Domains) -> None:
    for arguments in (("--consent", "--yes"), ("--object",)):
        assert (await transfer(bus, "transfer", NAME, *arguments)).code == 0
    assert domains.orders == [
        ("nordwind answer-transfer", LEAVING | {"domain": NAME, "consent": True}),
        ("nordwind answer-transfer", LEAVING | {"domain": NAME, "consent": False}),
    ]


async def test_an_operator_decides_under_the_holders_account(bus: NatsServer, domains: Domains) -> None:
    assert (await transfer(bus, "decide-transfer", NAME, "--to", "holder")).code == 0
    assert (
        await transfer(bus, "decide-transfer", NAME, "--to", "claimant", "--claimant", "suedwind", "--yes")
    ).code == 0
    assert domains.orders == [
        ("nordwind decide-transfer", LEAVING | {"domain": NAME, "to": "holder", "claimant": None}),
        ("nordwind decide-transfer", LEAVING | {"domain": NAME, "to": "claimant", "claimant": "suedwind"}),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("transfer", NAME), "--consent"),
        (("transfer", NAME, "--consent"), "--yes"),
        (("decide-transfer", NAME, "--to", "claimant", "--claimant", "Süd", "--yes"), "--claimant"),
        (("decide-transfer", NAME, "--to", "claimant"), "--yes"),
    ],
)
async def test_nothing_is_given_up_by_accident(arguments: tuple[str, ...], said: str) -> None:
    ran = await run("domain", *arguments, "-a", "nordwind", "--nats", NOWHERE)
    assert ran.code == 2
    assert said in ran.err
