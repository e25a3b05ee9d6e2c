"""One message of a batch on its way to its fate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from contracts.ids import derived
from services.chassis.book import Wanted
from services.chassis.causes import Cause, cause_of, ids_of, is_original
from services.chassis.failures import Message
from services.chassis.fates import Done, Fate
from services.chassis.letters import REPLAY
from services.chassis.received import Raw, Received, Tick, Unreadable, read
from services.chassis.service import Handler, TimerHandler


@dataclass(slots=True)
class Item:
    """One message of a batch on its way to its fate. `raw` is None for wake-ups.

    Of a dead letter that is taken up again it is the original, and `replay` the wake-up that brought it. `again`: it
    was handed over before; decided on once more, it leads to the same orders and nothing else.
    """

    raw: Raw | None
    message: Message | Unreadable
    handler: Handler | TimerHandler | None = None
    wanted: Sequence[Wanted] = ()
    fate: Fate | None = None
    traceparent: str | None = None  # of its own span, if it has one
    replay: Tick | None = None
    again: bool = False

    def repeat(self) -> None:
        """Decide on it once more, for its orders."""
        assert isinstance(self.message, Received)
        self.again, self.message = True, replace(self.message, repeated=True)

    @property
    def lane(self) -> int:
        """Return where the message came from; what it leads to is numbered there."""
        return self.message.lane if isinstance(self.message, Tick) else self.raw.lane if self.raw else -1

    @property
    def cause(self) -> Cause:
        """Return what its consequences are named after."""
        return cause_of(self.message, self.lane, self.raw.subject if self.raw else None, self.traceparent)

    def ids(self) -> dict[str, str]:
        """Return what log lines say of it while it is handled."""
        return ids_of(self.cause)


def item_of(tick: Tick) -> Item:
    """Return the item of a wake-up, or of the dead letter that it brings back."""
    if tick.kind != REPLAY:
        return Item(None, tick)
    raw = tick.observation
    if not isinstance(raw, Raw) or not is_original(message := read(raw), raw, UUID(tick.key)):
        return Item(None, tick, fate=Done(), replay=tick)
    if tick.payload["as_new"] and isinstance(message, Received):
        new = derived(UUID(tick.key), "again")
        message = replace(message, id=new, request_id=new, cause_id=message.id)
    return Item(raw, message, replay=tick)
