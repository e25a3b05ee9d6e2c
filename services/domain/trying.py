"""Dry runs at the gate: what it says is noted instead of ending them, so that their answer names the price as well.

None waits for its domains, whatever the request says: it would change the lines that others stand in.
"""

from dataclasses import replace
from typing import Any

from contracts.refusals import Finding
from services.chassis.book import Book
from services.chassis.fates import Fate
from services.chassis.received import Received
from services.domain import gate
from services.domain.passing import Gated, gated, passed
from services.domain.store import NAMES


def tried(message: Received[Any], book: Book, unfit: Finding | None) -> Fate:
    """Let a dry run pass under whatever domains, with what was found at the gate."""
    request: Gated = message.data
    names = ((domain, book.get(NAMES, domain)) for domain in gated(request))
    domain_ids, trial = gate.tried(names, message.account, unfit)
    return replace(passed(request, message.request_id, domain_ids), trial=trial)
