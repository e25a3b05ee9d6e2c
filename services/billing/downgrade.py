"""What has to go so that an account fits into smaller caps, chosen so that its customer loses least (R4). Pure.

What is chosen is best in this order:

1. As few mailboxes are deleted as possible: exactly as many as are too many, never one where an alias is enough. Those
   that are to be deleted anyway go first; of these, those that free most.
2. Of all such choices the mailboxes that cost least a month, in sum.
3. Then as few addresses are lost as possible. A deleted mailbox takes its aliases, forwardings and catch-alls along,
   and these count: no address is lost in vain if another mailbox of the same price would have saved it.
4. Then as few others as possible lose any: the longest lists first.
5. Then what is newest goes.

What requests under way may still change is left alone; so is a list whose entries are not known by name.

To take mailboxes of one price so that their addresses add up to exactly what is too many is the subset-sum problem. It
is solved exactly where that takes up to MAX_STATES steps; beyond, one more than necessary may lose an address. All else
needs sorted lists only: `_taken` says why.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import accumulate, groupby, islice
from typing import NamedTuple

from contracts.billing_v1 import PlanOffer
from services.billing.capacity import ALIAS_FORWARD, GROUP, MAILBOX, PLAN

MAX_STATES = 300_000  # about a tenth of a second


class Held(NamedTuple):
    """A holding as far as it matters here. `names` is how many of its entries are known by name."""

    holder: str
    number: int
    busy: bool  # a request under way may change it
    since: datetime
    plan: str | None = None
    price_cents: int = 0
    names: int = 0
    leaving: bool = False  # of a mailbox: to be deleted anyway
    catches_for: str | None = None  # of a catch-all: its mailbox


class List(NamedTuple):
    """Addresses that can be taken off one by one: a mailbox's aliases or forwardings, an address's targets."""

    holder: str
    number: int


@dataclass(frozen=True, slots=True)
class Unit:
    """Who would lose addresses: a mailbox, an address that only forwards, a catch-all whose mailbox is not known."""

    name: str
    since: datetime
    lists: tuple[List, ...]

    @property
    def number(self) -> int:
        """Return how many addresses can be taken off."""
        return sum(entries.number for entries in self.lists)


@dataclass(frozen=True, slots=True)
class Seat:
    """A mailbox that can be deleted, and how many addresses go with it."""

    address: str
    plan: str
    price_cents: int
    since: datetime
    leaving: bool
    number: int


class Cut(NamedTuple):
    """So many entries of a list go."""

    holder: str
    number: int


class Move(NamedTuple):
    """A mailbox changes its plan."""

    address: str
    plan: str
    to: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What an account holds, sorted out."""

    seats: tuple[Seat, ...]
    units: tuple[Unit, ...]
    groups: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes. `left` is what would still be too much, by resource: nobody may take it now."""

    seats: tuple[Seat, ...] = ()
    cuts: tuple[Cut, ...] = ()
    moves: tuple[Move, ...] = ()
    groups: tuple[str, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict[str, int])


def choose(
    held: Iterable[Held], excess: Mapping[str, int], offers: Mapping[str, PlanOffer], capped: Container[str] = ()
) -> Choice:
    """Choose what goes.

    `excess` is how many of each resource must go; `offers` are the plans there are; no mailbox changes to a
    `capped` one.
    """
    stock = sorted_out(held)
    pooled = excess.get(ALIAS_FORWARD, 0)
    seats = _seats(stock, excess.get(MAILBOX, 0), pooled)
    gone = {seat.address for seat in seats}
    rest = pooled - sum(seat.number for seat in seats)
    units = [unit for unit in stock.units if unit.name not in gone]
    cuts, rest = _cuts(units, rest)
    if rest > 0:  # what leaves anyway may leave at once
        for seat in sorted((s for s in stock.seats if s.leaving and s.address not in gone and s.number), key=_most):
            if rest > 0:
                seats.append(seat)
                rest -= seat.number
    moves, open_plans = _moves(stock, seats, excess, offers, capped)
    groups = sorted(stock.groups, key=_newest_held)[: max(0, excess.get(GROUP, 0))]
    left = {
        MAILBOX: excess.get(MAILBOX, 0) - len(seats),
        ALIAS_FORWARD: rest,
        GROUP: excess.get(GROUP, 0) - len(groups),
        **open_plans,
    }
    return Choice(
        seats=tuple(seats),
        cuts=cuts,
        moves=tuple(moves),
        groups=tuple(group.holder for group in groups),
        left={resource: number for resource, number in left.items() if number > 0},
    )


# --- what there is -----------------------------------------------------------------------------------------------


def sorted_out(held: Iterable[Held]) -> Stock:
    """Sort holdings out: who can be deleted, who can lose addresses."""
    by_holder = {each.holder: each for each in held if each.number > 0}
    caught: dict[str, list[Held]] = {}
    groups: list[Held] = []
    alone: list[Held] = []
    for each in by_holder.values():
        kind = each.holder.partition("/")[0]
        if kind == "catch-all" and f"mailbox/{each.catches_for}" in by_holder:
            caught.setdefault(each.catches_for or "", []).append(each)
        elif kind in ("forward-only", "catch-all"):
            alone.append(each)
        elif kind == "group" and not each.busy:
            groups.append(each)
    seats: list[Seat] = []
    units = [Unit(each.holder, each.since, _lists([each])) for each in alone]
    for each in by_holder.values():
        kind, _, address = each.holder.partition("/")
        if kind != "mailbox":
            continue
        own = (by_holder.get(f"alias/{address}"), by_holder.get(f"forwarding/{address}"))
        lists = [entries for entries in (*own, *caught.get(address, ())) if entries is not None and not entries.busy]
        number = sum(entries.number for entries in lists)
        if not each.busy:
            seats.append(Seat(address, each.plan or "", each.price_cents, each.since, each.leaving, number))
        if lists and not each.leaving:
            units.append(Unit(address, each.since, _lists(lists)))
    return Stock(tuple(seats), tuple(unit for unit in units if unit.lists), tuple(groups))


def _lists(held: Iterable[Held]) -> tuple[List, ...]:
    """Return the lists that a request can shorten: it has to name what goes, or what stays."""
    return tuple(
        List(each.holder, each.number)
        for each in held
        if not each.busy and (each.names == each.number or each.holder.startswith("catch-all/"))
    )


# --- mailboxes ---------------------------------------------------------------------------------------------------


def _seats(stock: Stock, number: int, pooled: int) -> list[Seat]:
    """Choose mailboxes to delete, by rank and price; of the last price those whose addresses fit best."""
    chosen: list[Seat] = []
    ranked = sorted(stock.seats, key=_rank)
    for _, same in groupby(ranked, key=_rank):
        seats, wanted = list(same), number - len(chosen)
        if wanted <= 0:
            break
        if len(seats) <= wanted:
            chosen += sorted(seats, key=_newest)
        elif seats[0].leaving:
            chosen += sorted(seats, key=_most)[:wanted]
        else:
            rest = pooled - sum(seat.number for seat in chosen)
            chosen += _best(seats, wanted, rest, _others(stock, chosen, seats))
    return chosen


def _rank(seat: Seat) -> tuple[bool, int]:
    return (False, 0) if seat.leaving else (True, seat.price_cents)


def _others(stock: Stock, chosen: Sequence[Seat], seats: Sequence[Seat]) -> list[int]:
    """Return how much those could lose, most first, of whose deletion nothing is to be decided."""
    decided = {seat.address for seat in (*chosen, *seats)}
    return sorted((unit.number for unit in stock.units if unit.name not in decided), reverse=True)


def _best(seats: Sequence[Seat], wanted: int, rest: int, others: Sequence[int]) -> list[Seat]:
    """Of mailboxes of one price, take so many that fewest addresses are lost, then fewest others lose any."""
    numbers = Counter(_taken(sorted(seat.number for seat in seats), wanted, rest, others))
    chosen: list[Seat] = []
    for seat in sorted(seats, key=_newest):
        if numbers[seat.number] > 0:
            numbers[seat.number] -= 1
            chosen.append(seat)
    return chosen


def _taken(numbers: Sequence[int], wanted: int, rest: int, others: Sequence[int]) -> Sequence[int]:
    """Choose `wanted` of `numbers` (ascending): their sum not above `rest` if it can be, and what is missing to `rest`
    found in as few as possible of those that are not taken and of `others` (descending).

    With T, the t largest that are not taken, as long as taken and T together are below `rest`, any one of the taken may
    be changed for a larger one that is not: that is not larger than all of T, so the taken alone stay below `rest`. So
    on the way from the smallest to the largest there is a first choice that with its T reaches `rest`, if the largest
    do; and no choice reaches more with t than these.
    """
    smallest = numbers[:wanted]
    if sum(smallest) >= rest:
        return smallest
    exactly = _summing_to(numbers, wanted, rest)
    if exactly is not None:
        return exactly
    largest = numbers[len(numbers) - wanted :]
    missing = rest - sum(largest)
    left = merge(reversed(numbers[: len(numbers) - wanted]), others, reverse=True)
    sums = accumulate(left)
    touched = 1 + sum(1 for _ in _while_below(sums, missing))
    low, high = 0, min(wanted, len(numbers) - wanted)  # with `high` it is reached, if ever
    while low < high:
        middle = (low + high) // 2
        if _reached(numbers, wanted, middle, others, touched) >= rest:
            high = middle
        else:
            low = middle + 1
    return _mixed(numbers, wanted, low)


def _while_below(sums: Iterable[int], limit: int) -> Iterable[int]:
    for total in sums:
        if total >= limit:
            return
        yield total


def _mixed(numbers: Sequence[int], wanted: int, large: int) -> Sequence[int]:
    """Return the smallest, but as many of these changed for the largest."""
    return [*numbers[large:wanted], *numbers[len(numbers) - large :]]


def _reached(numbers: Sequence[int], wanted: int, large: int, others: Sequence[int], touched: int) -> int:
    """Return how much goes with a mixed choice and the largest that are left."""
    left = merge(reversed(numbers[wanted : len(numbers) - large]), reversed(numbers[:large]), others, reverse=True)
    return sum(_mixed(numbers, wanted, large)) + sum(islice(left, touched))


def _summing_to(numbers: Sequence[int], wanted: int, total: int) -> list[int] | None:
    """Choose `wanted` of `numbers` that add up to `total`; None if there are none, or the search would be long."""
    positive = [number for number in numbers if 0 < number <= total]
    zeros = sum(1 for number in numbers if number == 0)
    if len(positive) * min(wanted, len(positive)) * total > MAX_STATES:
        return None
    reached: dict[tuple[int, int], tuple[tuple[int, int], int] | None] = {(0, 0): None}  # (how many, sum): from where
    for number in positive:
        for state in list(reached):
            following = (state[0] + 1, state[1] + number)
            if following[0] <= wanted and following[1] <= total:
                reached.setdefault(following, (state, number))
    found = [count for count, sum_ in reached if sum_ == total and count + zeros >= wanted]
    if not found:
        return None
    chosen: list[int] = []
    step = reached[max(found), total]
    while step is not None:
        chosen.append(step[1])
        step = reached[step[0]]
    return chosen + [0] * (wanted - len(chosen))


# --- aliases, forwardings, catch-alls ----------------------------------------------------------------------------


def _cuts(units: Iterable[Unit], rest: int) -> tuple[tuple[Cut, ...], int]:
    """Take `rest` addresses off, with the longest lists first; return what is then still too much as well."""
    cuts: list[Cut] = []
    for unit in sorted(units, key=lambda unit: (-unit.number, *_backwards(unit.since), unit.name)):
        if rest <= 0:
            break
        for entries in _shortest_way(unit, rest):
            number = min(rest, entries.number)
            if number > 0:
                cuts.append(Cut(entries.holder, number))
                rest -= number
    return tuple(cuts), max(0, rest)


def _shortest_way(unit: Unit, rest: int) -> list[List]:
    """Put a unit's lists in order so that `rest` takes the fewest of them: the shortest that is enough, or all."""
    enough = [entries for entries in unit.lists if entries.number >= rest]
    if enough:
        return [min(enough, key=lambda entries: (entries.number, entries.holder))]
    return sorted(unit.lists, key=lambda entries: (-entries.number, entries.holder))


# --- plans -------------------------------------------------------------------------------------------------------


def _moves(
    stock: Stock, seats: Sequence[Seat], excess: Mapping[str, int], offers: Mapping[str, PlanOffer],
    capped: Container[str],
) -> tuple[list[Move], dict[str, int]]:  # fmt: skip
    """Let mailboxes change a plan that a contract caps, to the cheapest that holds as much of everything."""
    gone = {seat.address for seat in seats}
    moves: list[Move] = []
    left: dict[str, int] = {}
    for resource, number in excess.items():
        if not resource.startswith(PLAN):
            continue
        plan = resource.removeprefix(PLAN)
        number -= sum(1 for seat in seats if seat.plan == plan)
        stay = [s for s in stock.seats if s.plan == plan and s.address not in gone and not s.leaving]
        to = _instead(plan, offers, capped)
        going = sorted(stay, key=_newest)[: max(0, number)] if to else []
        moves += [Move(seat.address, plan, to or "") for seat in going]
        left[resource] = number - len(going)
    return moves, left


def _instead(plan: str, offers: Mapping[str, PlanOffer], capped: Container[str]) -> str | None:
    known = offers.get(plan)
    if known is None:
        return None
    larger = [
        offer
        for offer in offers.values()
        if offer.plan != plan
        and offer.plan not in capped
        and offer.mail_bytes >= known.mail_bytes
        and offer.cloud_bytes >= known.cloud_bytes
        and offer.groupware >= known.groupware
    ]
    return min(larger, key=lambda offer: (offer.price_cents, offer.plan)).plan if larger else None


# --- orders ------------------------------------------------------------------------------------------------------


def _backwards(since: datetime) -> tuple[float]:
    return (-since.timestamp(),)


def _newest(seat: Seat) -> tuple[float, str]:
    return (*_backwards(seat.since), seat.address)


def _newest_held(held: Held) -> tuple[float, str]:
    return (*_backwards(held.since), held.holder)


def _most(seat: Seat) -> tuple[int, float, str]:
    return (-seat.number, *_newest(seat))
