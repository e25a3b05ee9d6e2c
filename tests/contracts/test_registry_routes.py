"""Every message has its place, every request its way, and no secret leaves with a fact."""

from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from contracts.base import Fact, HandOver, Request
from contracts.dryruns import DryRunFinished
from contracts.json_schema import schema_of, shapes
from contracts.messages import REGISTRY, SERVICES
from contracts.refusals import RequestRefused
from contracts.registry import Registry
from contracts.routes import HEARD, ROUTES, SENT, Route, request_type, route_of, route_of_type

MESSAGES = REGISTRY.all()
SHARED = (RequestRefused, DryRunFinished)  # one shape, a message of every worker
SHAPES = list(shapes())
REQUESTS = [message for message in MESSAGES if issubclass(message.model, Request)]
HAND_OVERS = [message for message in MESSAGES if issubclass(message.model, HandOver)]
FACT_TYPES = {message.type for message in MESSAGES if issubclass(message.model, Fact)}
SECRET_WORDS = ("password", "hash", "secret")
PUBLIC_WORDS = ("has_password", "password_set_at", "password_change_by")  # whether there is one, and since when


def by_type(message) -> str:
    """Name a test after its message."""
    return getattr(message, "type", str(message))


def parts_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield the model and every model inside it."""
    yield model
    for field in model.model_fields.values():
        for part in models_in(field.annotation):
            yield from parts_of(part)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that a field's type speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def field_names(schema: object) -> Iterator[str]:
    """Yield every field name in a schema, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from field_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from field_names(value)


# --- the registry -----------------------------------------------------------------------------------------------


def test_no_two_things_on_the_bus_share_a_type():
    types = [shape.type for shape in SHAPES]

    assert len(types) == len(set(types))


@pytest.mark.parametrize("shape", SHAPES, ids=by_type)
def test_every_message_says_what_it_is(shape):
    assert (shape.model.__dict__.get("__doc__") or "").strip().endswith((".", "?"))


@pytest.mark.parametrize("message", MESSAGES, ids=by_type)
def test_a_message_is_found_by_its_subject(message):
    kind, account, *type_ = message.subject("nordwind").split(".")

    assert account == "nordwind"
    assert REGISTRY.find(kind, ".".join(type_)) is message
    assert message.version in REGISTRY.versions(kind, message.service, message.name)


@pytest.mark.parametrize("message", [m for m in MESSAGES if m.model not in SHARED and not m.reply], ids=by_type)
def test_a_message_is_found_by_its_model(message):
    assert REGISTRY.of(message.model) is message


def test_every_worker_can_refuse_and_can_say_what_it_did():
    assert all(REGISTRY.find("evt", f"{service}.request-refused.v1") for service in SERVICES)
    assert all(REGISTRY.find("qry", f"{service}.request.v1") for service in SERVICES)


def test_a_type_is_registered_once():
    registry = Registry()
    registry.add("billing", "request-refused", RequestRefused)

    with pytest.raises(ValueError, match="registered already"):
        registry.add("billing", "request-refused", RequestRefused)


def test_what_is_unknown_is_not_found():
    assert REGISTRY.find("cmd", "domain.create-mailbox.v9") is None
    assert REGISTRY.find("evt", "domain.create-mailbox.v1") is None


# --- routes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", REQUESTS, ids=by_type)
def test_every_request_has_exactly_one_route(message):
    assert [route.message for route in ROUTES].count(message) == 1
    assert route_of(message.model) is route_of_type(message.type)


def test_hand_overs_and_facts_have_no_route():
    assert {route.message for route in ROUTES} == set(REQUESTS)
    assert all(route_of_type(message.type) is None for message in HAND_OVERS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.message.type)
class TestEveryRoute:
    """What holds for the way of each request."""

    def test_the_first_station_is_where_it_is_sent(self, route: Route):
        assert route.stations[0] == route.message.service
        assert set(route.stations) <= set(SERVICES)

    def test_its_outcome_is_a_fact_of_the_last_station(self, route: Route):
        assert {f"{fact}.v1" for fact in route.outcomes} <= FACT_TYPES
        assert {fact.split(".")[0] for fact in route.outcomes} == {route.stations[-1]}

    def test_each_next_station_gets_a_hand_over_of_the_same_name(self, route: Route):
        """A look by dnscheck is ordered by `watch-domain`, and what was seen comes back as a fact."""
        for station in route.stations[1:]:
            if station in (*route.stations[:1], "dnscheck"):
                continue
            message = REGISTRY.find("cmd", f"{station}.{route.message.name}.v1")
            assert message in HAND_OVERS
            assert request_type(message.type) == route.message.type

    def test_who_settles_it_hears_its_outcome_and_its_refusal(self, route: Route):
        if route.settled_by is not None:
            assert {f"{route.outcome}.v1", f"{route.stations[-1]}.request-refused.v1"} <= set(HEARD[route.settled_by])


def test_every_hand_over_belongs_to_a_route_or_to_dnscheck():
    names = {(station, route.message.name) for route in ROUTES for station in route.stations[1:]}

    # Pieces of a run, which is no single request's way; what lets parked requests go on.
    pieces = {"billing.invoice-part.v1", "domain.settle-holds.v1"}
    handed = {m.type for m in HAND_OVERS if m.service != "dnscheck"} - pieces
    assert handed <= {f"{s}.{name}.v1" for s, name in names}


# What a worker hears of itself: an outcome of a bulk's item, whoever states it.
OWN_HEARD = {"domain": {"domain.domain-claimed.v1", "domain.request-refused.v1"}}


def test_workers_hear_only_facts_that_exist_and_are_not_their_own():
    for service, heard in HEARD.items():
        assert set(heard) <= FACT_TYPES
        assert {type_ for type_ in heard if type_.startswith(f"{service}.")} == OWN_HEARD.get(service, set())
    assert set(HEARD) == set(SERVICES)


def test_only_accounts_invoices_decisions_upkeep_and_what_a_mail_store_says_are_the_operators():
    operators = {route.message.name for route in ROUTES if route.caller == "operator"}

    assert operators == {
        "open-account",
        "assign-package",
        "record-vat-check",
        "run-invoices",
        "credit-invoice",
        "decide-transfer",
        "suspend-account",
        "reactivate-account",
        "close-account",
        "reopen-account",
        "record-backup",
        "confirm-backups-deleted",
        "report-restore",
        "erase-person",
        "replay-dead-letters",
        "discard-dead-letters",
        "reconcile-events",
    }


# --- what must never be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [s for s in SHAPES if s.role in ("fact", "answer")], ids=by_type)
def test_nothing_public_has_a_field_for_a_secret(shape):
    names = {name for name in field_names(schema_of(shape)) if name not in PUBLIC_WORDS}

    assert not [name for name in names if any(word in name for word in SECRET_WORDS)]


@pytest.mark.parametrize("message", REQUESTS, ids=by_type)
def test_a_request_refuses_unknown_fields_at_every_depth(message):
    assert [part.model_config.get("extra") for part in parts_of(message.model)] == ["forbid"] * len(
        list(parts_of(message.model))
    )


@pytest.mark.parametrize("shape", [s for s in SHAPES if s.role in ("fact", "answer")], ids=by_type)
def test_a_reader_ignores_unknown_fields_at_every_depth(shape):
    assert {part.model_config.get("extra") for part in parts_of(shape.model)} == {"ignore"}


@pytest.mark.parametrize("shape", SHAPES, ids=by_type)
def test_messages_are_frozen_and_hide_what_was_given(shape):
    assert all(part.model_config.get("frozen") for part in parts_of(shape.model))
    assert all(part.model_config.get("hide_input_in_errors") for part in parts_of(shape.model))


@pytest.mark.parametrize("shape", SHAPES, ids=by_type)
def test_every_secret_is_marked_write_only(shape):
    for definition in schema_of(shape).get("$defs", {}).values():
        for name, field in definition.get("properties", {}).items():
            if name == "password_hash":
                assert field["writeOnly"] is True


def test_every_hand_over_has_a_worker_that_sends_it_and_nothing_unknown_is_sent():
    known = {message.type for message in REGISTRY.all() if message.kind == "cmd"}
    hand_overs = {message.type for message in REGISTRY.all() if issubclass(message.model, HandOver)}
    sent = [type_ for types in SENT.values() for type_ in types]
    assert hand_overs <= set(sent) <= known
    assert all(list(types) == sorted(set(types)) for types in SENT.values())
