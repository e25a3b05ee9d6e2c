"""Every message has a sentence, in both languages."""

from contracts.base import Fact, Request
from contracts.messages import REGISTRY
from contracts.samples import SAMPLES
from contracts.telling import fact_told, kind_of, message_told


class Newer(Fact):
    """A fact of a later release."""


def test_every_fact_has_a_sentence_in_both_languages() -> None:
    for message in (message for message in REGISTRY.all() if message.kind == "evt"):
        sample = SAMPLES[message.type]
        assert isinstance(sample, Fact)
        text = fact_told(message.type, sample)
        for sentence in (text.de, text.en):
            assert not sentence.startswith(("Nachricht ", "Message ")), f"{message.type}: contracts/telling_words.py"
            assert sentence.strip(), message.type
            assert not set(sentence) & set("{…"), f"{message.type}: {sentence}"


def test_every_order_has_a_sentence_and_a_kind() -> None:
    for message in (message for message in REGISTRY.all() if message.kind == "cmd"):
        kind = kind_of(message.type)
        assert kind == ("request" if issubclass(message.model, Request) else "hand-over")
        text = message_told(message.type, kind)
        assert not text.en.startswith("Message "), f"{message.type}: contracts/telling_words.py"
        assert text.de != text.en


def test_a_type_that_this_release_does_not_know_is_told_by_its_name() -> None:
    assert kind_of("mailbox.newer.v1") is None
    assert fact_told("mailbox.newer.v1", Newer()).en == "Message mailbox.newer.v1"
