"""What a service handles is what the contracts say: no message without a handler, no handler without a message."""

import importlib
import inspect

import pytest

from contracts.messages import REGISTRY
from contracts.registry import Message
from contracts.routes import HEARD, ROUTES
from services.chassis.service import Service

SERVICES = ("billing", "domain", "mailbox", "dnscheck")
ANSWERED_BY_THE_CHASSIS = {"request", "trail", "dead-letters", "status"}
OBEYED_BY_THE_CHASSIS = {"replay-dead-letters", "discard-dead-letters", "reconcile-events"}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    """A service as its worker runs it."""
    found = importlib.import_module(f"services.{request.param}.app").service
    assert isinstance(found, Service)
    assert found.name == request.param
    return found


def _registered(kind: str, service: Service) -> list[Message]:
    return [message for message in REGISTRY.all() if (message.kind, message.service) == (kind, service.name)]


def test_service_hears_the_facts_that_the_routes_name(service: Service) -> None:
    assert service.heard() == sorted(HEARD[service.name]), "contracts.routes.HEARD makes the consumers: keep them equal"


def test_every_order_for_a_service_has_a_handler(service: Service) -> None:
    handled = {type_ for kind, type_ in service.messages if kind == "cmd"}
    ordered = {message.type for message in _registered("cmd", service) if message.name not in OBEYED_BY_THE_CHASSIS}
    assert handled == ordered


def test_every_question_to_a_service_has_an_answer(service: Service) -> None:
    asked = {message.name: message.model for message in _registered("qry", service)}
    for name in ANSWERED_BY_THE_CHASSIS:
        del asked[name]
    assert {name: model for name, (model, _) in service.queries.items()} == asked


def test_decisions_wait_for_nothing(service: Service) -> None:
    handlers = {**service.messages, **service.timers}
    waiting = [name for name, handler in handlers.items() if inspect.iscoroutinefunction(handler.decide)]
    assert waiting == []


def test_tables_are_the_services_own(service: Service) -> None:
    names = [table.name for table in service.tables]
    assert len(set(names)) == len(names)
    assert [name for name in names if not name.startswith(f"{service.name}.")] == []


def test_every_station_of_every_route_can_take_the_request() -> None:
    for route in ROUTES:
        for station in set(route.stations):
            taken = [m.name for m in REGISTRY.all() if (m.kind, m.service) == ("cmd", station)]
            if station != "dnscheck":  # takes part in requests by its own orders: watch-domain
                assert route.message.name in taken, f"{station} is a station of {route.message.type}"
