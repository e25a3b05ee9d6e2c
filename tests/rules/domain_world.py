"""A name and everybody who can touch it: accounts, dnscheck, mailbox, an operator, and time.

What they do, they do to the rules as the handlers do; what must always hold is checked after every act.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from uuid import UUID

from contracts.base import Fact
from contracts.domain_v1 import DomainView
from contracts.mailbox_v1 import DomainOccupied
from contracts.refusals import Refusal
from services.domain import rules, transfers
from services.domain.outgoing import consequences
from services.domain.proof import GRACE
from services.domain.rows import HOLDING, PROVEN, Claim, Name
from services.domain.views import view
from tests.rules.domain_claims import DOMAIN, HASH, HOUR, NOW, attempt, claimed, ids

ACCOUNTS = ("nordwind", "ostwind", "suedwind", "westwind")
ACTS = (
    "claim", "claim", "claim", "proof", "proof", "proof", "proof", "no", "no", "no", "no", "silence", "last_look",
    "validate", "password", "password", "remove", "vacated", "vacated", "occupied", "consent", "consent", "object",
    "for_holder", "for_claimant", "answer_due",
)  # fmt: skip
Told = tuple[str, str, UUID]  # fact, account, claim


@dataclass
class World:
    """One name as time passes. `asked` are requests that wait for mailbox, by the holder's claim, in order."""

    name: Name = field(default_factory=lambda: Name(DOMAIN))
    now: datetime = NOW
    asked: dict[UUID, list[UUID]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    opened_at: dict[UUID, datetime] = field(default_factory=dict)

    def act(self, act: str, account: str, hours: int = 1) -> None:
        """Let something happen, some hours later, and check what must hold."""
        self.now += hours * HOUR
        before = self.name
        found = getattr(self, f"_{act}")(account)
        if isinstance(found, Refusal) or found is None:
            return
        self.name = found
        self._hear(before)
        self._check(before, act, account)

    # --- who can act ----------------------------------------------------------------------------------------------

    def _claim(self, account: str) -> Name | Refusal:
        return self._with(claimed(self.name, account, now=self.now))

    def _validate(self, account: str) -> Name | Refusal:
        claim = rules.open_claim(self.name, account)
        return claim if isinstance(claim, Refusal) else self._with(rules.resumed(claim, self.now))

    def _password(self, account: str) -> Name | Refusal:
        return self._with(rules.set_password(self.name, account, HASH, self.now))

    def _proof(self, account: str) -> Name | None:
        return self._looked(account, "confirmed")

    def _no(self, account: str) -> Name | None:
        return self._looked(account, "not_yet")

    def _silence(self, account: str) -> Name | None:
        return self._looked(account, "could_not_ask")

    def _last_look(self, account: str) -> Name | None:
        return self._looked(account, "not_yet", ended=True)

    def _remove(self, account: str) -> Name | Refusal:
        name = rules.remove(self.name, account, self.now)
        claim = name.of(account) if isinstance(name, Name) else None
        if claim is not None and claim.state == "removing":
            self.asked.setdefault(claim.domain_id, []).append(UUID(int=next(ids)))
        return name

    def _consent(self, account: str) -> Name | Refusal:
        request = UUID(int=next(ids))
        name = transfers.answer(self.name, account, consent=True, request_id=request, now=self.now)
        return self._asking(name, account, request)

    def _object(self, account: str) -> Name | Refusal:
        return transfers.answer(self.name, account, consent=False, request_id=UUID(int=next(ids)), now=self.now)

    def _for_holder(self, account: str) -> Name | Refusal:
        return self._decided(account, "holder")

    def _for_claimant(self, account: str) -> Name | Refusal:
        return self._decided(account, "claimant")

    def _decided(self, claimant: str, to) -> Name | Refusal:
        """The operator singles a claimant out."""
        holder, request = self.name.holder(), UUID(int=next(ids))
        account = holder.account if holder else claimant
        name = transfers.decide(self.name, account, to=to, claimant=claimant, request_id=request, now=self.now)
        return self._asking(name, account, request)

    def _vacated(self, account: str) -> Name | None:
        claim, request = self._answered(account)
        return rules.vacated(self.name, claim, request, self.now) if claim and request else None

    def _occupied(self, account: str) -> Name | None:
        claim, request = self._answered(account)
        if claim is None or request is None or claim.state == "removed":
            return None
        fact = DomainOccupied(domain=DOMAIN, domain_id=claim.domain_id, mailboxes=1, aliases=0)
        return rules.occupied(self.name, claim, fact, request, self.now)[0]

    def _answer_due(self, account: str) -> Name | None:
        claim = self.name.of(account)
        return transfers.overdue(self.name, account, claim.domain_id, self.now) if claim else None

    # --- helpers --------------------------------------------------------------------------------------------------

    def _with(self, claim: Claim | Refusal) -> Name | Refusal:
        return claim if isinstance(claim, Refusal) else self.name.having(claim)

    def _looked(self, account: str, kind: str, *, ended: bool = False) -> Name | None:
        claim = self.name.of(account)
        if claim is None or claim.state in ("lost", "removed"):
            return None
        return rules.txt_checked(self.name, claim, attempt(kind, at=self.now, ended=ended), self.now)

    def _asking(self, name: Name | Refusal, account: str, request: UUID) -> Name | Refusal:
        claim = name.of(account) if isinstance(name, Name) else None
        if claim is not None and claim.yielding is not None and claim.yielding.request_id == request:
            self.asked.setdefault(claim.domain_id, []).append(request)
        return name

    def _answered(self, account: str) -> tuple[Claim | None, UUID | None]:
        """Mailbox answers in the order of the requests; mailboxes may come and go between two of them."""
        claim = self.name.of(account)
        waiting = self.asked.get(claim.domain_id) if claim is not None else None
        if not waiting or claim is None or claim.state not in ("removing", "removed", "active"):
            return None, None
        return claim, waiting.pop(0)

    def _hear(self, before: Name) -> None:
        for each in consequences(before, self.name).says:
            fact: Fact = each.fact
            shown: DomainView = fact.domain  # type: ignore[attr-defined]
            assert shown.account == each.account, "nobody is told of another's claim"
            assert each.revision == shown.revision
            self.told.append((type(fact).__name__, shown.account, shown.domain_id))

    # --- what must always hold ------------------------------------------------------------------------------------

    def _check(self, before: Name, act: str, account: str) -> None:
        claims = self.name.claims
        assert len({claim.account for claim in claims}) == len(claims)
        assert sum(claim.state in HOLDING or claim.is_granted for claim in claims) <= 1
        for claim in claims:
            self._check_claim(claim)
            self._check_revision(before, claim)
        self._check_holder(before, act, account)

    def _check_claim(self, claim: Claim) -> None:
        assert (claim.proof != "pending") == (claim.state in PROVEN)
        assert (claim.transfer is not None) == (claim.state == "contested")
        assert (claim.lapses_at is not None) == (claim.proof in ("at_risk", "lapsed")) == bool(claim.noes)
        assert claim.yielding is None or claim.state in ("removing", "removed")
        assert claim.password_hash is not None or claim.state not in ("active", "removing")
        if claim.proof == "lapsed":
            assert claim.state in HOLDING
            assert claim.noes[2] - claim.noes[0] >= GRACE
        if claim.state == "contested":
            assert self.name.holder() or self.name.granted(), "who waits, waits for somebody"

    def _check_revision(self, before: Name, claim: Claim) -> None:
        was = before.of(claim.account)
        if was is not None and view(was, before) != view(claim, self.name):
            assert claim.revision > was.revision, "another view is another revision"

    def _check_holder(self, before: Name, act: str, account: str) -> None:
        """Never a silent takeover: who holds a name loses it by his own act or the operator's, never to a proof."""
        held, holds = before.holder(), self.name.holder()
        if held is not None and (holds is None or holds.account != held.account):
            assert holds is None, "nobody else holds it in the same step"
            lawful = act in ("remove", "vacated", "consent") and account == held.account
            assert lawful or act == "for_claimant"
        if held is None and holds is not None:
            assert (act, holds.account) == ("proof", account)
            granted = before.granted()
            assert granted is None or granted.account == account


def walk(seed: int, steps: int = 200) -> Iterator[tuple[Name, Name]]:
    """Let chance act, and yield the name before and after what changed it. Few accounts come far, many quarrel."""
    world, dice = World(), Random(seed)
    accounts = ACCOUNTS[: 2 + seed % 3]
    for _ in range(steps):
        before = world.name
        world.act(dice.choice(ACTS), dice.choice(accounts), dice.randrange(40))
        if world.name is not before:
            yield before, world.name


def active(account: str) -> Claim:
    """Return a held domain with its password."""
    claim = claimed(Name(DOMAIN), account, password_hash=HASH)
    assert isinstance(claim, Claim)
    return replace(claim, state="active", proof="held", verified_at=NOW, activated_at=NOW)
