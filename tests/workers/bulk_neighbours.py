"""Billing and mailbox as a bulk's items meet them: they answer at once, and can be told to keep quiet."""

import json
from datetime import UTC, datetime
from uuid import UUID

from contracts.billing_v1 import AcceptedClaim, AccountStanding
from contracts.bulk_v1 import AskBulk, AskBulkItems, BulkItem, SubmitBulk, part_request_id
from contracts.domain_v1 import ClaimDomain
from contracts.ids import derived, uuid7
from contracts.mailbox_v1 import AliasesChanged, FeatureState, MailboxCreated, MailboxView
from contracts.refusals import RequestRefused, refuse
from tests.workers.domain_neighbours import HASH

STANDING = AccountStanding(state="active", package="gold", self_service=True)


class Neighbours:
    """What domain hands on comes here. `most` is how many items were ever under way at once."""

    def __init__(self, bus) -> None:
        self._bus = bus
        self.is_quiet = False
        self.seen: list[tuple[str, UUID, str]] = []  # request, its id, what it is about
        self.kept: list[tuple[str, str, dict]] = []
        self.times: dict[UUID, int] = {}

    async def start(self) -> None:
        await self._bus.client.subscribe("cmd.*.billing.*.v1", cb=self._handle)
        await self._bus.client.flush()

    async def speak(self) -> None:
        """Answer what came meanwhile, and everything from now on."""
        self.is_quiet = False
        kept, self.kept = self.kept, []
        for account, name, envelope in kept:
            await self._answer(account, name, envelope)

    def of(self, kind: str) -> list[str]:
        """Return what was asked for, in order."""
        return [about for name, _, about in self.seen if name == kind]

    async def _handle(self, message) -> None:
        _, account, _, name, _ = message.subject.split(".")
        envelope = json.loads(message.data)
        request_id = UUID(envelope["correlationid"])
        self.times[request_id] = self.times.get(request_id, 0) + 1
        data = envelope["data"]
        self.seen.append((name, request_id, data.get("domain") or data["request"]["address"]))
        if self.is_quiet:
            self.kept.append((account, name, envelope))
        else:
            await self._answer(account, name, envelope)

    async def _answer(self, account: str, name: str, envelope: dict) -> None:
        request_id, data = UUID(envelope["correlationid"]), envelope["data"]
        fact_id = derived(request_id, "answer")
        if name == "claim-domain":
            order = AcceptedClaim(request=ClaimDomain.model_validate(data), standing=STANDING, language="de")
            await self._bus.send(account, order, id=fact_id, correlation_id=request_id)
            return
        address = data["request"]["address"]
        if address.startswith("nein"):
            reason = refuse("address_taken", address=address)
            refused = RequestRefused(request_id=request_id, request_type=f"domain.{name}.v1", refusal=reason)
            await send_refusal(self._bus, account, refused, fact_id)
            return
        fact = MailboxCreated if name == "create-mailbox" else AliasesChanged
        await self._bus.send(account, fact(mailbox=mailbox_view(account, address)), id=fact_id,
                             correlation_id=request_id)  # fmt: skip


async def send_refusal(bus, account: str, refused: RequestRefused, id_: UUID) -> None:
    """State a refusal as mailbox does; its model belongs to every worker, so it has no subject of its own."""
    envelope = {
        "specversion": "1.0", "id": str(id_), "type": "mailbox.request-refused.v1", "source": "test",
        "time": datetime.now(UTC).isoformat(), "account": account, "correlationid": str(refused.request_id),
        "data": refused.model_dump(mode="json"),
    }  # fmt: skip
    await bus.send_raw(f"evt.{account}.mailbox.request-refused.v1", json.dumps(envelope).encode())


def mailbox_view(account: str, address: str) -> MailboxView:
    return MailboxView(
        account=account, address=address, domain=address.partition("@")[2], first_name="A", last_name="B",
        state="active", plan="mail", price_cents=100, mail_bytes=10**9, cloud_bytes=0, groupware=False,
        catalogue="2026-01-01", aliases=(), forwardings=(), keep_copy=True,
        features=FeatureState(on=(), origin="default"), blocked_senders=(), created_at=datetime.now(UTC), revision=1,
    )  # fmt: skip


def box(name: str, address: str, line: int = 1) -> BulkItem:
    order = {"address": f"{address}@{name}", "first_name": "A", "last_name": "B", "plan": "mail", "password_hash": HASH}
    return BulkItem(line=line, kind="mailbox", order=order)


def alias(name: str, address: str, *aliases: str, line: int = 1) -> BulkItem:
    order = {"address": f"{address}@{name}", "aliases": [f"{alias}@{name}" for alias in aliases]}
    return BulkItem(line=line, kind="alias", order=order)


def claims(*names: str) -> list[BulkItem]:
    return [BulkItem(line=line, kind="domain", order={"domain": name}) for line, name in enumerate(names, start=1)]


def parts_of(items: list[BulkItem], size: int = 500, bulk_id: UUID | None = None) -> list[SubmitBulk]:
    """Cut items into parts."""
    pieces = [tuple(items[start : start + size]) for start in range(0, len(items), size)]
    id_ = bulk_id or uuid7()
    return [
        SubmitBulk(bulk_id=id_, part=number, parts=len(pieces), total=len(items), digest="ab" * 16, items=piece)
        for number, piece in enumerate(pieces, start=1)
    ]


async def send_part(bus, account: str, part: SubmitBulk):
    """Send a part under the id that the client gives it, and wait for its receipt."""
    return await bus.request(account, part, id=part_request_id(account, part.bulk_id, part.part))


async def submit(bus, account: str, items: list[BulkItem], size: int = 500) -> UUID:
    """Send all parts; return the bulk's id."""
    parts = parts_of(items, size)
    for part in parts:
        assert (await send_part(bus, account, part)).type == "domain.bulk-part-received.v1"
    return parts[0].bulk_id


async def finished(bus, account: str, bulk_id: UUID):
    """Wait for a bulk's end."""

    async def ended():
        bulk = (await bus.ask(account, AskBulk(bulk_id=bulk_id))).bulk
        return bulk if bulk is not None and bulk.state == "finished" else None

    return await bus.eventually(ended, what=f"the end of bulk {bulk_id}")


async def items_of(bus, account: str, bulk_id: UUID, **asked):
    """Return a bulk's items, page after page."""
    found, after = [], 0
    while after is not None:
        page = await bus.ask(account, AskBulkItems(bulk_id=bulk_id, after=after, **asked))
        found += page.items
        after = page.next
    return found
