"""Versions beside each other: every one leads to the next, facts lead back, and nothing is lost on the way."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import mailbox_v1, mailbox_v2
from contracts.base import Fact
from contracts.compatibility import compare_releases
from contracts.evolution import EVOLUTION, view_down, view_up
from contracts.json_schema import schema_of, shapes
from contracts.messages import REGISTRY
from contracts.refusals import RequestRefused
from contracts.routes import ROUTES, outcome_version, route_of
from contracts.samples import SAMPLES

GOLDEN = Path(__file__).resolve().parents[2] / "contracts" / "golden"
WITH_VERSIONS = [m for m in REGISTRY.all() if m.kind != "qry" and m.version > 1 and m.model is not RequestRefused]
NAMES = (
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=40).map(str.strip).filter(bool)
)
ANNA = SAMPLES["mailbox.person-renamed.v1"].mailbox


def of(kind: str, service: str, name: str, version: int):
    found = REGISTRY.find(kind, f"{service}.{name}.v{version}")
    assert found is not None
    return found


@pytest.mark.parametrize("message", WITH_VERSIONS, ids=lambda message: message.type)
def test_a_version_leads_to_the_next_one_without_a_gap(message):
    versions = REGISTRY.versions(message.kind, message.service, message.name)
    models = [of(message.kind, message.service, message.name, version).model for version in versions]

    assert [list(EVOLUTION.newer(older))[:1] for older, _ in pairwise(models)] == [[newer] for newer in models[1:]]


@pytest.mark.parametrize("message", WITH_VERSIONS, ids=lambda message: message.type)
def test_what_was_stored_in_older_versions_is_read_in_the_newest(message):
    for version in REGISTRY.versions(message.kind, message.service, message.name)[:-1]:
        older = of(message.kind, message.service, message.name, version)
        stored = older.adapter.validate_json((GOLDEN / f"{older.type}.json").read_bytes()).data
        newest = of(message.kind, message.service, message.name, REGISTRY.versions(
            message.kind, message.service, message.name)[-1])  # fmt: skip
        led_up = EVOLUTION.up(stored)

        assert type(led_up) is newest.model
        assert newest.model.model_validate_json(led_up.model_dump_json()) == led_up
        if isinstance(stored, Fact):
            assert stored in list(EVOLUTION.copies(led_up)), "down again it is what it was"


@given(first=NAMES, last=NAMES)
def test_a_name_in_two_parts_goes_up_and_down_unchanged(first, last):
    view = ANNA.model_copy(update={"first_name": first, "last_name": last})

    assert view_up(view).person == mailbox_v2.Person(
        given_name=first, family_name=last, display_name=f"{first} {last}".strip()
    )
    assert view_down(view_up(view)) == view


def test_one_name_is_an_empty_first_name_for_readers_of_version_1():
    newest = view_up(ANNA.model_copy(update={"first_name": "", "last_name": "Versand"}))

    assert (newest.person.given_name, newest.person.display_name) == (None, "Versand")
    assert (view_down(newest).first_name, view_down(newest).last_name) == ("", "Versand")


def test_who_asks_in_version_1_is_answered_in_version_1():
    assert outcome_version("mailbox.rename-person.v1", [1, 2]) == 1
    assert outcome_version("mailbox.rename-person.v2", [1, 2]) == 2
    assert outcome_version("mailbox.rename-person.v1", [2, 3]) == 2, "version 1 is retired"
    assert route_of(mailbox_v1.RenamePerson).message.version == 1


def test_a_route_ends_in_a_version_that_is_stated():
    for route in ROUTES:
        for fact in route.outcomes:
            service, name = fact.split(".")
            assert route.outcome_version <= REGISTRY.versions("evt", service, name)[-1] or route.outcome_version == 1


# --- the compatibility checker ------------------------------------------------------------------------------------


NEW, OLD = "evt/mailbox.person-renamed.v2.json", "evt/mailbox.person-renamed.v1.json"
SCHEMAS = {
    f"{shape.folder}/{shape.type}.json": schema_of(shape) for shape in shapes() if "person-renamed" in shape.type
}


def test_a_new_version_beside_the_old_is_growth():
    assert compare_releases({OLD: SCHEMAS[OLD]}, SCHEMAS) == []


def test_a_version_may_go_only_when_it_is_retired_and_a_newer_one_is_there():
    gone = compare_releases(SCHEMAS, {NEW: SCHEMAS[NEW]})
    retired = compare_releases(SCHEMAS, {NEW: SCHEMAS[NEW]}, retired={OLD.removesuffix(".json")})
    newest_gone = compare_releases(SCHEMAS, {OLD: SCHEMAS[OLD]}, retired={NEW.removesuffix(".json")})

    assert [(change.severity, change.rule) for change in gone] == [("breakage", "message-removed")]
    assert [(change.severity, change.rule) for change in retired] == [("warning", "message-retired")]
    assert [(change.severity, change.rule) for change in newest_gone] == [("breakage", "message-removed")]
