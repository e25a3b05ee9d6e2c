"""How requests look that wait for their domains."""

from collections.abc import Sequence

from contracts.holds_v1 import HoldView, RequestParked
from contracts.values import address_for_people, domain_for_people
from services.cli.desk import Desk
from services.cli.terminal import local_time, sheet, table, tell


def show_parked(desk: Desk, parked: RequestParked) -> None:
    """Print what a request waits for, what to do, and how it can be taken back."""
    hold = parked.hold
    tell(desk, desk.text(parked.text))
    lines = [
        ("request", hold.request_id),
        ("waits_for", _domains(hold.waits_for)),
        ("until", local_time(hold.deadline)),
    ]
    desk.console.print(sheet(desk, lines))
    desk.note(desk.sentence("parked_next", account=hold.account, request_id=hold.request_id))


def show_holds(desk: Desk, holds: Sequence[HoldView]) -> None:
    """Print waiting requests in the order in which they go on."""
    rows = [
        (
            hold.request_id,
            hold.request_type.split(".")[1],
            address_for_people(hold.address),
            _domains(hold.waits_for) or desk.sentence("waits_in_line"),
            local_time(hold.deadline),
        )
        for hold in holds
    ]
    desk.console.print(table(desk, ("request", "order", "address", "waits_for", "until"), rows))


def _domains(names: Sequence[str]) -> str:
    return ", ".join(domain_for_people(name) for name in names)
