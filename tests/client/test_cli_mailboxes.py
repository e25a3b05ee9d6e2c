"""What the command line shows of features' history, backups and passwords, and what it sends."""

import pytest

from contracts.samples import SAMPLES
from deploy.devstack.nats import NatsServer
from tests.client.test_cli import NOWHERE, run
from tests.client.test_cli_views import Answering, answering  # noqa: F401 - a fixture

SHOWN = {
    "feature-history": (["features", "history", "anna@nordwind-segel.de"], "backup (domain) → backup, blacklist"),
    "backups": (["backup", "list", "anna@nordwind-segel.de"], "2026-03-01T1640-anna"),
    "weak-passwords": (["mailbox", "weak-passwords"], "rounds=100000"),
}


@pytest.mark.parametrize("question", SHOWN)
async def test_answers_are_shown(bus: NatsServer, answering: Answering, question: str) -> None:  # noqa: F811
    words, expected = SHOWN[question]
    answer = SAMPLES[f"mailbox.{question}-answer.v1"].model_copy(update={"next": None})
    await answering({f"qry.nordwind.mailbox.{question}.v1": answer})
    shown = await run(*words, "-a", "nordwind", "--nats", bus.url, "--lang", "en")
    assert shown.code == 0, shown.err
    assert expected in shown.out


async def test_who_lacks_the_feature_is_told_so(bus: NatsServer, answering: Answering) -> None:  # noqa: F811
    from contracts.backups_v1 import BackupsAnswer
    from contracts.refusals import refuse

    refused = refuse("feature_off", address="anna@nordwind-segel.de", feature="backup")
    await answering({"qry.nordwind.mailbox.backups.v1": BackupsAnswer(backups=(), next=None, refusal=refused)})
    words = ("backup", "list", "anna@nordwind-segel.de", "-a", "nordwind", "--nats", bus.url, "--lang", "de")
    shown = await run(*words)
    assert (shown.code, "feature_off" in shown.err) == (3, True)


@pytest.mark.parametrize(
    "words",
    [
        ("features", "undo", "a.de", "b@a.de"),
        ("mailbox", "require-password-change"),
        ("mailbox", "require-password-change", "a.de", "--weak"),
        ("mailbox", "require-password-change", "a.de", "--by", "2027-01-01T00:00Z", "--lift"),
        ("mailbox", "spam", "b@a.de", "--junk", "6", "--reject", "5"),
    ],
)
async def test_what_contradicts_itself_is_not_sent(words: tuple[str, ...]) -> None:
    shown = await run(*words, "-a", "nordwind", "--nats", NOWHERE)
    assert shown.code == 2
