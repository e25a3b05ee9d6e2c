"""Where mail goes on inside an account, and whether it comes back in a circle (R23). Pure.

Only an account's own addresses are followed. What another account does with mail is not told to this one, and mail
servers end circles through others.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from contracts.refusals import Finding, finding
from contracts.values import domain_of
from services.mailbox.rows import CatchAlls, ForwardOnly, Mailbox

MAX_ADDRESSES = 10_000  # followed for one request, those elsewhere too; packages allow 1000 forwardings at most

MAX_CIRCLES = 20  # named in one refusal; one with long addresses takes 7 kB


@dataclass(frozen=True, slots=True)
class Flows:
    """What is known of an account's addresses: all that can be reached from those that a batch names.

    `holders` has the mailbox of each address, None where it only forwards; an address that is not in it is had by
    nobody here. `targets` are those of mailboxes and of addresses that only forward. What was cut off
    is not `complete`.
    """

    holders: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    catch_alls: Mapping[str, str] = field(default_factory=dict[str, str])
    complete: bool = True

    def after(self, address: str) -> tuple[str, ...]:
        """Return where mail for an address goes on."""
        if address not in self.holders:
            mailbox = self.catch_alls.get(domain_of(address))
            return () if mailbox is None else (mailbox,)
        holder = self.holders[address]
        return self.targets.get(address, ()) if holder in (None, address) else (holder,)


NOWHERE = Flows()


# --- what changes -------------------------------------------------------------------------------------------------


def with_mailbox(flows: Flows, before: Mailbox | None, after: Mailbox) -> Flows:
    """Return the flows with a mailbox as it is now."""
    gone = set(before.owned if before else ()).difference(after.owned)
    kept = {address: holder for address, holder in flows.holders.items() if address not in gone}
    holders = {**kept, **dict.fromkeys(after.owned, after.address)}
    return replace(flows, holders=holders, targets={**flows.targets, after.address: after.forwardings})


def with_forward_only(flows: Flows, after: ForwardOnly) -> Flows:
    """Return the flows with an address that only forwards as it is now."""
    holders = {address: holder for address, holder in flows.holders.items() if address != after.address}
    holders |= dict.fromkeys(after.owned)
    return replace(flows, holders=holders, targets={**flows.targets, after.address: after.targets})


def with_catch_alls(flows: Flows, before: CatchAlls, after: CatchAlls) -> Flows:
    """Return the flows with the account's catch-alls as they are now."""
    kept = {domain: mailbox for domain, mailbox in flows.catch_alls.items() if domain not in before.by_domain}
    return replace(flows, catch_alls=kept | dict(after.by_domain))


# --- circles ------------------------------------------------------------------------------------------------------


def circles(flows: Flows, origin: str, targets: Iterable[str]) -> list[Finding]:
    """Find the targets of an address that lead back to it; `flows` has them already."""
    before = _reached(flows, targets)
    too_wide = _too_wide(flows, origin, before)
    if too_wide:
        return [too_wide]
    towards = _towards(flows, before, origin)
    chains = ([origin, *_path(towards, target)] for target in dict.fromkeys(targets) if target in towards)
    return [_circle(origin, chain) for chain in islice(chains, MAX_CIRCLES)]


def circles_through(flows: Flows, mailbox: str, is_new: Callable[[str], bool]) -> list[Finding]:
    """Find the addresses that lead to a mailbox now and that it leads to: new aliases, or those of a new catch-all."""
    before = _reached(flows, flows.after(mailbox))
    too_wide = _too_wide(flows, mailbox, before)
    if too_wide:
        return [too_wide]
    chains = ([mailbox, *reversed(_path(before, address)), mailbox] for address in before if is_new(address))
    return [_circle(mailbox, chain) for chain in islice(chains, MAX_CIRCLES)]


def _reached(flows: Flows, starts: Iterable[str]) -> dict[str, str | None]:
    """Return every address that is reached, each with the one it was reached from first; None for the starts."""
    found: dict[str, str | None] = dict.fromkeys(starts)
    waiting = deque(found)
    while waiting and len(found) <= MAX_ADDRESSES:
        address = waiting.popleft()
        for following in flows.after(address):
            if following not in found:
                found[following] = address
                waiting.append(following)
    return found


def _towards(flows: Flows, reached: Iterable[str], goal: str) -> dict[str, str | None]:
    """Return those of the addresses that lead to the goal, each with the next on the way."""
    leading: dict[str, list[str]] = {}
    for address in reached:
        for following in flows.after(address) if address != goal else ():
            leading.setdefault(following, []).append(address)
    found: dict[str, str | None] = {goal: None}
    waiting = deque(found)
    while waiting:
        following = waiting.popleft()
        for address in leading.get(following, ()):
            if address not in found:
                found[address] = following
                waiting.append(address)
    return found


def _path(steps: Mapping[str, str | None], address: str) -> list[str]:
    path, step = [address], steps[address]
    while step is not None:
        path.append(step)
        step = steps[step]
    return path


def _too_wide(flows: Flows, origin: str, reached: Mapping[str, str | None]) -> Finding | None:
    if flows.complete and len(reached) <= MAX_ADDRESSES:
        return None
    return finding("forwarding_too_wide", address=origin, limit=MAX_ADDRESSES)


def _circle(origin: str, chain: list[str]) -> Finding:
    return finding("forwarding_loop", address=origin, chain=" → ".join(_shortened(chain)))


def _shortened(chain: list[str]) -> list[str]:
    """Leave the middle out of a chain that nobody would read."""
    return chain if len(chain) <= 10 else [*chain[:6], "...", *chain[-3:]]
