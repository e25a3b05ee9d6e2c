"""What the command line shows of advice on mail records."""

import json

import pytest

from contracts.dnscheck_v1 import MailAdvice
from contracts.domain_v1 import DomainAnswer, MailRecordsCheckFinished
from contracts.samples import ANSWERS, SAMPLES
from deploy.devstack.nats import NatsServer
from services.cli import views
from services.cli.words import WORDS
from tests.client.test_cli import run
from tests.client.test_cli_views import Answering, answering, desk

__all__ = ["answering"]  # a fixture of the other module
FINISHED = SAMPLES["domain.mail-records-check-finished.v1"]
LINE = 'nordwind-segel.de. 3600 IN TXT "v=spf1 include:_spf.postkontor.example ~all"'


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", ["Thema", "fehlt", "Der SPF-Eintrag fehlt.", "gut"]), ("en", ["Topic", "missing", "What to do", "ok"])],
)
def test_advice_is_a_table_with_the_lines_to_set(capsys, monkeypatch, language: str, words: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert isinstance(FINISHED, MailRecordsCheckFinished)
    views.show_fact(desk(language), FINISHED)
    shown = capsys.readouterr().out
    assert not [word for word in words if word not in shown]
    assert LINE in shown.splitlines()  # never folded: it is copied


def test_every_topic_and_state_has_a_word() -> None:
    topics = MailAdvice.model_json_schema()["$defs"]["Advice"]["properties"]
    wanted = {f"topic_{one}" for one in topics["topic"]["enum"]} | {f"advice_{one}" for one in topics["state"]["enum"]}
    assert wanted <= set(WORDS)


async def test_a_shown_domain_sums_advice_up_in_a_line(bus: NatsServer, answering: Answering) -> None:
    await answering(
        {
            "qry.nordwind.domain.domain.v1": DomainAnswer(domain=FINISHED.domain),
            "qry.nordwind.dnscheck.attempts.v1": ANSWERS["dnscheck.attempts-answer.v1"],
        }
    )
    arguments = ("domain", "show", "nordwind-segel.de", "-a", "nordwind", "--nats", bus.url, "--lang", "en")
    ran = await run(*arguments)
    assert ran.code == 0
    assert "Other mail records: 1 ok; open: SPF." in ran.out
    assert json.loads((await run(*arguments, "-o", "json")).out)["domain"] == "nordwind-segel.de"


async def test_a_domain_is_shown_without_advice_where_nobody_has_any(bus: NatsServer, answering: Answering) -> None:
    await answering({"qry.nordwind.domain.domain.v1": DomainAnswer(domain=FINISHED.domain)})
    ran = await run("domain", "show", "nordwind-segel.de", "-a", "nordwind", "--nats", bus.url, "--lang", "en")
    assert (ran.code, ran.err) == (0, "")
    assert "Other mail records" not in ran.out
