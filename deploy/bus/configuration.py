"""The `authorization` block of the server's configuration. Whoever has no key in it cannot connect."""

import json
from collections.abc import Iterable, Sequence

from deploy.bus.permissions import Permissions, permissions_of
from deploy.bus.register import Entry

RESPONSE = '{max: 1, expires: "1m"}'  # to each question one answer


def authorization(entries: Iterable[Entry], *, partitions: int | Sequence[int]) -> str:
    """Return the block for these identities, as an include of nats-server's configuration.

    With two numbers of partitions while the bus goes from one to the other.
    """
    numbers = (partitions,) if isinstance(partitions, int) else tuple(partitions)
    users = "".join(_user(entry, permissions_of(entry.identity, *numbers)) for entry in entries)
    return f"# Written by `postkontor bus render`.\nauthorization {{\n    timeout: 5\n    users = [\n{users}    ]\n}}\n"


def _user(entry: Entry, allowed: Permissions) -> str:
    answers = f"                allow_responses: {RESPONSE}\n" if allowed.responds else ""
    return (
        f"        {{  # {entry.identity.name}\n"
        f"            nkey: {entry.public_key}\n"
        "            permissions: {\n"
        f"                publish: {{allow: {_list(allowed.publish)}}}\n"
        f"                subscribe: {{allow: {_list(allowed.subscribe)}}}\n"
        f"{answers}"
        "            }\n"
        "        }\n"
    )


def _list(subjects: Iterable[str]) -> str:
    lines = "".join(f"\n                    {json.dumps(subject)}" for subject in dict.fromkeys(subjects))
    return f"[{lines}\n                ]"
