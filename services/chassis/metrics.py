"""The numbers a worker keeps for Prometheus: every family by name, declared here or, for a trade's own, by its service.

docs/observability.md lists them all; a test holds the two equal. Labels are names of ours (service, type, fate, code,
lane), never an account, an address or a key: those would make a series for each customer. A type that nobody
registered counts as `unknown`, because anybody may publish one.

What is counted here only grows. What stands in the database or at the broker (SAMPLED) is looked up when somebody asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

from contracts.messages import REGISTRY

NAMESPACE = "postkontor"
EXPOSED = CollectorRegistry()
MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WAITED = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
UNKNOWN = "unknown"

disable_created_metrics()  # a second series for each counter, which says when the process began
ProcessCollector(registry=EXPOSED)


def counter(name: str, says: str, *labels: str) -> Counter:
    """Declare a number that grows; Prometheus calls it postkontor_<name>_total."""
    return Counter(name, says, labels, namespace=NAMESPACE, registry=EXPOSED)


def histogram(name: str, says: str, *labels: str, buckets: Sequence[float] = MILLISECONDS) -> Histogram:
    """Declare how often something took how long, or was how large: postkontor_<name>."""
    return Histogram(name, says, labels, namespace=NAMESPACE, registry=EXPOSED, buckets=buckets)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A number that is looked up when somebody asks for the metrics."""

    short_name: str
    says: str
    labels: tuple[str, ...] = ("service",)

    @property
    def name(self) -> str:
        """Return what Prometheus calls it."""
        return f"{NAMESPACE}_{self.short_name}"


# --- messages -----------------------------------------------------------------------------------------------------

MESSAGES = counter("messages", "messages handled and committed, by how they ended", "service", "type", "fate")
REFUSALS = counter("refusals", "messages refused, by the refusal's code", "service", "code")
DEAD_LETTERS = counter("dead_letters", "messages and wake-ups that can never be handled", "service", "code")
WAKE_UPS = counter("wake_ups", "due timers handled and committed, by how they ended", "service", "kind", "fate")
STATED = counter("stated", "facts and hand-overs committed, by type", "service", "type")
WAITED_SECONDS = histogram(
    "message_wait_seconds", "from the broker's receipt of a message to its commit here", "service", buckets=WAITED
)

# --- batches ------------------------------------------------------------------------------------------------------

BATCH_MESSAGES = histogram(
    "batch_messages", "messages and wake-ups in a batch", "service", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
BATCH_SECONDS = histogram("batch_seconds", "a batch's transaction, from its begin to its commit", "service")
ROLLBACKS = counter("rollbacks", "transactions that began again: deadlocks and the like", "service")
PUBLISH_SECONDS = histogram("publish_seconds", "from a batch's commit until the broker has all it said", "service")
PUBLISHED_AGAIN = counter("publish_retries", "waves that the broker did not acknowledge whole", "service")

# --- lanes and connections ----------------------------------------------------------------------------------------

TAKEN_OVER = counter("lane_takeovers", "lanes taken over; clean: the owner before had let go of it", "service", "clean")
LOST = counter("lanes_lost", "lanes lost by an error", "service")
RESETS = counter("consumer_resets", "consumers begun again: a message was missing, or the connection new",
                 "service", "reason")  # fmt: skip
RECONNECTS = counter("bus_reconnects", "times the bus came back", "service")
BUS_ERRORS = counter("bus_errors", "errors that the bus reported, refused permissions among them", "service")

# --- questions ----------------------------------------------------------------------------------------------------

QUESTIONS = counter("questions", "read requests answered", "service", "question", "outcome")
QUESTION_SECONDS = histogram("question_seconds", "answering a read request", "service")

# --- looked up when asked for -------------------------------------------------------------------------------------

BUS_CONNECTED = Sampled("bus_connected", "1 while there is a connection to the bus")
DATABASE_UP = Sampled("database_up", "1 if the database answered just now")
LOOKED_AROUND = Sampled("since_last_look_seconds", "since the loop that looks after lanes last came round")
LANES = Sampled("lanes", "lanes that the service has in all")
LANES_OWNED = Sampled("lanes_owned", "lanes that this replica owns")
PENDING = Sampled("consumer_pending", "messages for a lane that are not acknowledged yet", ("service", "lane"))
OLDEST = Sampled("oldest_message_seconds", "age of the oldest message in hand of a lane's owner", ("service", "lane"))
OUTBOX = Sampled("outbox_pending", "messages committed and not yet noted as published")
OUTBOX_AGE = Sampled("outbox_oldest_seconds", "how long this replica has been publishing what it committed")
TIMERS_DUE = Sampled("timers_due", "timers whose time has come, 10,000 at most")
TIMERS_OVERDUE = Sampled("timers_overdue_seconds", "how long the earliest due timer has been due")
OPEN_LETTERS = Sampled("dead_letters_open", "dead letters that nobody has settled")
FORGOTTEN = Sampled("lanes_forgotten", "lanes whose latest facts the bus has lost, until they are stated again")
AHEAD = Sampled("lanes_ahead", "lanes that found facts on the bus which their database does not know")
SAMPLED = (
    BUS_CONNECTED, DATABASE_UP, LOOKED_AROUND, LANES, LANES_OWNED, PENDING, OLDEST, OUTBOX, OUTBOX_AGE, TIMERS_DUE,
    TIMERS_OVERDUE, OPEN_LETTERS, FORGOTTEN, AHEAD,
)  # fmt: skip


def known_type(kind: str, type_: str) -> str:
    """Return a message's type as a label: `unknown` for one that is not in the contracts."""
    return type_ if REGISTRY.find(kind, type_) is not None else UNKNOWN  # type: ignore[arg-type]
