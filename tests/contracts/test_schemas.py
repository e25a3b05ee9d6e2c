"""What is published matches the models: JSON Schemas, the AsyncAPI document, golden messages."""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError

from contracts import asyncapi_document, generate
from contracts.envelope import BARE_CONTENT_TYPE, CONTENT_TYPE, Envelope, encode, schema_name
from contracts.json_schema import shapes
from contracts.releases import golden_digests, released_digests, rewritten
from contracts.routes import ROUTES
from contracts.samples import SAMPLES

CONTRACTS = Path(generate.__file__).parent
SHAPES = {shape.type: shape for shape in shapes()}
BARE = [type_ for type_, shape in SHAPES.items() if shape.role in ("question", "answer")]
ENVELOPED = [type_ for type_ in SHAPES if type_ not in BARE]
SENT_TO_US = [type_ for type_, shape in SHAPES.items() if shape.role in ("request", "question")]
EXPECTED = generate.expected()
GOLDEN = sorted((CONTRACTS / "golden").glob("*.json"))
ASYNCAPI = CONTRACTS / asyncapi_document.PATH
DOCUMENT = json.loads(ASYNCAPI.read_text(encoding="utf-8"))
CREATE = "domain.create-mailbox.v1"


def golden(type_: str) -> dict:
    """Return a golden message."""
    return json.loads((CONTRACTS / "golden" / f"{type_}.json").read_text(encoding="utf-8"))


@cache
def published(type_: str) -> dict:
    """Return the schema of a type as it is committed."""
    shape = SHAPES[type_]
    return json.loads((CONTRACTS / "schemas" / shape.folder / f"{type_}.json").read_text(encoding="utf-8"))


@cache
def validator(type_: str) -> Draft202012Validator:
    """Return what checks a message against its published schema, formats included."""
    return Draft202012Validator(published(type_), format_checker=Draft202012Validator.FORMAT_CHECKER)


def with_data(type_: str, data: object) -> dict:
    """Return the golden message with other data: in its envelope, or bare."""
    return data if type_ in BARE else golden(type_) | {"data": data}


def data_of(type_: str) -> dict:
    """Return the data of the golden message."""
    return golden(type_) if type_ in BARE else golden(type_)["data"]


def check(type_: str, message: dict) -> None:
    """Check a message against its published schema."""
    validator(type_).validate(message)


# --- drift ------------------------------------------------------------------------------------------------------


def test_the_committed_files_match_the_models():
    assert not generate.drift(EXPECTED), f"regenerate with: {generate.COMMAND}"


def test_generating_twice_gives_the_same():
    assert generate.expected() == EXPECTED


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Let the generator work on a copy of the published files."""
    for folder in ("schemas", "asyncapi", "golden"):
        shutil.copytree(CONTRACTS / folder, tmp_path / folder)
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(generate, "expected", lambda: EXPECTED)
    return tmp_path


def test_check_names_the_files_that_drifted_and_the_way_back(copy, capsys):
    (copy / "schemas/cmd" / f"{CREATE}.json").write_text("{}")
    (copy / asyncapi_document.PATH).unlink()
    (copy / "schemas/evt/mailbox.forgotten.v1.json").write_text("{}")

    assert generate.main(["--check"]) == 1

    said = capsys.readouterr().err
    assert f"schemas/cmd/{CREATE}.json: out of date" in said
    assert "asyncapi/postkontor.json: missing" in said
    assert "schemas/evt/mailbox.forgotten.v1.json: no such message any more" in said
    assert "python -m contracts.generate" in said


def test_generate_mends_what_drifted(copy):
    (copy / "schemas/cmd" / f"{CREATE}.json").write_text("{}")
    (copy / "schemas/evt/mailbox.forgotten.v1.json").write_text("{}")

    assert generate.main([]) == 0

    assert not generate.drift(EXPECTED)
    assert not (copy / "schemas/evt/mailbox.forgotten.v1.json").exists()


def test_generate_never_rewrites_a_released_golden_message(copy):
    (copy / "golden" / f"{CREATE}.json").write_text("as other programs know it")

    generate.main([])

    assert (copy / "golden" / f"{CREATE}.json").read_text() == "as other programs know it"


def test_an_unknown_argument_is_an_error(capsys):
    assert generate.main(["--chek"]) == 2


# --- schemas ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", SHAPES)
def test_a_schema_is_valid_and_names_itself(type_):
    schema = published(type_)

    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schema_name(type_)
    assert schema["description"]
    assert schema["title"] == SHAPES[type_].model.__name__


@pytest.mark.parametrize("type_", ENVELOPED)
def test_a_schema_in_an_envelope_has_its_attributes_and_names_the_type(type_):
    schema = published(type_)

    of_orders = set() if SHAPES[type_].role != "fact" else {"dryrun", "quoteid"}
    assert set(schema["properties"]) == set(Envelope.model_fields) - of_orders
    assert schema["properties"]["type"]["const"] == type_


@pytest.mark.parametrize("type_", BARE)
def test_the_schema_of_a_question_or_an_answer_is_its_model_and_no_more(type_):
    schema = published(type_)

    assert schema["type"] == "object"
    assert set(schema["properties"]) == set(SHAPES[type_].model.model_fields)


def test_wherever_a_schema_is_used_its_pattern_compiles():
    """`\\p{..}` is no pattern in Python, nor in JavaScript without a flag."""
    assert not [path for path, text in EXPECTED.items() if "\\\\p{" in text]


@pytest.mark.parametrize("type_", SHAPES)
def test_a_golden_message_fits_its_schema(type_):
    check(type_, golden(type_))


@pytest.mark.parametrize("type_", ENVELOPED)
def test_a_message_without_a_required_attribute_does_not_fit(type_):
    message = golden(type_)

    for attribute in ("specversion", "id", "source", "type", "time", "data"):
        rest = {name: value for name, value in message.items() if name != attribute}
        assert not validator(type_).is_valid(rest), attribute


@pytest.mark.parametrize("type_", SHAPES)
def test_a_message_without_a_required_field_fits_neither_schema_nor_model(type_):
    data = data_of(type_)

    for field, about in SHAPES[type_].model.model_fields.items():
        without = with_data(type_, {name: value for name, value in data.items() if name != field})
        assert validator(type_).is_valid(without) is not about.is_required(), field
        assert fits_the_model(type_, without) is not about.is_required(), field


def fits_the_model(type_: str, message: dict) -> bool:
    """Say whether the model reads a message."""
    try:
        SHAPES[type_].adapter.validate_python(message)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("type_", "change"),
    [
        (CREATE, {"plan": "Mail XL"}),
        (CREATE, {"plan": 5}),
        (CREATE, {"first_name": ""}),
        (CREATE, {"first_name": "Anna\x00"}),
        (CREATE, {"password_hash": "geheim"}),
        (CREATE, {"nickname": "Anni"}),
        ("domain.set-domain-features.v1", {"features": ["greylisting"]}),
        ("domain.set-domain-features.v1", {"domains": []}),
        ("billing.open-account.v1", {"language": "fr"}),
        ("billing.assign-package.v1", {"terms": {"price_cents": 4.5}}),
        ("mailbox.domain-occupied.v1", {"mailboxes": "eleven"}),
        ("billing.capacity-released.v1", {"reason": "because"}),
        ("billing.quote.v1", {"quantity": 0}),
        ("domain.domains.v1", {"limit": 1001}),
        ("mailbox.request.v1", {"request_id": "42"}),
        ("mailbox.request-answer.v1", {"steps": [{"handled_at": "yesterday"}]}),
    ],
)
def test_a_bad_message_fits_neither_schema_nor_model(type_, change):
    message = with_data(type_, data_of(type_) | change)

    assert not validator(type_).is_valid(message)
    assert not fits_the_model(type_, message)


@pytest.mark.parametrize("type_", SENT_TO_US)
def test_words_are_no_numbers_and_no_booleans_to_schema_or_model(type_):
    for data in with_a_word(data_of(type_)):
        message = with_data(type_, data)
        assert not validator(type_).is_valid(message), data
        assert not fits_the_model(type_, message), data


def with_a_word(node: object) -> Iterator[object]:
    """Yield copies in which one number or boolean, at any depth, became what a careless sender writes for it."""
    if isinstance(node, bool):
        yield from ("yes", "true", 1)
    elif isinstance(node, int):
        yield from (str(node), True)
    elif isinstance(node, dict):
        yield from (node | {name: other} for name, value in node.items() for other in with_a_word(value))
    elif isinstance(node, list):
        yield from (
            [*node[:at], other, *node[at + 1 :]] for at, value in enumerate(node) for other in with_a_word(value)
        )


def test_keys_of_a_table_are_checked_by_the_schema_too():
    message = golden("billing.open-account.v1")
    message["data"]["terms"]["plan_caps"] = {"Not a plan": 1}

    with pytest.raises(SchemaError):
        check("billing.open-account.v1", message)


def test_a_message_of_another_type_does_not_fit():
    with pytest.raises(SchemaError):
        check(CREATE, golden(CREATE) | {"type": "mailbox.create-mailbox.v1"})


# --- golden messages --------------------------------------------------------------------------------------------


def test_everything_on_the_bus_has_a_golden_message():
    assert set(SAMPLES) == set(SHAPES)
    assert {path.name for path in GOLDEN} >= {f"{type_}.json" for type_ in SHAPES}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_message_is_read_and_written_again_without_loss(path):
    text = path.read_text(encoding="utf-8")
    message = SHAPES[path.stem].adapter.validate_json(text)

    again = written(message) if isinstance(message, Envelope) else message.model_dump_json()

    assert keeps(json.loads(text), json.loads(again))


def written(message: Envelope) -> bytes:
    """Write what was read."""
    return encode(
        message_id=message.id,
        type=message.type,
        source=message.source,
        time=message.time,
        account=message.account,
        data=message.data,
        correlation_id=message.correlationid,
        causation_id=message.causationid,
        revision=message.revision,
        traceparent=message.traceparent,
        channel=message.channel,
    )


def keeps(before: object, after: object) -> bool:
    """Say whether all that was there is there still; a later release may add fields."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(name in after and keeps(value, after[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(keeps, before, after))
    return before == after


def test_released_golden_messages_are_what_they_were():
    assert not rewritten(), "other programs have these messages stored: add a new sample beside them instead"


def test_every_released_golden_message_is_known_by_its_digest():
    assert released_digests().items() <= golden_digests().items()
    assert released_digests()


# --- AsyncAPI ---------------------------------------------------------------------------------------------------


def references(node: object) -> Iterator[str]:
    """Yield every $ref of a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(reference: str) -> object:
    """Follow a reference inside the AsyncAPI document, or into a schema file."""
    file, _, pointer = reference.partition("#")
    if file:
        return json.loads((ASYNCAPI.parent / file).read_text(encoding="utf-8"))
    node: object = DOCUMENT
    for token in pointer.strip("/").split("/"):
        assert isinstance(node, dict)
        node = node[token]
    return node


def test_the_document_has_what_asyncapi_3_requires():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"] == asyncapi_document.CONTRACTS_VERSION
    assert all(server["host"] and server["protocol"] for server in DOCUMENT["servers"].values())
    assert DOCUMENT["defaultContentType"] == CONTENT_TYPE
    allowed = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert set(DOCUMENT) <= allowed


def test_every_reference_resolves():
    for reference in references(DOCUMENT):
        assert resolve(reference), reference


@pytest.mark.parametrize("channel", DOCUMENT["channels"].values(), ids=DOCUMENT["channels"].keys())
def test_a_channel_has_an_address_its_parameters_and_a_message(channel):
    words = {word[1:-1] for word in channel["address"].split(".") if word.startswith("{")}

    assert words == set(channel["parameters"])
    assert channel["messages"]


@pytest.mark.parametrize("operation", DOCUMENT["operations"].values(), ids=DOCUMENT["operations"].keys())
def test_an_operation_speaks_of_messages_of_its_own_channel(operation):
    assert operation["action"] in ("send", "receive")
    for side in (operation, operation.get("reply")):
        if side is not None:
            prefix = side["channel"]["$ref"] + "/messages/"
            assert side["messages"]
            assert all(message["$ref"].startswith(prefix) for message in side["messages"])


def test_every_tag_is_an_owner_or_a_role():
    owners = {tag["name"] for tag in DOCUMENT["info"]["tags"]}

    for name, message in DOCUMENT["components"]["messages"].items():
        if name == asyncapi_document.FAILED:
            continue  # any worker's
        owner, role = (tag["name"] for tag in message["tags"])
        assert owner in owners
        assert role in ("request", "hand-over", "fact", "question", "answer")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.message.type)
def test_a_request_tells_its_route_and_its_outcomes(route):
    operation = DOCUMENT["operations"][f"send.{route.message.type}"]
    ends = [f"{fact}.v{route.outcome_version}" for fact in route.outcomes]

    assert operation["x-route"] == {
        "stations": list(route.stations),
        "accepted": [f"{fact}.v1" for fact in route.accepted],
        "outcomes": ends,
        "settled_by": route.settled_by,
        "caller": route.caller,
    }
    heard = {message["$ref"].rpartition("/")[2] for message in operation["reply"]["messages"]}
    assert heard == {f"{fact}.v1" for fact in route.accepted} | set(ends) | {
        f"{station}.{name}.v1" for station in route.stations for name in ("request-refused", "dry-run-finished")
    }
    assert resolve(operation["reply"]["channel"]["$ref"])["address"] == "rpl.{account}.{request_id}"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_each_message_has_the_operation_of_its_role(shape):
    operations = {
        name.partition(".")[0]: operation["action"]
        for name, operation in DOCUMENT["operations"].items()
        if name.partition(".")[2] == shape.type
    }
    expected = {"request": {"send": "send"}, "fact": {"receive": "receive"}, "question": {"ask": "send"}}

    assert operations == expected.get(shape.role, {})


def test_hand_overs_are_internal_and_nothing_else_is():
    hand_overs = {type_ for type_, shape in SHAPES.items() if shape.role == "hand-over"}
    messages = {name for name, message in DOCUMENT["components"]["messages"].items() if message.get("x-internal")}
    channels = {name for name, channel in DOCUMENT["channels"].items() if channel.get("x-internal")}

    assert messages == hand_overs
    assert channels == {f"cmd.{type_}" for type_ in hand_overs}


@pytest.mark.parametrize("type_", SHAPES)
def test_a_content_type_tells_whether_there_is_an_envelope(type_):
    expected = BARE_CONTENT_TYPE if type_ in BARE else CONTENT_TYPE

    assert DOCUMENT["components"]["messages"][type_]["contentType"] == expected


@pytest.mark.parametrize("type_", [type_ for type_, shape in SHAPES.items() if shape.role == "question"])
def test_a_question_is_replied_to_with_its_answer_or_with_the_headers_of_an_error(type_):
    operation = DOCUMENT["operations"][f"ask.{type_}"]

    ends = [resolve(resolve(message["$ref"])["$ref"]) for message in operation["reply"]["messages"]]

    assert [end["name"] for end in ends] == [SHAPES[type_].message.answer_type, asyncapi_document.FAILED]
    assert DOCUMENT["channels"][f"qry.{type_}"]["address"] == f"qry.{{account}}.{type_}"
    assert ends[1]["headers"]["required"] == ["Nats-Service-Error-Code", "Nats-Service-Error"]
    assert "payload" not in ends[1]


def test_a_request_travels_on_its_subject():
    assert DOCUMENT["channels"][f"cmd.{CREATE}"]["address"] == "cmd.{account}.domain.create-mailbox.v1"
