"""Bulk files as a pure state machine: whatever comes in whatever order, counts add up and the window holds."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bulk_v1 import KINDS, BulkItem, SubmitBulk, item_request_id, part_request_id, read_order
from contracts.messages import RequestAnswer, RequestStep
from contracts.refusals import Refusal, refuse
from services.domain import bulks
from services.domain.bulk_looks import GIVE_UP_AFTER, SEND_AGAIN_AFTER, Found, after_look, read
from services.domain.bulks import Bulk, Flight, Flying, Item, Waiting

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = UUID(int=7)
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86


def mailbox(address: str = "anna@nordwind-segel.de", **more) -> dict:
    order = {"address": address, "first_name": "A", "last_name": "N", "plan": "mail", "password_hash": HASH}
    return order | more


def part(*items: BulkItem, number: int = 1, parts: int = 1, total: int | None = None) -> SubmitBulk:
    return SubmitBulk(
        bulk_id=ID, part=number, parts=parts, total=total or len(items), digest="ab" * 16, items=items
    )  # fmt: skip


# --- the machine, with a table as the store keeps it ---------------------------------------------------------------


@dataclass
class World:
    """A bulk's rows. A turn that is not kept is what a process did that died before its commit."""

    phases: list[int]
    window: int
    bulk: Bulk
    states: dict[int, str] = field(default_factory=dict)
    parked: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    issued: list[int] = field(default_factory=list)

    def flight(self) -> Flight:
        flying = tuple(
            Flying(n, self.phases[n], self.states[n], n in self.parked)
            for n in sorted(self.states)
            if n not in self.counted and self.states[n] != "cancelled"
        )
        left = sorted((phase, n) for n, phase in enumerate(self.phases) if n not in self.states)
        waiting = tuple(Waiting(n, phase, KINDS[phase], UUID(int=n), "{}") for phase, n in left[: self.window])
        return Flight(flying, waiting)

    def turn(self, *, kept: bool) -> None:
        bulk, flight = bulks.advance(self.bulk, self.flight(), NOW, self.window)
        bulk = bulks.concluded(bulk, NOW)
        if not kept:
            return
        self.bulk = bulk
        self.states |= {item.number: "under_way" for item in flight.issue}
        self.states |= dict.fromkeys(flight.cancelled, "cancelled")
        self.counted |= {*flight.counted, *flight.cancelled}
        self.issued += [item.number for item in flight.issue]

    def under_way(self) -> list[int]:
        return [n for n, state in self.states.items() if state == "under_way"]

    def check(self) -> None:
        bulk = self.bulk
        counts = (bulk.waiting, bulk.under_way, bulk.done, bulk.refused, bulk.cancelled)
        assert sum(counts) == bulk.total
        assert min(counts) >= 0
        assert len([n for n in self.under_way() if n not in self.parked]) <= self.window
        assert self.issued == [n for _, n in sorted((self.phases[n], n) for n in self.issued)]
        assert len(set(self.issued)) == len(self.issued)


steps = st.lists(
    st.tuples(st.sampled_from(["turn", "lost turn", "done", "refused", "park", "cancel"]), st.integers(0, 999)),
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=25), st.integers(1, 6), steps)
def test_counts_add_up_the_window_holds_and_order_is_kept_in_any_interleaving(phases, window, script):
    bulk = replace(bulks.begun("nordwind", part(BulkItem(line=1, kind="x", order={}), total=len(phases)), NOW),
                   state="running", accepted_at=NOW, items=len(phases), received={1: ""})  # fmt: skip
    world = World(phases, window, bulk)
    for step, chosen in script:
        flown = sorted(world.states)
        match step:
            case "turn" | "lost turn":
                before = [n for n in world.under_way() if n not in world.parked]
                was = len(world.issued)
                world.turn(kept=step == "turn")
                begun = {phases[n] for n in world.issued[was:]}
                assert len(begun) <= 1
                assert not any(phases[n] < phase for n in before for phase in begun)
            case "done" | "refused" if flown:
                number = flown[chosen % len(flown)]
                if world.states[number] == "under_way":  # as bulks.ended: the first outcome counts
                    world.states[number] = step
            case "park" if flown:
                world.parked.add(flown[chosen % len(flown)])
            case "cancel" if not world.bulk.is_cancelled and world.bulk.state != "finished":
                world.bulk = bulks.cancelled(world.bulk)
        world.check()
    for _ in range(2 * len(phases) + 3):
        world.turn(kept=True)
        world.states |= dict.fromkeys(world.under_way(), "done")
        world.check()
    assert world.bulk.state == "finished"
    assert set(world.states) == set(range(len(phases)))
    revision = world.bulk.revision
    world.turn(kept=True)
    assert world.bulk.revision == revision


def test_a_later_bulk_waits_for_its_turn_and_still_counts_what_ended():
    bulk = Bulk("nordwind", ID, "ab", None, 1, 2, NOW, state="running", items=2, issued=1, accepted_at=NOW)
    flight = Flight((Flying(1, 1, "done"),), (Waiting(2, 1, "mailbox", ID, "{}"),), is_turn=False)
    bulk, flight = bulks.advance(bulk, flight, NOW, 64)
    assert (bulk.done, flight.issue, flight.counted) == (1, (), (1,))


def test_turns_come_soon_while_things_move_and_seldom_while_only_parked_items_are_left():
    pause = timedelta(seconds=0.05)
    busy = Flight((Flying(1, 0),))
    assert bulks.next_turn(replace(busy, counted=(2,)), timedelta(seconds=1)) == bulks.SOON
    for _ in range(40):
        pause = bulks.next_turn(busy, pause)
    assert pause == bulks.LATER
    for _ in range(40):
        pause = bulks.next_turn(Flight((Flying(1, 0, is_parked=True),)), pause)
    assert pause == bulks.MUCH_LATER


# --- parts and items ------------------------------------------------------------------------------------------------


def test_a_bad_item_is_refused_with_its_line_and_nothing_of_it_is_kept_or_repeated():
    bad = BulkItem(line=9, kind="mailbox", order=mailbox(password_hash="geheim", first_name=""))
    good = BulkItem(line=10, kind="mailbox", order=mailbox())
    first, second = bulks.read_items("nordwind", part(bad, good))
    assert (first.line, first.content, first.request_id) == (9, None, None)
    assert first.refusal is not None
    assert {finding.details["field"] for finding in first.refusal.findings} == {"first_name", "password_hash"}
    assert "geheim" not in repr((first, bad))
    assert (second.refusal, second.subject) == (None, "anna@nordwind-segel.de")
    assert HASH not in repr(good)


def test_an_unknown_field_of_a_known_kind_is_refused_and_an_optional_one_passes_through():
    assert isinstance(read_order("mailbox", mailbox(fax="1")), Refusal)
    assert not isinstance(read_order("domain", {"domain": "nordwind-segel.de", "password_hash": HASH}), Refusal)


def test_ids_of_parts_and_items_are_an_accounts_own():
    assert part_request_id("nordwind", ID, 1) != part_request_id("suedwind", ID, 1)
    assert item_request_id("nordwind", ID, 1001) != item_request_id("suedwind", ID, 1001)
    assert part_request_id("nordwind", ID, 1) == part_request_id("nordwind", ID, 1)


@given(st.permutations(range(1, 6)))
def test_a_bulk_is_accepted_with_its_last_part_in_whatever_order_they_come(order):
    bulk = None
    for number in order:
        piece = part(BulkItem(line=number, kind="domain", order={"domain": f"d{number}.de"}), number=number, parts=5,
                     total=5)  # fmt: skip
        bulk = bulk or bulks.begun("nordwind", piece, NOW)
        assert bulk.state == "receiving"
        assert bulks.why_not(bulk, piece, str(number)) is None
        bulk = bulks.with_part(bulk, piece, str(number), bulks.read_items("nordwind", piece), NOW)
    assert (bulk.state, bulk.missing, bulk.waiting) == ("running", (), 5)


def test_cancelling_while_parts_are_missing_counts_them_as_cancelled():
    piece = part(BulkItem(line=1, kind="domain", order={"domain": "a.de"}), parts=3, total=10)
    bulk = bulks.with_part(bulks.begun("nordwind", piece, NOW), piece, "", bulks.read_items("nordwind", piece), NOW)
    bulk = bulks.cancelled(bulk)
    assert (bulk.cancelled, bulk.waiting) == (9, 1)
    reason = bulks.why_not(bulk, piece.model_copy(update={"part": 2}), "")
    assert reason is not None
    assert reason.code == "bulk_over"


def test_a_long_refusal_is_shortened_so_that_pages_fit_into_an_answer():
    findings = tuple(refuse("address_taken", address=f"a{n}@b.de").findings[0] for n in range(50))
    short = bulks.shortened(Refusal(code="address_taken", text=findings[0].text, findings=findings))
    assert len(short.findings) == 11
    assert short.findings[-1].details == {"count": 40}
    assert bulks.within([300, 10, 10], 200) == 1
    assert bulks.within([100, 90, 20], 200) == 2


# --- items without an outcome -----------------------------------------------------------------------------------------


def flown(**more) -> Item:
    return Item("nordwind", ID, 1001, "mailbox", "under_way", NOW, "{}", look_at=NOW, **more)


def answer(service: str, *steps: RequestStep) -> RequestAnswer:
    return RequestAnswer(service=service, steps=steps)


def step(fate: str, **more) -> RequestStep:
    return RequestStep(message_id=ID, type="x.y.v1", fate=fate, code=None, handled_at=NOW, **more)


def test_the_first_outcome_counts_and_takes_the_secret_away():
    done = bulks.ended(flown(), NOW, outcome="mailbox.mailbox-created.v1")
    assert (done.state, done.content) == ("done", None)
    assert bulks.ended(done, NOW, refusal=refuse("internal_error")) is done


def test_what_the_stations_know_ends_an_item_or_parks_it():
    created = answer("mailbox", step("done", outcome="mailbox.mailbox-created.v1"))
    refused = answer("billing", step("refused", refusal=refuse("internal_error")))
    passed = answer("domain", step("handed-over"))
    wanted = ("mailbox.mailbox-created",)
    later = NOW + timedelta(minutes=2)
    assert after_look(flown(), read([passed, created], wanted), later)[0].state == "done"
    assert after_look(flown(), read([passed, refused], wanted), later)[0].state == "refused"
    waits, again = after_look(flown(), read([passed, answer("billing")], wanted), later)
    assert (waits.state, waits.is_parked, again) == ("under_way", True, False)


def test_an_order_nobody_has_seen_is_sent_again_only_when_all_have_answered_and_the_broker_would_take_it():
    nobody, silent = read([answer("domain"), answer("billing")], ()), read([answer("domain"), None], ())
    late = NOW + SEND_AGAIN_AFTER
    assert after_look(flown(), nobody, NOW + timedelta(minutes=2))[1] is False
    assert after_look(flown(), silent, late)[1] is False
    item, again = after_look(flown(), nobody, late)
    assert (again, item.is_parked, item.look_at) == (True, False, late + SEND_AGAIN_AFTER)


def test_an_item_ends_even_if_nobody_ever_knows_of_it():
    item, again = after_look(flown(), Found(is_whole=False), NOW + GIVE_UP_AFTER)
    assert (item.state, item.refusal and item.refusal.code, again) == ("refused", "bulk_item_lost", False)
