"""What is held on a person or an account, collected from the workers by the questions that everybody may ask.

What no question shows stands in docs/privacy.md: password hashes, dead letters, backups.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from client.errors import QuestionFailed, Unanswered
from client.questions import Questions
from contracts import billing_v1, bulk_v1, domain_v1, forwarding_v1, holds_v1, invoicing_v1, mailbox_v1, trail_v1
from contracts.messages import SERVICES

_PARTS = re.compile(r"[/>]")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """Everything found, by where it lies; `silent` are questions that nobody answered: then something is missing."""

    about: str
    sections: Json
    silent: tuple[str, ...]


async def held_on_person(office: Questions, account: str, address: str) -> Held:
    """Collect what is held on the person of a mailbox, a deleted one too."""
    found = _Collection(office, account)
    await found.one("mailbox", mailbox_v1.AskMailbox(address=address), "mailbox")
    await found.one("features", mailbox_v1.AskFeatures(addresses=(address,)), "targets")
    await found.one("price", trail_v1.AskMailboxPrice(address=address), "price")
    for name, question, field in _LISTS_WITH_ADDRESSES:
        await found.pages(name, question, field, partial(_speaks_of, address))
    for service in SERVICES:
        for about in (trail_v1.about_mailbox(address), trail_v1.about_features(address)):
            await found.trail(f"messages.{service}", service, about)
    await found.trail("messages.billing", "billing", trail_v1.about_account(account), address)
    return found.held(address)


async def held_on_account(office: Questions, account: str) -> Held:
    """Collect what is held on an account: its master data, and all that it has."""
    found = _Collection(office, account)
    await found.one("account", billing_v1.AskAccount(), "account")
    await found.one("usage", billing_v1.AskUsage(), "")
    for name, question, field in (*_LISTS_WITH_ADDRESSES, *_LISTS):
        await found.pages(name, question, field)
    await found.trail("messages.billing", "billing", trail_v1.about_account(account))
    return found.held(account)


# Lists that may name a mailbox: a colleague's forwarding is held on him, so it is not among them.
_LISTS_WITH_ADDRESSES: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("groups", mailbox_v1.AskGroups, "groups"),
    ("catch_alls", forwarding_v1.AskCatchAlls, "catch_alls"),
    ("forward_only", forwarding_v1.AskForwardOnly, "addresses"),
    ("holds", holds_v1.AskHolds, "holds"),
)
_LISTS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("domains", domain_v1.AskDomains, "domains"),
    ("mailboxes", mailbox_v1.AskMailboxes, "mailboxes"),
    ("invoices", invoicing_v1.AskInvoices, "invoices"),
    ("bulks", bulk_v1.AskBulks, "bulks"),
)


class _Collection:
    """Asks, and keeps what came under its section."""

    def __init__(self, office: Questions, account: str) -> None:
        self._office, self._account = office, account
        self._sections: Json = {}
        self._silent: list[str] = []

    def held(self, about: str) -> Held:
        """Return all that came."""
        return Held(about, self._sections, tuple(dict.fromkeys(self._silent)))

    async def one(self, section: str, question: BaseModel, field: str) -> None:
        """Ask one question; an answer that says there is nothing leaves no section."""
        answer = await self._ask(section, question)
        if answer is not None and (there := answer if not field else answer.get(field)):
            self._sections[section] = there

    async def pages(self, section: str, question: type[BaseModel], field: str, wanted: Any = None) -> None:
        """Ask page after page, and keep the entries that are wanted."""
        entries: list[Any] = []
        place: Json = {}
        while (answer := await self._ask(section, question(**place))) is not None:
            entries += [entry for entry in answer[field] if wanted is None or wanted(entry)]
            if answer.get("next") is None:
                break
            place = {"before" if "before" in question.model_fields else "after": answer["next"]}
        if entries:
            self._sections[section] = entries

    async def trail(self, section: str, service: str, about: str, word: str = "") -> None:
        """Ask for the facts about a thing that a worker has logged; those that say a word, if one is given."""
        answer = await self._ask(section, trail_v1.AskTrail(about=about), service)
        if answer is None:
            return
        if not answer["complete"]:
            self._silent.append(f"{section}: older ones")
        if told := [message for message in answer["messages"] if not word or _speaks_of(word, message["data"])]:
            self._sections.setdefault(section, []).extend(told)

    async def _ask(self, section: str, question: BaseModel, service: str | None = None) -> Json | None:
        try:
            ask: Any = self._office.ask
            answer = await ask(question, service=service, account=self._account)
        except QuestionFailed as failed:
            if failed.code != "404":
                self._silent.append(section)
            return None
        except Unanswered:
            self._silent.append(section)
            return None
        return answer.model_dump(mode="json")


def _speaks_of(address: str, value: Any) -> bool:
    """Tell whether an address stands somewhere, be it in the name of a holding such as `mailbox/anna@nordwind.de`."""
    return any(address in _PARTS.split(text) for text in _texts(value))


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():  # pyright: ignore[reportUnknownVariableType]
                yield from _texts(each)
        case list():
            for each in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _texts(each)
        case _:
            return
