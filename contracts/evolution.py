"""From one version of a message to the next, and for facts back again. Pure: a message goes in, a message comes out.

A worker decides on the newest version only. What comes in older is led up where it is read; a fact is stated in its
newest version and, copied down, in every older one that is not retired, so that old readers hear it as ever. How a
version is added and how one is retired: docs/evolution.md.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from contracts import mailbox_v1, mailbox_v2
from contracts.base import Fact


@dataclass(frozen=True)
class Step:
    """One version and the next. `down` is for facts: what readers of the older version are told."""

    older: type[BaseModel]
    newer: type[BaseModel]
    up: Callable[[Any], BaseModel]
    down: Callable[[Any], Fact] | None = None


class Evolution:
    """Steps between versions, one after the other for each message."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._from_older: dict[type[BaseModel], Step] = {}
        self._from_newer: dict[type[BaseModel], Step] = {}
        for step in steps:
            self._from_older[step.older] = self._from_newer[step.newer] = step

    def up(self, data: BaseModel, to: type[BaseModel] | None = None) -> BaseModel:
        """Return a message in its newest version, or in a version asked for; as it is where that is not newer."""
        while type(data) is not to and (step := self._from_older.get(type(data))) is not None:
            data = step.up(data)
        return data

    def copies(self, fact: Fact) -> Iterator[Fact]:
        """Yield a fact in all older versions, the next older first."""
        while (step := self._from_newer.get(type(fact))) is not None and step.down is not None:
            fact = step.down(fact)
            yield fact

    def older(self, model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        """Yield the older versions of a model, the next older first."""
        while (step := self._from_newer.get(model)) is not None:
            model = step.older
            yield model

    def newer(self, model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        """Yield the newer versions of a model, the next newer first."""
        while (step := self._from_older.get(model)) is not None:
            model = step.newer
            yield model


# --- mailbox: one name is enough ----------------------------------------------------------------------------------

_NAMES = ("first_name", "last_name")


def _rename(old: mailbox_v1.RenamePerson) -> mailbox_v2.RenamePerson:
    person = mailbox_v2.NewPerson(given_name=old.first_name, family_name=old.last_name)
    return mailbox_v2.RenamePerson(address=old.address, person=person)


def person_of(first_name: str, last_name: str) -> mailbox_v2.Person:
    """Return a person by the names of version 1, where the first is empty if there is none."""
    display_name = f"{first_name} {last_name}".strip()
    return mailbox_v2.Person(given_name=first_name or None, family_name=last_name, display_name=display_name)


def view_up(old: mailbox_v1.MailboxView) -> mailbox_v2.MailboxView:
    """Return a mailbox's view in version 2."""
    same = {name: value for name, value in old if name not in _NAMES}
    return mailbox_v2.MailboxView(**same, person=person_of(old.first_name, old.last_name))


def view_down(new: mailbox_v2.MailboxView) -> mailbox_v1.MailboxView:
    """Return a mailbox's view in version 1. Its first name is empty where there is none."""
    same = {name: value for name, value in new if name != "person"}
    person = new.person
    return mailbox_v1.MailboxView(**same, first_name=person.given_name or "", last_name=person.family_name)


EVOLUTION = Evolution(
    (
        Step(mailbox_v1.RenamePerson, mailbox_v2.RenamePerson, up=_rename),
        Step(
            mailbox_v1.PersonRenamed,
            mailbox_v2.PersonRenamed,
            up=lambda old: mailbox_v2.PersonRenamed(mailbox=view_up(old.mailbox)),
            down=lambda new: mailbox_v1.PersonRenamed(mailbox=view_down(new.mailbox)),
        ),
    )
)

# Versions that were taken out of use, by kind and type, such as `evt/mailbox.person-renamed.v1`: the only messages that
# may be missing beside the last release, and only while a newer version of their name is there.
RETIRED: frozenset[str] = frozenset()
