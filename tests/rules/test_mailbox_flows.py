"""Where mail goes on inside an account: every circle is found, whatever it leads through, and named step by step."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.refusals import Finding
from contracts.values import domain_of
from services.mailbox import flows
from services.mailbox.flows import Flows

ADDRESSES = [f"{name}@{domain}" for domain in ("a.example", "b.example") for name in ("k", "l", "m", "n")]
a_few = st.lists(st.sampled_from(ADDRESSES), max_size=3).map(lambda found: tuple(dict.fromkeys(found)))


@st.composite
def any_flows(draw: Any) -> Flows:
    """Some mailboxes, aliases, addresses that only forward, and catch-alls, as they may come about."""
    mailboxes = draw(st.lists(st.sampled_from(ADDRESSES), unique=True, min_size=1, max_size=4))
    holders: dict[str, str | None] = {}
    for address in ADDRESSES:
        holder = draw(st.sampled_from([*mailboxes, None, "nobody"]))
        if address in mailboxes or holder != "nobody":
            holders[address] = address if address in mailboxes else holder
    ends = [address for address in holders if holders[address] in (None, address)]
    targets = {address: draw(a_few) for address in ends}
    catch_alls = draw(st.dictionaries(st.sampled_from(["a.example", "b.example"]), st.sampled_from(mailboxes)))
    return Flows(holders, targets, catch_alls)


def leads_to(known: Flows, start: str, goal: str) -> bool:
    """Say by trying every step that can be taken whether mail for one address gets to another."""
    seen = {start}
    for _ in ADDRESSES:
        seen |= {following for address in seen for following in known.after(address)}
    return goal in seen


def assert_is_a_circle(known: Flows, found: Finding) -> None:
    chain = str(found.details["chain"]).split(" → ")
    assert len(chain) > 1
    assert chain[0] == chain[-1] == found.details["address"]
    assert all(following in known.after(address) for address, following in pairwise(chain))


@given(known=any_flows(), data=st.data())
def test_every_target_that_leads_back_is_named_with_its_way_and_no_other(known: Flows, data: Any) -> None:
    origin = data.draw(st.sampled_from(sorted(known.targets)))
    targets = known.targets[origin]
    found = flows.circles(known, origin, targets)
    for each in found:
        assert_is_a_circle(known, each)
    leading = [target for target in targets if leads_to(known, target, origin)]
    assert [str(each.details["chain"]).split(" → ")[1] for each in found] == leading


@given(known=any_flows(), data=st.data())
def test_every_new_address_that_a_mailbox_leads_to_closes_a_circle(known: Flows, data: Any) -> None:
    mailbox = data.draw(st.sampled_from(sorted(a for a, holder in known.holders.items() if a == holder)))
    caught = {domain for domain, catching in known.catch_alls.items() if catching == mailbox}

    def is_new(address: str) -> bool:
        is_alias = known.holders.get(address) == mailbox != address
        return is_alias or (address not in known.holders and domain_of(address) in caught)

    found = flows.circles_through(known, mailbox, is_new)
    for each in found:
        assert_is_a_circle(known, each)
    starts = known.after(mailbox)
    leading = {a for a in ADDRESSES if is_new(a) and any(leads_to(known, start, a) for start in starts)}
    assert {str(each.details["chain"]).split(" → ")[-2] for each in found} == leading


def test_the_way_is_named_through_aliases_forwardings_and_catch_alls() -> None:
    k, info, other = "k@a.example", "info@a.example", "l@b.example"
    known = Flows(
        holders={k: k, info: None, other: other, "x@b.example": other},
        targets={k: (info,), info: ("x@b.example",), other: ("y@a.example",)},
        catch_alls={"a.example": "k@a.example"},
    )  # fmt: skip
    (found,) = flows.circles(known, "k@a.example", ("info@a.example",))
    chain = "k@a.example → info@a.example → x@b.example → l@b.example → y@a.example → k@a.example"
    assert (found.code, found.details) == ("forwarding_loop", {"address": "k@a.example", "chain": chain})
    assert chain in found.text.de


def test_what_leads_too_far_to_look_is_refused() -> None:
    ring = [f"n{number}@a.example" for number in range(flows.MAX_ADDRESSES + 1)]
    known = Flows(holders=dict.fromkeys(ring), targets={a: (b,) for a, b in pairwise(ring)})
    (found,) = flows.circles(known, "k@a.example", ring[:1])
    assert found.code == "forwarding_too_wide"
    (cut_off,) = flows.circles(Flows(complete=False), "k@a.example", ())
    assert cut_off.code == "forwarding_too_wide"


def test_a_long_way_is_shortened_for_readers() -> None:
    ring = [f"n{number}@a.example" for number in range(40)]
    known = Flows(
        holders=dict.fromkeys(ring), targets={a: (b,) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)}
    )
    (found,) = flows.circles(known, ring[0], ring[1:2])
    assert str(found.details["chain"]).count("→") == 9
