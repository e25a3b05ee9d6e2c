"""What every worker does for who runs it, besides its trade."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.chassis import reconciling
from services.chassis.book import Book
from services.chassis.fates import Done
from services.chassis.letters import REPLAY, Letters, handlers
from services.chassis.originals import Originals
from services.chassis.received import Tick
from services.chassis.reconciling import Reconciler
from services.chassis.service import Moment, Service, TimerHandler


def equipped(service: Service, originals: Originals, reconciler: Reconciler) -> Service:
    """Return the service with the requests and wake-ups that all have."""
    letters = Letters(service.name)
    return replace(
        service,
        tables=(*service.tables, letters),
        messages={**service.messages, **handlers(service.name, letters), **reconciling.handlers(service.name)},
        timers={
            **service.timers,
            **reconciling.timers(service.name, reconciler),
            REPLAY: TimerHandler(_nothing_needed, _nothing_done, originals.of_letter),
        },
    )


def _nothing_needed(_: Tick) -> Sequence[Any]:
    return ()


def _nothing_done(_: Tick, __: Book, ___: Moment) -> Done:
    # The batch handles the original instead.
    return Done()
