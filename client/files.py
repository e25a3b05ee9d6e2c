"""Invoices as files: put together from pieces, and checked."""

import asyncio
from base64 import b64decode
from hashlib import sha256
from typing import Any, NamedTuple

from client.errors import FileWaits
from contracts.invoicing_v1 import AskInvoiceFile, FileFormat

LOOK_AGAIN_SECONDS = 0.5


class InvoiceAsFile(NamedTuple):
    """A whole file, with the digest that it was checked against."""

    media_type: str
    content: bytes
    sha256: str


async def fetch(
    office: Any, number: str, format_: FileFormat, *, account: str | None, timeout: float
) -> InvoiceAsFile | None:
    """Fetch an invoice's file; None when the account has no such invoice.

    Raise FileWaits when it is not rendered in time, and whatever `ask` raises.
    """
    problem = None
    try:
        async with asyncio.timeout(timeout):
            while True:
                ask = AskInvoiceFile(number=number, format=format_)
                answer = await office.ask(ask, account=account)
                if not answer.issued:
                    return None
                if answer.file is not None:
                    return await _whole(office, ask, answer.file, account)
                problem = answer.problem
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise FileWaits(number, format_, problem) from None


async def _whole(office: Any, ask: AskInvoiceFile, first: Any, account: str | None) -> InvoiceAsFile:
    piece, content = first, bytearray(b64decode(first.content))
    while piece.next is not None:
        answer = await office.ask(ask.model_copy(update={"offset": piece.next}), account=account)
        piece = answer.file
        content += b64decode(piece.content)
    digest = sha256(content).hexdigest()
    if digest != first.sha256:
        raise ValueError(f"{ask.number} as {ask.format}: the pieces do not make the whole, {digest}")
    return InvoiceAsFile(first.media_type, bytes(content), digest)
