"""Hold counters and holdings against the ledger, or make them anew from it, by hand.

python -m services.billing.maintenance check                  print every difference; exit with 1 if there is one
python -m services.billing.maintenance rebuild <account> ...  make the counters and holdings of accounts anew
"""

import asyncio
import sys

from services.billing import store_check
from services.billing.capacity import MEMORY
from services.chassis import database
from services.chassis.settings import Settings

USAGE = "usage: python -m services.billing.maintenance check | rebuild <account> ..."
NAME = "postkontor-maintenance/billing"  # must not look like a replica's


async def check() -> list[str]:
    """Return every difference, in words."""
    pool = await database.pool(Settings(), name=NAME, size=1)
    try:
        async with pool.acquire() as connection:
            return await store_check.differences(connection)
    finally:
        await pool.close()


async def rebuild(accounts: list[str]) -> None:
    """Make accounts anew, each in a transaction of its own. The worker may run: the account's lock orders them."""
    pool = await database.pool(Settings(), name=NAME, size=1)
    try:
        for account_id in accounts:
            async with pool.acquire() as connection, connection.transaction():
                await store_check.rebuild(connection, account_id, MEMORY)
    finally:
        await pool.close()


def main(words: list[str]) -> None:
    """Do what the command line says."""
    match words:
        case ["check"]:
            found = asyncio.run(check())
            print("\n".join(found) or "counters and holdings are what the ledger says")
            sys.exit(1 if found else 0)
        case ["rebuild", *accounts] if accounts:
            asyncio.run(rebuild(accounts))
        case _:
            sys.exit(USAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
