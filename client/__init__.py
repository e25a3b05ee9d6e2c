"""The Python client of Postkontor: publish requests, await outcomes, ask, subscribe to facts.

    from client import Postkontor
    from contracts.mailbox_v1 import CreateMailbox

    async with Postkontor.connect("nats://localhost:4222", account="nordwind", source="my-shop") as office:
        outcome = await office.request(CreateMailbox(...))
        async for event in office.events(durable="shop-sync"):
            ...

It needs contracts/ and nats-py; `hash_password` also needs argon2-cffi. See examples/ for whole programs.

    office       Postkontor, the object that programs use
    requests     requests in flight, from the bus's acknowledgement to the outcome
    outcomes     how a request ended, and asking the workers for it
    questions    read requests, typed
    privacy      what is held on a person or an account
    explaining   why a price, a cap, a feature or a refusal; chains: the messages behind it; reasons: its sentences
    files        invoices as files
    bulkfile     bulk files, read and checked; bulks: sending one, and going on
    events       durable subscriptions
    history      tails, and the search for one event
    upkeep       for who runs the system: what the bus has given up on
    streams      consumers on the stream of events
    connection   the connection to the bus
    messages     from bytes to typed facts
    passwords    password hashes
    tracing      the trace that the calling program is in
    errors       what can go wrong
"""

from client.chains import Chain, Handling, Link
from client.errors import (
    FileWaits,
    NoAnswer,
    NotConnected,
    NotPermitted,
    NotSetUp,
    PostkontorError,
    QuestionFailed,
    Refused,
    SetAside,
    Unanswered,
)
from client.events import Event, Subscription
from client.explaining import Explanation
from client.files import InvoiceAsFile
from client.messages import UnknownFact
from client.office import Postkontor
from client.outcomes import Outcome
from client.passwords import hash_password
from client.reasons import Reason

__all__ = [
    "Chain",
    "Event",
    "Explanation",
    "FileWaits",
    "Handling",
    "InvoiceAsFile",
    "Link",
    "NoAnswer",
    "NotConnected",
    "NotPermitted",
    "NotSetUp",
    "Outcome",
    "Postkontor",
    "PostkontorError",
    "QuestionFailed",
    "Reason",
    "Refused",
    "SetAside",
    "Subscription",
    "Unanswered",
    "UnknownFact",
    "hash_password",
]
