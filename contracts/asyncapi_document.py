"""The AsyncAPI 3 document: subjects, messages, routes and replies, as a program beside Postkontor sees them.

Such a program sends requests and questions and receives facts. Hand-overs are listed for operators, marked
`x-internal`, and have no operation: only workers may publish them.
"""

from typing import Any

from contracts.dryruns import NAME as DRY_RUN_FINISHED
from contracts.envelope import BARE_CONTENT_TYPE, CONTENT_TYPE
from contracts.json_schema import Shape, shapes
from contracts.messages import REGISTRY, SERVICES
from contracts.routes import ROUTES, Route, outcome_version

CONTRACTS_VERSION = "0.1.0"  # of the contracts, apart from the program's: it moves when a message does
PATH = "asyncapi/postkontor.json"
OUTCOMES = "rpl.outcome"
ANSWERS = "ans.inbox"
FAILED = "question-failed"  # the one answer without a schema: all it says stands in the headers
OWNERS = {
    "billing": "Accounts, packages, plans, prices and caps.",
    "domain": "Claims, proof by DNS, domain passwords, activation: the gate of everything under a domain.",
    "mailbox": "Mailboxes, aliases, forwardings, features, blocked senders, groups.",
    "dnscheck": "Looks at TXT and MX records and says what was seen.",
}
DESCRIPTION = """\
Requests go to `cmd.<account>.<worker>.<verb>.v<N>` in the stream CMD. Each ends in exactly one outcome: the fact named
in its `x-route`, or `request-refused` by one of its stations. Facts stand in the stream EVT for 90 days and can be
replayed; a copy of the outcome goes to `rpl.<account>.<request id>` for a requester who waits, as best effort.
Requests and facts are CloudEvents 1.0 JSON documents. The account stands in the subject; the id of a request makes it
idempotent. Publish with a header `Nats-Msg-Id` of the message id and a digest of `data`: with the id alone the bus
would drop other content under a used id unrefused. Keep a request until its outcome is seen.

With the attribute `dryrun` the workers decide a request and change nothing; it ends in `dry-run-finished` by the last
station that was asked: what would happen, what is missing, and a quote. The request sent with the attribute `quoteid`
then guarantees the quoted price or is refused as `quote_stale`. Both attributes belong into the digest.

Questions go to `qry.<account>.<worker>.<what>.v<N>` by core NATS request and reply, to any replica of a NATS micro
service. Questions and answers are bare JSON without an envelope: the payload is the object itself. A question that
cannot be answered is replied to with an empty payload and the headers `Nats-Service-Error-Code` and
`Nats-Service-Error`: look for the code before reading an answer.
"""

Document = dict[str, Any]


def asyncapi_document() -> Document:
    """Return the whole document."""
    everything = list(shapes())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Postkontor",
            "version": CONTRACTS_VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": service, "description": OWNERS[service]} for service in SERVICES],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "nats": {"host": "localhost:4222", "protocol": "nats", "description": "A placeholder: your own cluster."}
        },
        "channels": _channels(everything),
        "operations": _operations(everything),
        "components": {
            "messages": {shape.type: _message(shape) for shape in everything} | {FAILED: _failed()},
            "correlationIds": {
                "request": {
                    "description": "The id of the request that a message follows from.",
                    "location": "$message.payload#/correlationid",
                }
            },
            "parameters": {
                "account": {"description": "The account's id, `[a-z0-9][a-z0-9-]{1,38}`.", "examples": ["nordwind"]},
                "request_id": {"description": "The id of the request, a UUID."},
                "inbox": {"description": "The reply subject that the asking NATS client has chosen."},
            },
        },
    }


def _message(shape: Shape) -> Document:
    message: Document = {
        "name": shape.type,
        "title": shape.model.__name__,
        "summary": shape.description.split("\n", 1)[0],
        "contentType": BARE_CONTENT_TYPE if shape.bare else CONTENT_TYPE,
        "payload": {"$ref": f"../schemas/{shape.folder}/{shape.type}.json"},
        "tags": [{"name": shape.message.service}, {"name": shape.role}],
    }
    if "\n" in shape.description:
        message["description"] = shape.description
    if shape.role in ("fact", "hand-over"):
        message["correlationId"] = {"$ref": "#/components/correlationIds/request"}
    if shape.role == "hand-over":
        message["x-internal"] = True
    return message


def _failed() -> Document:
    return {
        "name": FAILED,
        "title": "QuestionFailed",
        "summary": "Instead of an answer: why there is none. The payload is empty.",
        "headers": {
            "type": "object",
            "required": ["Nats-Service-Error-Code", "Nats-Service-Error"],
            "properties": {
                "Nats-Service-Error-Code": {
                    "type": "string",
                    "enum": ["400", "404", "500"],
                    "description": "400: a wrong question. 404: about what is not there. 500: ask again later.",
                },
                "Nats-Service-Error": {"type": "string", "description": "A sentence for people, in English."},
            },
        },
        "tags": [{"name": "answer"}],
    }


# --- channels ---------------------------------------------------------------------------------------------------


def _channels(everything: list[Shape]) -> Document:
    channels = {_channel_id(shape): _subject(shape) for shape in everything if shape.role != "answer"}
    outcomes = sorted({type_ for route in ROUTES for type_ in _outcomes(route)})
    channels[OUTCOMES] = {
        "address": "rpl.{account}.{request_id}",
        "description": "Copies of outcomes for a requester who waits, and of the word before them that a request is"
        " accepted; best effort, the fact is the truth.",
        "parameters": _parameters("account", "request_id"),
        "messages": {type_: _component(type_) for type_ in outcomes},
    }
    answers = [shape.type for shape in everything if shape.role == "answer"]
    channels[ANSWERS] = {
        "address": "{inbox}",
        "description": "Answers, to the reply subject of the question: bare JSON, or the headers of an error.",
        "parameters": _parameters("inbox"),
        "messages": {name: _component(name) for name in (*answers, FAILED)},
    }
    return channels


def _subject(shape: Shape) -> Document:
    channel: Document = {
        "address": shape.message.subject("{account}"),
        "title": shape.type,
        "parameters": _parameters("account"),
        "messages": {shape.type: _component(shape.type)},
        "tags": [{"name": shape.message.service}],
    }
    if shape.role == "hand-over":
        channel["x-internal"] = True
    return channel


def _channel_id(shape: Shape) -> str:
    return f"{shape.message.kind}.{shape.type}"


def _parameters(*names: str) -> Document:
    return {name: {"$ref": f"#/components/parameters/{name}"} for name in names}


def _component(message_type: str) -> Document:
    return {"$ref": f"#/components/messages/{message_type}"}


# --- operations -------------------------------------------------------------------------------------------------


def _operations(everything: list[Shape]) -> Document:
    routes = {route.message.type: route for route in ROUTES}
    operations: Document = {}
    for shape in everything:
        match shape.role:
            case "request":
                operations[f"send.{shape.type}"] = _request(shape, routes[shape.type])
            case "fact":
                operations[f"receive.{shape.type}"] = _operation("receive", shape)
            case "question":
                operations[f"ask.{shape.type}"] = _question(shape)
            case "hand-over" | "answer":
                pass  # only workers publish the one; the other belongs to its question
    return operations


def _operation(action: str, shape: Shape) -> Document:
    channel = _channel_id(shape)
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "title": shape.model.__name__,
        "summary": shape.description.split("\n", 1)[0],
        "messages": [_in_channel(channel, shape.type)],
        "tags": [{"name": shape.message.service}],
    }


def _request(shape: Shape, route: Route) -> Document:
    return _operation("send", shape) | {
        "description": _way(route),
        "reply": {
            "channel": {"$ref": f"#/channels/{OUTCOMES}"},
            "messages": [_in_channel(OUTCOMES, type_) for type_ in _outcomes(route)],
        },
        "x-route": {
            "stations": list(route.stations),
            "accepted": [_versioned(fact) for fact in route.accepted],
            "outcomes": _ends(route),
            "settled_by": route.settled_by,
            "caller": route.caller,
        },
    }


def _question(shape: Shape) -> Document:
    return _operation("send", shape) | {
        "reply": {
            "channel": {"$ref": f"#/channels/{ANSWERS}"},
            "messages": [_in_channel(ANSWERS, name) for name in (shape.message.answer_type, FAILED)],
        },
    }


def _way(route: Route) -> str:
    way = " -> ".join(route.stations)
    who = "Operators only. " if route.caller == "operator" else ""
    settled = f" {route.settled_by} then books the outcome." if route.settled_by else ""
    ends = ", or ".join(_ends(route))
    first = "".join(f" May say {_versioned(fact)} first, if it lets the request wait." for fact in route.accepted)
    ends += ", or request-refused by a station; a dry run in dry-run-finished"
    return f"{who}Way: {way}. Ends in {ends}.{first}{settled}"


def _outcomes(route: Route) -> list[str]:
    stations = dict.fromkeys(route.stations)  # each once, in order
    others = (f"{station}.{name}" for name in ("request-refused", DRY_RUN_FINISHED) for station in stations)
    return [*map(_versioned, route.accepted), *_ends(route), *map(_versioned, others)]


def _ends(route: Route) -> list[str]:
    """Return the facts that end a request well, in the version that its senders read."""
    return [f"{fact}.v{outcome_version(route.message.type, _versions(fact))}" for fact in route.outcomes]


def _versioned(fact: str) -> str:
    """Return the newest version of a fact's name."""
    return f"{fact}.v{_versions(fact)[-1]}"


def _versions(fact: str) -> list[int]:
    service, name = fact.split(".")
    return REGISTRY.versions("evt", service, name)


def _in_channel(channel: str, message_type: str) -> Document:
    return {"$ref": f"#/channels/{channel}/messages/{message_type}"}
