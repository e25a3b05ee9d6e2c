"""A worker that may forget what it has handled: the negative control, which the auditor has to catch.

python forgetful_worker.py SERVICE [WORDS]: without CHAOS_INBOX=off it is the worker as it is.
"""

import os
import sys
from importlib import import_module
from typing import Any
from uuid import UUID

from services.chassis import journal, worker


def forget() -> None:
    """Let every message look like a new one. What is written down about it a second time is dropped."""

    async def nothing(self: journal.Journal, conn: Any, ids: list[UUID]) -> dict[UUID, journal.Handled]:
        return {}

    inbox_rows = "$14::text[]) AS r"
    write = journal._STATEMENTS["write"]
    assert write.count(inbox_rows) == 1
    journal._STATEMENTS["write"] = write.replace(inbox_rows, f"{inbox_rows} ON CONFLICT DO NOTHING")
    journal.Journal.known = nothing  # type: ignore[method-assign]


if __name__ == "__main__":
    if os.environ.get("CHAOS_INBOX") == "off":
        forget()
    worker.main(import_module(f"services.{sys.argv[1]}.app").service, sys.argv[2:])
