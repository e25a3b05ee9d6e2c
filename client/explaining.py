"""Why? For a mailbox's price, features and state, a cap, a domain, a request: the answer, and the messages behind it.

What decided comes from who owns it: prices and caps from billing's ledger, which is never trimmed; features and states
from facts, which are kept for 90 days. The chain of messages that led there is kept as long; what is gone is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from client import reasons
from client.chains import Chain, Link, follow, merged
from client.errors import PostkontorError
from client.questions import ASK_TIMEOUT_SECONDS, Questions
from client.reasons import Reason
from contracts.dnscheck_v1 import AskAttempts, AttemptsAnswer
from contracts.domain_v1 import AskDomain
from contracts.mailbox_v1 import AskMailbox, MailboxView
from contracts.trail_v1 import (
    AskCap,
    AskMailboxPrice,
    AskTrail,
    TrailAnswer,
    about_account,
    about_domain,
    about_features,
    about_mailbox,
)

Question = Literal["request", "price", "features", "state", "cap", "domain"]
LATEST_MOVES, LATEST_FACTS = 10, 20  # what a counter or a domain went through last
SETS_LOOKED_AT = 200  # of features for several targets at once, to find the one that named ours


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer in sentences, and the chains of messages that they rest on.

    `latest` are the newest facts about the thing, newest first: a counter's last movements, a domain's last states.
    """

    question: Question
    about: str
    reasons: tuple[Reason, ...]
    chains: tuple[Chain, ...] = ()
    latest: tuple[Link, ...] = ()


class Explaining(Questions):
    """The part of the client that explains."""

    async def trail(self, request_id: UUID, *, account: str | None = None) -> Chain:
        """Return the messages of a request, in all workers, and what led to them."""

        async def ask(question: AskTrail, service: str) -> TrailAnswer:
            return await self.ask(question, service=service, account=account, timeout=ASK_TIMEOUT_SECONDS)

        return await follow(ask, request_id)

    async def explain_request(self, request_id: UUID, *, account: str | None = None) -> Explanation:
        """Explain what became of a request, and why; without a reason known, say so."""
        chain = await self.trail(request_id, account=account)
        said: list[Reason] = []
        if chain.is_too_old and chain.kept_since is not None:
            said = [reasons.not_kept(chain.kept_since)]
        elif not chain.links:
            said = [reasons.not_known(request_id, self._account_of(account))]
        else:
            said = [reasons.of_link(_decisive(chain))]
            if chain.is_under_way:
                said.append(reasons.under_way())
        return Explanation("request", str(request_id), tuple(said), (chain,))

    async def explain_price(self, address: str, *, account: str | None = None) -> Explanation | None:
        """Explain what a mailbox costs; None when nothing is charged for that address."""
        price = (await self.ask(AskMailboxPrice(address=address), account=account)).price
        if price is None:
            return None
        return await self._with_chains("price", about_mailbox(price.address), reasons.of_price(price), account)

    async def explain_cap(self, resource: str, *, account: str | None = None) -> Explanation | None:
        """Explain a cap and its use; None when the account has no such resource."""
        cap = (await self.ask(AskCap(resource=resource), account=account)).cap
        if cap is None:
            return None
        key = about_account(self._account_of(account))
        facts = await self._latest("billing", key, reasons.CAPACITY_FACTS, account)
        latest = reasons.moves_of(resource, facts)[:LATEST_MOVES]
        explained = await self._with_chains("cap", resource, reasons.of_cap(cap), account)
        return replace(explained, latest=latest)

    async def explain_features(self, address: str, *, account: str | None = None) -> Explanation | None:
        """Explain which features a mailbox has and who set them; None when the account has no such mailbox."""
        mailbox = (await self.ask(AskMailbox(address=address), account=account)).mailbox
        if mailbox is None:
            return None
        decided = await self._set_of(mailbox, account)
        said = reasons.of_features(mailbox, decided)
        if decided is None and mailbox.features.origin != "default":
            said.append(reasons.not_kept((await self._trail_of("mailbox", mailbox.address, (), account)).kept_since))
        return await self._with_chains("features", about_mailbox(mailbox.address), said, account)

    async def explain_state(self, address: str, *, account: str | None = None) -> Explanation | None:
        """Explain why a mailbox is active, suspended, to be deleted or gone; None when the account never had it."""
        question = AskMailbox(address=address)
        mailbox = (await self.ask(question, account=account)).mailbox
        key = about_mailbox(question.address)
        answer = await self._trail_of("mailbox", key, reasons.STATE_FACTS, account)
        facts = _newest_first(answer)
        if mailbox is None and not facts:
            return None
        said = [] if mailbox is None else [reasons.of_state(mailbox)]
        said.append(reasons.of_link(facts[0]) if facts else reasons.not_kept(answer.kept_since))
        return replace(await self._with_chains("state", key, said, account), latest=facts[:LATEST_FACTS])

    async def explain_domain(self, domain: str, *, account: str | None = None) -> Explanation | None:
        """Explain how a domain has come to its state; None when the account has none of that name."""
        view = (await self.ask(AskDomain(domain=domain), account=account)).domain
        if view is None:
            return None
        looks = await self._looks(view.domain, account)
        said = reasons.of_domain(view, next(iter(looks.txt), None), next(iter(looks.mx), None))
        facts = await self._latest("domain", about_domain(view.domain_id), reasons.DOMAIN_FACTS, account)
        states = (fact for fact in facts if fact.type.split(".")[1] in reasons.DOMAIN_STATES)
        last = [reasons.of_link(fact) for fact in states][:1]
        explained = await self._with_chains("domain", view.domain, [*said, *last], account)
        return replace(explained, latest=facts[:LATEST_FACTS])

    async def _with_chains(
        self, question: Question, about: str, said: Sequence[Reason], account: str | None
    ) -> Explanation:
        """Add the chain of every request that a reason rests on, or that it is gone."""
        chains: list[Chain] = []
        gone: list[Reason] = []
        for request_id in dict.fromkeys(reason.request_id for reason in said if reason.request_id is not None):
            chain = await self.trail(request_id, account=account)
            if chain.links:
                chains.append(chain)
            elif chain.kept_since is not None:
                gone.append(reasons.not_kept(chain.kept_since))
        return Explanation(question, about, (*said, *dict.fromkeys(gone)), tuple(chains))

    async def _set_of(self, mailbox: MailboxView, account: str | None) -> Link | None:
        """Find the set of features that counts for a mailbox, among those of its target alone and of several."""
        if mailbox.features.origin == "default":
            return None
        own = mailbox.address if mailbox.features.origin == "mailbox" else mailbox.domain
        keys = (about_features(own), about_features(self._account_of(account)))
        found = [link for key in keys for link in await self._latest("mailbox", key, ("features-set",), account)]
        matching = [link for link in found if reasons.has_set(link, mailbox)]
        return max(matching, key=lambda link: link.at, default=None)

    async def _latest(
        self, service: Literal["billing", "domain", "mailbox"], key: str, facts: tuple[str, ...], account: str | None
    ) -> tuple[Link, ...]:
        return _newest_first(await self._trail_of(service, key, facts, account))

    async def _trail_of(self, service: str, key: str, facts: tuple[str, ...], account: str | None) -> TrailAnswer:
        question = AskTrail(about=key, facts=facts, limit=SETS_LOOKED_AT)
        return await self.ask(question, service=service, account=account, timeout=ASK_TIMEOUT_SECONDS)

    async def _looks(self, domain: str, account: str | None) -> AttemptsAnswer:
        try:
            return await self.ask(AskAttempts(domain=domain, limit=1), account=account)
        except PostkontorError:
            return AttemptsAnswer(txt=(), mx=())  # beside the answer: the rest is still worth showing


def _newest_first(answer: TrailAnswer) -> tuple[Link, ...]:
    return tuple(merged([answer]))  # as the worker wrote them down


def _decisive(chain: Chain) -> Link:
    """Return the message that ended a request, or the last one of one that is under way."""
    refused = [link for link in chain.links if link.refusal is not None]
    return (refused or [link for link in chain.links if link.kind == "fact"] or list(chain.links))[-1]
