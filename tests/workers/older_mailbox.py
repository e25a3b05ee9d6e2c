"""The worker mailbox as it was before version 2 of rename-person: the same code without what that brought.

Run as a program it is a replica of the previous release, for a rolling upgrade.
"""

from functools import partial
from typing import Any

from contracts import mailbox_v1, mailbox_v2
from contracts.evolution import EVOLUTION
from contracts.messages import REGISTRY
from services.chassis import worker
from services.mailbox import rules
from services.mailbox.app import service
from services.mailbox.handlers import asked, requested


def forget_version_2() -> None:
    """Take version 2 out of the registry, the steps and the service, and put the old handler back."""
    for model in (mailbox_v2.RenamePerson, mailbox_v2.PersonRenamed):
        message = REGISTRY._by_model.pop(model)
        del REGISTRY._by_type[message.kind, message.type]
        step = EVOLUTION._from_newer.pop(model)
        del EVOLUTION._from_older[step.older]
        service.messages.pop((message.kind, message.type), None)
    service.command(mailbox_v1.RenamePerson, keys=asked)(rename_person)


def rename_person(message: Any, book: Any, moment: Any) -> Any:
    """Change the person's name, as the previous release did."""
    ask = message.data
    decide = partial(rules.rename, first_name=ask.first_name, last_name=ask.last_name)
    return requested(message, book, moment, "rename-person", decide, mailbox_v1.PersonRenamed)


if __name__ == "__main__":
    forget_version_2()
    worker.main(service, [])
