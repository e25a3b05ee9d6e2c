"""In which versions a fact leaves: the newest, and copies in the older ones that others still read."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from contracts.base import Fact
from contracts.evolution import EVOLUTION
from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.registry import Message
from contracts.routes import outcome_version


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a fact. `copy_of` is the id of the newest; `answers` who sent the request that it ends."""

    message: Message
    fact: Fact
    id: UUID
    copy_of: UUID | None
    answers: bool


def versions_of(newest: Message, fact: Fact, id_: UUID, cause_type: str) -> Iterator[Version]:
    """Yield a fact as it is, under its id, and in its older versions, under ids derived from that."""
    copies = tuple(EVOLUTION.copies(fact))
    facts, messages = [fact, *copies], [newest, *(REGISTRY.of(type(copy)) for copy in copies)]
    read = outcome_version(cause_type, [message.version for message in messages]) if len(facts) > 1 else None
    for message, each in zip(messages, facts, strict=True):
        copied = each is not fact
        own_id = derived(id_, f"v{message.version}") if copied else id_
        yield Version(message, each, own_id, id_ if copied else None, read in (None, message.version))
