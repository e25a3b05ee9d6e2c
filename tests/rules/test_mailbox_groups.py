"""Groupware groups: who can be a member, and what happens when a member goes (R24)."""

from dataclasses import replace
from datetime import UTC, datetime

from contracts.refusals import Refusal
from services.mailbox import groups
from services.mailbox.rows import Groups, Mailbox

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
NONE = Groups("nordwind", 0, {})
ANNA = Mailbox(
    address="anna@nordwind.de", account="nordwind", domain="nordwind.de", first_name="A", last_name="B",
    state="active", plan="office", price_cents=450, mail_bytes=1, cloud_bytes=0, groupware=True, catalogue="1",
    created_at=NOW, updated_at=NOW, revision=1,
)  # fmt: skip
BELA = replace(ANNA, address="bela@nordwind.de")
MAIL_ONLY = replace(ANNA, address="mail@nordwind.de", plan="mail", groupware=False)
FOREIGN = replace(ANNA, address="anna@suedwind.de", account="suedwind")
GONE = replace(ANNA, address="gone@nordwind.de", state="deleted", deleted_at=NOW)


def made(*members: Mailbox) -> Groups:
    found = groups.create(NONE, "board", [(member.address, member) for member in members])
    assert isinstance(found, Groups)
    return found


def test_a_group_holds_its_members_once_in_order() -> None:
    assert made(BELA, ANNA, BELA).by_name["board"].members == (ANNA.address, BELA.address)


def test_every_obstacle_is_named() -> None:
    candidates = [(m.address, m) for m in (ANNA, MAIL_ONLY, FOREIGN, GONE)] + [("nobody@nordwind.de", None)]
    refused = groups.create(made(ANNA), "board", candidates)
    assert isinstance(refused, Refusal)
    assert [(finding.code, finding.details.get("address")) for finding in refused.findings] == [
        ("group_exists", None),
        ("member_without_groupware", MAIL_ONLY.address),
        ("member_unknown", FOREIGN.address),
        ("member_unknown", GONE.address),
        ("member_unknown", "nobody@nordwind.de"),
    ]


def test_members_are_replaced() -> None:
    changed = groups.set_members(made(ANNA), "board", [(BELA.address, BELA)])
    assert isinstance(changed, Groups)
    assert changed.by_name["board"].members == (BELA.address,)


def test_an_unknown_group_has_no_members_to_set_and_cannot_be_deleted() -> None:
    for refused in (groups.set_members(NONE, "board", ()), groups.delete(NONE, "board")):
        assert isinstance(refused, Refusal)
        assert refused.code == "group_unknown"


def test_a_mailbox_leaves_all_its_groups() -> None:
    both = groups.create(made(ANNA, BELA), "sales", [(ANNA.address, ANNA)])
    assert isinstance(both, Groups)
    left, changed = groups.without(both, ANNA.address)
    assert [group.name for group in changed] == ["board", "sales"]
    assert groups.of(left, ANNA.address) == ()
    assert left.by_name["board"].members == (BELA.address,)


def test_a_group_made_anew_continues_the_revisions() -> None:
    deleted = groups.delete(made(ANNA), "board")
    assert not isinstance(deleted, Refusal)
    left, last = deleted
    anew = groups.create(left, "board", ())
    assert isinstance(anew, Groups)
    assert anew.by_name["board"].revision > last.revision
