"""Sending a bulk file: part by part, each an ordinary request, so that sending it again goes on where it ended.

The same file must make the same requests again, or they would be refused as other content under a known id (R41). So
what is random elsewhere is derived here: the bulk's id and the passwords' salts, both from a digest of the file. The
digest goes over the bus, and the file may hold passwords; it is therefore as slow to compute as a password's hash
(Argon2id), and whoever guesses at it gains nothing over guessing at the hash.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from client.bulkfile import BulkFile, Entry, bulk_id_of
from client.errors import Refused, Unanswered
from client.passwords import hash_with_salt, slow_digest
from contracts.bulk_v1 import AskBulk, BulkAnswer, BulkView, SubmitBulk, item_number, part_request_id
from contracts.refusals import refuse

if TYPE_CHECKING:
    from client.office import Postkontor

PARTS_AT_A_TIME = 3
PART_TIMEOUT_SECONDS = 60.0
PATIENCE_SECONDS = 60.0  # without an answer
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Bulk:
    """A file that is to be sent for an account."""

    file: BulkFile
    account: str
    bulk_id: UUID
    digest: str
    label: str


def prepare(file: BulkFile, account: str, bulk_id: UUID | None = None) -> Bulk:
    """Name a file's bulk; without an id the same file of the same account always has the same. Takes some 20 ms."""
    digest = slow_digest(file.fingerprint, account).hex()
    return Bulk(file, account, bulk_id or bulk_id_of(account, digest), digest, file.path.name[:200])


async def submit(office: "Postkontor", bulk: Bulk, told: Callable[[int], None] = lambda items: None) -> BulkView:
    """Send the parts that are missing and return how the bulk stands; `told` hears of items that are there.

    Raise Refused when a part is, NoAnswer when no worker takes it in time: the same call goes on later.
    """
    answer = await _ask(office, bulk.account, bulk.bulk_id)
    if answer.bulk is not None:
        _check_same(bulk, answer.bulk)
    missing = set(answer.missing if answer.bulk else range(1, len(bulk.file.parts) + 1))
    told(sum(size for part, size in enumerate(bulk.file.parts, start=1) if part not in missing))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Argon2 computes outside the interpreter's lock
        places = asyncio.Semaphore(PARTS_AT_A_TIME)
        try:
            async with asyncio.TaskGroup() as sending:
                async for part, entries in _parts(bulk, missing, places):
                    sending.create_task(_send(office, bulk, part, entries, pool, places, told))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
    now = (await _ask(office, bulk.account, bulk.bulk_id)).bulk
    assert now is not None, "its parts are there"
    return now


async def follow(office: "Postkontor", account: str, bulk_id: UUID) -> AsyncIterator[BulkView]:
    """Yield how a bulk stands, again and again, until it is finished. Raise Unanswered when the worker stays away."""
    while True:
        bulk = (await _ask(office, account, bulk_id)).bulk
        if bulk is None:
            return
        yield bulk
        if bulk.state == "finished":
            return
        await asyncio.sleep(POLL_SECONDS)


async def _ask(office: "Postkontor", account: str, bulk_id: UUID) -> BulkAnswer:
    """Ask how a bulk stands; a worker that is being restarted ends nobody's wait."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await office.ask(AskBulk(bulk_id=bulk_id), account=account)
        except Unanswered:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(POLL_SECONDS)


async def _parts(bulk: Bulk, missing: set[int], places: asyncio.Semaphore) -> AsyncIterator[tuple[int, list[Entry]]]:
    for part, entries in bulk.file.part_entries():
        if part in missing:
            await places.acquire()  # before the next part is read: so only a few are in memory
            yield part, entries


async def _send(
    office: "Postkontor", bulk: Bulk, part: int, entries: list[Entry], pool: ThreadPoolExecutor,
    places: asyncio.Semaphore, told: Callable[[int], None],
) -> None:  # fmt: skip
    try:
        request = await _request(bulk, part, entries, pool)
        outcome = await office.request(
            request,
            request_id=part_request_id(bulk.account, bulk.bulk_id, part),
            account=bulk.account,
            timeout=PART_TIMEOUT_SECONDS,
        )
        outcome.raise_for_refusal()
        told(len(entries))
    finally:
        places.release()


async def _request(bulk: Bulk, part: int, entries: list[Entry], pool: ThreadPoolExecutor) -> SubmitBulk:
    loop = asyncio.get_running_loop()
    hashes = await asyncio.gather(
        *(
            loop.run_in_executor(pool, _hash, entry.password, _salt(bulk, item_number(part, position)))
            for position, entry in enumerate(entries, start=1)
        )
    )
    return SubmitBulk(
        bulk_id=bulk.bulk_id,
        part=part,
        parts=len(bulk.file.parts),
        total=bulk.file.total,
        digest=bulk.digest,
        label=bulk.label,
        items=tuple(entry.item(hashed) for entry, hashed in zip(entries, hashes, strict=True)),
    )


def _check_same(bulk: Bulk, known: BulkView) -> None:
    """Refuse another file under a known id as the worker would; a password's hash need not be made for that."""
    if (known.digest, known.parts, known.total) != (bulk.digest, len(bulk.file.parts), bulk.file.total):
        raise Refused(bulk.bulk_id, refuse("bulk_differs"))


def _hash(password: str | None, salt: bytes) -> str | None:
    return None if password is None else hash_with_salt(password, salt)


def _salt(bulk: Bulk, number: int) -> bytes:
    """Return an item's salt: unique as salts have to be, and the same when the file is sent again."""
    name = f"{bulk.account}/{bulk.bulk_id}/{number}".encode()
    return hashlib.blake2b(name, key=bytes.fromhex(bulk.digest)[:64], digest_size=16).digest()
