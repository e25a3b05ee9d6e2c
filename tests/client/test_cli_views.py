"""What the command line shows people of the workers' answers, with a stand-in that gives them."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import nats
import pytest
from nats.aio.msg import Msg
from pydantic import BaseModel
from rich.console import Console

from contracts.base import Text
from contracts.billing_v1 import AccountAnswer, PackageOffer
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import FeaturesAnswer, FeatureState, TargetFeatures
from contracts.messages import SERVICES, RequestAnswer, RequestStep
from contracts.samples import ANSWERS, SAMPLES
from deploy.devstack.nats import NatsServer
from services.cli import terminal
from services.cli.desk import DEFAULT_STACK, UNFOLDED, Desk
from services.cli.terminal import command, duration, tell
from services.cli.views import resource
from tests.client.test_cli import NOWHERE, run

FINISHED = "domain.mx-check-finished.v1"
WIDEST = PackageOffer(
    package="platinum",
    name=Text(de="Platin", en="Platinum"),
    by_contract=False,
    price_cents=25_000,
    mailboxes=None,
    alias_forwards=1000,
    groups=None,
    support=(Text(de="9/5 E-Mail-Ticket", en="9/5 e-mail ticket"),) * 3,
)
Answering = Callable[[dict[str, BaseModel]], Awaitable[None]]


@pytest.fixture
async def answering(bus: NatsServer) -> AsyncIterator[Answering]:
    """Let questions be answered, by subject."""
    client = await nats.connect(bus.url)

    async def answer(answers: dict[str, BaseModel]) -> None:
        for subject, given in answers.items():

            async def respond(message: Msg, given: BaseModel = given) -> None:
                await message.respond(given.model_dump_json().encode())

            await client.subscribe(subject, cb=respond)
        await client.flush()

    yield answer
    await client.close()


def desk(language: str = "en") -> Desk:
    return Desk(
        account="nordwind",
        nats=NOWHERE,
        seed=None,
        stack=DEFAULT_STACK,
        output="table",
        given_language="de" if language == "de" else "en",
        timeout=1.0,
        wait=True,
        given_request_id=None,
        channel="api",
    )


async def test_names_are_shown_with_their_umlauts(bus: NatsServer, answering: Answering) -> None:
    target = "anna@xn--bcher-kva.de"
    features = FeatureState(on=(), origin="default")
    answer = FeaturesAnswer(targets=(TargetFeatures(target=target, features=features),))
    await answering({"qry.nordwind.mailbox.features.v1": answer})
    ran = await run("features", "show", "anna@bücher.de", "-a", "nordwind", "--nats", bus.url)
    assert ran.code == 0
    assert "anna@bücher.de" in ran.out


async def test_use_of_an_unknown_account_is_exit_code_3(bus: NatsServer, answering: Answering) -> None:
    await answering({"qry.nordwind.billing.account.v1": AccountAnswer(account=None)})
    ran = await run("account", "usage", "-a", "nordwind", "--nats", bus.url)
    assert ran.code == 3
    assert "account_unknown" in ran.err


async def test_quote_beyond_the_room_says_so(bus: NatsServer, answering: Answering) -> None:
    quote = ANSWERS["billing.quote-answer.v1"].model_copy(update={"quantity": 20, "room": 3})
    await answering({"qry.nordwind.billing.quote.v1": quote})
    ran = await run("plan", "quote", "office", "-n", "20", "-a", "nordwind", "--nats", bus.url, "--lang", "en")
    assert ran.code == 0
    assert "do not fit: 3 left" in ran.err


@pytest.mark.parametrize("columns", ["80", "120"])
async def test_packages_fit_the_terminal(bus: NatsServer, answering: Answering, columns: str) -> None:
    price_list = ANSWERS["billing.catalogue-answer.v1"].model_copy(update={"packages": (WIDEST,)})
    await answering({"qry.nordwind.billing.catalogue.v1": price_list})
    for language in ("de", "en"):
        ran = await run(*("package", "list", "-a", "nordwind", "--nats", bus.url, "--lang", language), COLUMNS=columns)
        table = [line for line in ran.out.splitlines() if "Support" not in line]
        assert all(len(line) <= int(columns) for line in table)
        (platinum,) = [line.split() for line in table if line.startswith(" platinum")]  # one line, nothing folded
        assert platinum[-2:] == ["1000", platinum[-3]]
        assert "Support: 9/5" in ran.out


async def test_request_that_ends_on_anothers_event_is_shown_as_done(bus: NatsServer, answering: Answering) -> None:
    """The last station's step stands under the request that led to the event it heard; the fact names this one."""
    request_id, now = uuid7(), datetime.now(UTC)
    await answering(
        {f"qry.nordwind.{name}.request.v1": RequestAnswer(service=name, steps=()) for name in SERVICES}
        | {
            "qry.nordwind.domain.request.v1": RequestAnswer(
                service="domain", steps=(step(request_id, "domain.check-mx.v1", now),)
            ),
        }
    )
    await state(bus, request_id, now + timedelta(milliseconds=30))
    arguments = ("request", "show", str(request_id), "-a", "nordwind", "--nats", bus.url)
    people, programs = await asyncio.gather(run(*arguments), run(*arguments, "-o", "json"))
    assert people.code == 0
    (last,) = [line for line in people.out.splitlines() if FINISHED in line]
    assert "done" in last
    assert programs.json["outcome"] == FINISHED


async def test_request_under_way_has_no_outcome(bus: NatsServer, answering: Answering) -> None:
    request_id = uuid7()
    handed = step(request_id, "domain.check-mx.v1", datetime.now(UTC))
    await answering(
        {f"qry.nordwind.{name}.request.v1": RequestAnswer(service=name, steps=(handed,)) for name in SERVICES}
    )
    ran = await run("request", "show", str(request_id), "-a", "nordwind", "--nats", bus.url, "-o", "json")
    assert ran.code == 0
    assert ran.json["outcome"] is None


def step(request_id: UUID, type_: str, at: datetime) -> RequestStep:
    return RequestStep(message_id=request_id, type=type_, fate="handed-over", code=None, handled_at=at)


async def state(bus: NatsServer, request_id: UUID, at: datetime) -> None:
    event = encode(
        message_id=uuid7(),
        type=FINISHED,
        source="/postkontor/domain",
        time=at,
        account="nordwind",
        data=SAMPLES[FINISHED],
        correlation_id=request_id,
    )
    async with contextlib.AsyncExitStack() as leaving:
        client = await nats.connect(bus.url)
        leaving.push_async_callback(client.close)
        await client.jetstream().publish(f"evt.nordwind.{FINISHED}", event)


# --- parts ----------------------------------------------------------------------------------------------------------


def test_sentences_fold_between_words_in_a_terminal_alone() -> None:
    words = "wort " * 30
    for is_terminal in (True, False):
        written = io.StringIO()
        shown = Console(file=written, width=72, force_terminal=is_terminal, color_system=None)
        tell(cast("Desk", SimpleNamespace(console=shown)), words.strip())
        lines = written.getvalue().splitlines()
        assert (len(lines) > 1) == is_terminal
        assert all(set(line.split()) == {"wort"} for line in lines)


def test_what_is_piped_is_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert desk().console.width == 80
    monkeypatch.delenv("COLUMNS")
    assert desk().console.width == UNFOLDED


def test_spans_are_written_in_a_unit_that_says_enough() -> None:
    assert [duration(seconds) for seconds in (0, 45, 119, 1956, 7200)] == ["0 s", "45 s", "119 s", "32 min", "2 h"]


def test_caps_are_named_in_the_readers_language() -> None:
    assert resource(desk("de"), "mailbox") == "Postfächer"
    assert resource(desk("en"), "plan.mailxl") == "Plan mailxl"


def test_program_names_itself_so_that_it_can_be_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd() / ".venv" / "bin" / "postkontor"
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(argv=[str(here)]))
    monkeypatch.setenv("PATH", "")
    assert command() == ".venv/bin/postkontor"
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(argv=["-c"]))
    assert command() == "postkontor"
