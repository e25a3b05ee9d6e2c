"""The wire form: CloudEvents 1.0 JSON, written by hand and read by pydantic."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.dnscheck_v1 import UnwatchDomain
from contracts.domain_v1 import ValidateDomain
from contracts.envelope import Envelope, content_digest, deduplication_id, encode, schema_name
from contracts.mailbox_v1 import RenamePerson
from contracts.messages import REGISTRY
from contracts.samples import SAMPLES
from contracts.trials import Trial

ID = UUID("0195562b-9d20-7c3e-8a41-5b6f0c7d8e9f")
AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
REQUEST = ValidateDomain(domain="nordwind-segel.de")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TYPES = st.sampled_from([message.type for message in REGISTRY.all() if message.kind != "qry"])
ACCOUNTS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,38}", fullmatch=True)
SOURCES = st.text(min_size=1, max_size=200)
TIMES = st.datetimes(timezones=st.just(UTC))


def write(**changes: object) -> bytes:
    """Encode a plain request, some of it changed."""
    wanted = {"message_id": ID, "type": "domain.validate-domain.v1", "source": "test", "time": AT}
    return encode(**wanted | {"account": "nordwind", "data": REQUEST} | changes)


def document(**changes: object) -> bytes:
    """Return the least that a publisher has to send, some of it changed."""
    least = {"specversion": "1.0", "id": str(ID), "type": "domain.validate-domain.v1", "source": "test"}
    return json.dumps(least | {"time": AT.isoformat(), "data": {"domain": "nordwind-segel.de"}} | changes).encode()


@given(
    message_id=st.uuids(),
    type_=TYPES,
    source=SOURCES,
    time=TIMES,
    account=ACCOUNTS,
    correlation_id=st.none() | st.uuids(),
    causation_id=st.none() | st.uuids(),
    revision=st.none() | st.integers(min_value=1, max_value=2**53),
    traceparent=st.none() | st.just(TRACE),
    channel=st.sampled_from(["bus", "api", "console"]),
    first_name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=100),
)
def test_encode_writes_what_a_model_dump_would_write(
    message_id, type_, source, time, account, correlation_id, causation_id, revision, traceparent, channel, first_name
):
    data = RenamePerson(address="anna@nordwind-segel.de", first_name=first_name, last_name="Petersen")
    envelope = Envelope[RenamePerson](
        id=message_id,
        type=type_,
        source=source,
        time=time,
        account=account,
        dataschema=schema_name(type_),
        correlationid=correlation_id,
        causationid=causation_id,
        revision=revision,
        traceparent=traceparent,
        channel=channel,
        data=data,
    )

    wire = encode(
        message_id=message_id,
        type=type_,
        source=source,
        time=time,
        account=account,
        data=data,
        correlation_id=correlation_id,
        causation_id=causation_id,
        revision=revision,
        traceparent=traceparent,
        channel=channel,
    )

    assert Envelope[RenamePerson].model_validate_json(wire) == envelope
    written, dumped = json.loads(wire), json.loads(envelope.model_dump_json(exclude_none=True))
    assert datetime.fromisoformat(written.pop("time")) == datetime.fromisoformat(dumped.pop("time"))
    assert {"channel": "bus", "dryrun": False} | written == dumped


@given(source=SOURCES)
def test_a_source_survives_whatever_it_holds(source):
    assert Envelope[ValidateDomain].model_validate_json(write(source=source)).source == source


def test_what_is_written_has_the_attributes_that_cloudevents_requires():
    written = json.loads(write())

    assert written["specversion"] == "1.0"
    assert all(isinstance(written[name], str) and written[name] for name in ("id", "source", "type", "time"))
    assert datetime.fromisoformat(written["time"]).tzinfo is not None
    assert written["datacontenttype"] == "application/json"
    assert written["dataschema"] == "urn:postkontor:schema:domain.validate-domain.v1"


def test_attribute_names_are_lower_case_letters_and_digits():
    written = json.loads(write(correlation_id=ID, causation_id=ID, revision=1, traceparent=TRACE, channel="api"))

    assert all(name.isascii() and name.isalnum() and name.islower() and len(name) <= 20 for name in written)


def test_attributes_without_a_value_are_left_out():
    assert set(json.loads(write())) == {
        "specversion", "id", "type", "source", "time", "account", "datacontenttype", "dataschema", "data",
    }  # fmt: skip


def test_unknown_attributes_are_ignored():
    wire = document(subject="somebody's", tracestate="vendor=1", sequence="7")

    assert Envelope[ValidateDomain].model_validate_json(wire).data == REQUEST


def test_unknown_fields_of_a_request_are_refused():
    with pytest.raises(ValidationError, match="urgent"):
        Envelope[ValidateDomain].model_validate_json(document(data={"domain": "nordwind-segel.de", "urgent": True}))


def test_unknown_fields_of_a_hand_over_are_ignored():
    wire = document(data={"domain_id": str(ID), "since": "a later release"})

    assert Envelope[UnwatchDomain].model_validate_json(wire).data == UnwatchDomain(domain_id=ID)


@pytest.mark.parametrize("attribute", ["id", "type", "source", "time", "data"])
def test_a_missing_attribute_is_refused(attribute):
    wire = json.loads(document())
    del wire[attribute]

    with pytest.raises(ValidationError, match=attribute):
        Envelope[ValidateDomain].model_validate_json(json.dumps(wire))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("specversion", "0.3"),
        ("id", "42"),
        ("type", "Domain.Validate"),
        ("type", "domain.validate-domain.v0"),
        ("source", ""),
        ("time", "2026-03-02T09:15:00"),
        ("account", "Nordwind GmbH"),
        ("datacontenttype", "text/xml"),
        ("traceparent", "00-abc"),
        ("revision", 0),
        ("channel", "fax"),
    ],
)
def test_a_wrong_attribute_is_refused(attribute, value):
    with pytest.raises(ValidationError, match=attribute):
        Envelope[ValidateDomain].model_validate_json(document(**{attribute: value}))


def test_a_request_is_its_own_request_id():
    assert Envelope[ValidateDomain].model_validate_json(document()).request_id == ID


def test_what_follows_names_the_request():
    first = UUID(int=7)

    assert Envelope[ValidateDomain].model_validate_json(write(correlation_id=first)).request_id == first


def test_a_dry_run_and_a_quote_tell_a_request_from_the_same_one_without():
    data = ValidateDomain(domain="nordwind-segel.de")
    kinds: list[dict[str, Any]] = [{}, {"dryrun": True}, {"quote_id": ID}, {"dryrun": True, "quote_id": ID}]
    digests = {content_digest("nordwind", "domain.validate-domain.v1", data, **kind) for kind in kinds}
    named = {deduplication_id(ID, "nordwind", "domain.validate-domain.v1", data, **kind) for kind in kinds}
    assert len(digests) == len(named) == len(kinds)


def test_a_dry_run_and_a_quote_travel_as_attributes_and_are_not_written_where_there_are_none():
    assert not {"dryrun", "quoteid"} & set(json.loads(write()))
    found = Envelope[ValidateDomain].model_validate_json(write(dryrun=True, quote_id=ID))
    assert (found.dryrun, found.quoteid) == (True, ID)


def test_a_hand_over_without_trial_says_nothing_of_one():
    order = SAMPLES["billing.create-mailbox.v1"]
    assert "trial" not in json.loads(order.model_dump_json())
    tried = order.model_copy(update={"trial": Trial(gate_closed=True)})
    assert type(order).model_validate_json(tried.model_dump_json()) == tried
