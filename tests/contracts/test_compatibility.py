"""What counts as growth and what as breakage, rule by rule, shown on the real schemas with one thing changed."""

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from contracts import compatibility, releases
from contracts.compatibility import Change, compare_messages, compare_releases
from contracts.json_schema import schema_of, shapes

Edit = Callable[[dict[str, Any]], None]
SCHEMAS = {shape.type: schema_of(shape) for shape in shapes()}
REQUEST = "domain.create-mailbox.v1"
FEATURES = "domain.set-domain-features.v1"
FACT = "mailbox.mailbox-created.v1"
RELEASED = "billing.capacity-released.v1"
HAND_OVER = "billing.create-mailbox.v1"
NULLABLE = [{"type": "string"}, {"type": "null"}]
QUESTION, ANSWER = "billing.quote.v1", "billing.quote-answer.v1"


def changed(type_: str, part: str, edit: Edit) -> list[Change]:
    """Return what is found when one part of a message's schema is edited."""
    new = deepcopy(SCHEMAS[type_])
    parts = new.get("$defs", {})
    edit(parts.get(part, new))  # a question or an answer is no part: it has no envelope around it
    return compare_messages(SCHEMAS[type_], new)


def found(changes: list[Change]) -> list[tuple[str, str, str]]:
    """Return severity, rule and field of each change."""
    return [(change.severity, change.rule, change.field) for change in changes]


def field(name: str, **keywords: object) -> Edit:
    """Set keywords of a field; None removes one."""

    def edit(part: dict[str, Any]) -> None:
        schema = part["properties"].setdefault(name, {})
        schema.update(keywords)
        for keyword in [keyword for keyword, value in keywords.items() if value is None]:
            del schema[keyword]

    return edit


def removed(name: str) -> Edit:
    """Remove a field."""

    def edit(part: dict[str, Any]) -> None:
        del part["properties"][name]
        part["required"] = [other for other in part["required"] if other != name]

    return edit


def required(name: str) -> Edit:
    """Make a field required, adding it if need be."""

    def edit(part: dict[str, Any]) -> None:
        part["properties"].setdefault(name, {"type": "string"})
        part["required"] = [*part["required"], name]

    return edit


def optional(name: str) -> Edit:
    """Let a field be left out."""
    return lambda part: part["required"].remove(name)


def enum_of_items(*values: str) -> Edit:
    """Set the values that a feature may have."""
    return lambda part: part["properties"]["features"]["items"].update(enum=list(values))


# --- nothing, and growth ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", SCHEMAS)
def test_the_same_is_compatible(type_):
    assert compare_messages(SCHEMAS[type_], deepcopy(SCHEMAS[type_])) == []


def test_a_new_message_is_growth():
    assert compare_releases({}, {"cmd/domain.create-mailbox.v1.json": SCHEMAS[REQUEST]}) == []


def test_words_for_people_may_change():
    assert changed(REQUEST, "CreateMailbox", lambda part: part.update(description="else", examples=[])) == []


@pytest.mark.parametrize(
    ("type_", "part", "edit"),
    [
        (REQUEST, "CreateMailbox", field("nickname", type="string", default="")),
        (REQUEST, "CreateMailbox", optional("last_name")),
        (REQUEST, "CreateMailbox", field("first_name", maxLength=200)),
        (REQUEST, "CreateMailbox", field("first_name", minLength=0)),
        (REQUEST, "CreateMailbox", field("plan", pattern=None)),
        (REQUEST, "CreateMailbox", field("plan", type=None, anyOf=NULLABLE)),
        (REQUEST, "CreateMailbox", lambda part: part.pop("additionalProperties")),
        (FEATURES, "SetDomainFeatures", enum_of_items("backup", "blacklist", "spam_and_virus_protection", "archive")),
        (FEATURES, "SetDomainFeatures", field("domains", maxItems=5000)),
        (FACT, "MailboxView", field("nickname", type="string", default="")),
        (FACT, "MailboxView", required("deleted_at")),
        (QUESTION, "AskQuote", field("quantity", maximum=None)),
        (ANSWER, "QuoteAnswer", field("note", type="string", default="")),
        (HAND_OVER, "AdmittedMailbox", field("note", type="string", default="")),
    ],
)
def test_growth_is_allowed(type_, part, edit):
    assert changed(type_, part, edit) == []


# --- requests may only become more lenient ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "rule", "where"),
    [
        (removed("first_name"), "field-removed", "data.first_name"),
        (required("nickname"), "required", "data.nickname"),
        (field("first_name", maxLength=50), "narrowed", "data.first_name"),
        (field("first_name", minLength=2), "narrowed", "data.first_name"),
        (field("plan", maxLength=10), "narrowed", "data.plan"),
        (field("plan", pattern="^[a-z]+$"), "narrowed", "data.plan"),
        (field("plan", enum=["mail", "mailxl"]), "value-removed", "data.plan"),
        (field("address", format="idn-email"), "narrowed", "data.address"),
        (field("plan", type="integer"), "type-changed", "data.plan"),
    ],
)
def test_a_request_may_not_become_stricter(edit, rule, where):
    assert found(changed(REQUEST, "CreateMailbox", edit)) == [("breakage", rule, where)]


@pytest.mark.parametrize(
    ("edit", "rule", "where"),
    [
        (required("keep_mailbox_settings"), "required", "data.keep_mailbox_settings"),
        (field("keep_mailbox_settings", default=True), "default-changed", "data.keep_mailbox_settings"),
        (enum_of_items("backup", "blacklist"), "value-removed", "data.features[]"),
        (field("domains", maxItems=10), "narrowed", "data.domains"),
        (field("domains", minItems=2), "narrowed", "data.domains"),
    ],
)
def test_lists_values_and_defaults_of_a_request_may_not_shrink(edit, rule, where):
    assert found(changed(FEATURES, "SetDomainFeatures", edit)) == [("breakage", rule, where)]


def test_null_may_not_be_taken_from_a_request():
    edit = field("mailboxes", anyOf=None, type="integer", minimum=0)

    assert ("breakage", "type-changed", "data.terms.mailboxes") in found(
        changed("billing.open-account.v1", "ContractTerms", edit)
    )


def test_the_values_of_a_table_are_compared_too():
    edit = field("plan_caps", patternProperties={"^[a-z][a-z0-9-]{1,30}$": {"type": "integer", "minimum": 1}})

    assert found(changed("billing.open-account.v1", "ContractTerms", edit)) == [
        ("breakage", "narrowed", "data.terms.plan_caps.*")
    ]


def test_a_question_is_read_by_us_like_a_request():
    assert found(changed(QUESTION, "AskQuote", field("quantity", maximum=10))) == [("breakage", "narrowed", "quantity")]


def test_an_open_part_may_not_be_closed():
    assert found(changed(QUESTION, "AskQuote", lambda part: part.update(additionalProperties=False))) == [
        ("breakage", "closed", "*")
    ]


def test_the_envelope_is_part_of_the_message():
    new = deepcopy(SCHEMAS[REQUEST])
    new["properties"]["channel"]["enum"] = ["bus", "api"]
    new["required"] = [*new["required"], "traceparent"]

    assert found(compare_messages(SCHEMAS[REQUEST], new)) == [
        ("breakage", "required", "traceparent"),
        ("breakage", "value-removed", "channel"),
    ]


# --- facts may only promise more --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "rule", "where"),
    [
        (removed("price_cents"), "field-removed", "data.mailbox.price_cents"),
        (optional("price_cents"), "no-longer-required", "data.mailbox.price_cents"),
        (required("nickname"), "required", "data.mailbox.nickname"),
        (field("price_cents", type="string", minimum=None), "type-changed", "data.mailbox.price_cents"),
        (field("price_cents", minimum=1), "narrowed", "data.mailbox.price_cents"),
        (field("state", enum=["active", "suspended"]), "value-removed", "data.mailbox.state"),
        (field("domain", type=None, anyOf=NULLABLE), "type-changed", "data.mailbox.domain"),
        (field("aliases", items={"type": "integer"}), "type-changed", "data.mailbox.aliases[]"),
    ],
)
def test_a_fact_may_not_promise_less_nor_forget_what_it_said(edit, rule, where):
    assert found(changed(FACT, "MailboxView", edit)) == [("breakage", rule, where)]


def test_a_new_value_in_a_fact_is_a_warning():
    edit = field("reason", enum=["refused", "expired", "deleted", "moved"])

    changes = changed(RELEASED, "CapacityReleased", edit)

    assert found(changes) == [("warning", "value-added", "data.reason")]
    assert "'moved'" in str(changes[0])


def test_a_wider_field_in_a_fact_is_a_warning():
    assert found(changed(FACT, "MailboxView", field("plan", pattern=None))) == [
        ("warning", "widened", "data.mailbox.plan")
    ]


def test_an_answer_is_read_by_others_like_a_fact():
    assert found(changed(ANSWER, "QuoteAnswer", removed("room"))) == [("breakage", "field-removed", "room")]


# --- hand-overs travel between two releases ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "rule", "where"),
    [
        (removed("domain_id"), "field-removed", "data.domain_id"),
        (required("note"), "required", "data.note"),
        (optional("domain_id"), "no-longer-required", "data.domain_id"),
    ],
)
def test_a_hand_over_keeps_both_rules(edit, rule, where):
    assert found(changed(HAND_OVER, "AdmittedMailbox", edit)) == [("breakage", rule, where)]


def test_growth_of_a_request_inside_a_hand_over_asks_for_an_order_of_upgrade():
    changes = changed(HAND_OVER, "CreateMailbox", field("nickname", type="string", default=""))

    assert found(changes) == [("warning", "strict-part-grew", "data.request.nickname")]
    assert "from the last to the first" in changes[0].sentence


# --- whole messages ---------------------------------------------------------------------------------------------


def test_a_message_may_not_vanish():
    changes = compare_releases({"cmd/domain.create-mailbox.v1.json": SCHEMAS[REQUEST]}, {})

    assert found(changes) == [("breakage", "message-removed", "*")]
    assert str(changes[0]).startswith("breakage: domain.create-mailbox.v1: *: this request was removed")


def test_a_request_may_not_become_internal():
    new = SCHEMAS[REQUEST] | {"x-message": "hand-over"}

    assert found(compare_messages(SCHEMAS[REQUEST], new)) == [("breakage", "role-changed", "*")]


def test_a_shape_that_holds_itself_is_compared_once():
    part = {"type": "object", "properties": {"inner": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]}}}
    schema = {"$id": "urn:x:a.b.v1", "x-message": "fact", "$ref": "#/$defs/Part", "$defs": {"Part": part}}
    grown = deepcopy(schema)
    del grown["$defs"]["Part"]["properties"]["inner"]

    assert compare_messages(schema, deepcopy(schema)) == []
    assert found(compare_messages(schema, grown)) == [("breakage", "field-removed", "inner")]


# --- the command ------------------------------------------------------------------------------------------------


def test_the_present_state_is_compatible_with_the_last_release():
    assert compatibility.main([]) == 0


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Let the command work on a copy of what is published and released."""
    for folder in ("schemas", "golden", "released"):
        shutil.copytree(releases.HERE / folder, tmp_path / folder)
    for module in (compatibility, releases):
        monkeypatch.setattr(module, "HERE", tmp_path)
        monkeypatch.setattr(module, "RELEASED", tmp_path / "released")
    return tmp_path


def shorten_names(folder) -> None:
    """Break the contract: a first name of ten letters at most."""
    path = folder / "schemas/cmd" / f"{REQUEST}.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["$defs"]["CreateMailbox"]["properties"]["first_name"]["maxLength"] = 10
    path.write_text(json.dumps(schema))


def test_breakage_fails_the_command_with_a_sentence(copy, capsys):
    shorten_names(copy)

    assert compatibility.main([]) == 1

    said = capsys.readouterr().err
    assert f"{REQUEST}: data.first_name: maxLength was 100 and is 10; what was valid may be refused" in said


def test_a_rewritten_golden_message_fails_the_command(copy, capsys):
    (copy / "golden" / f"{FACT}.json").write_text("{}")

    assert compatibility.main([]) == 1
    assert f"{FACT}.json" in capsys.readouterr().err


def test_what_breaks_is_not_released(copy):
    before = (copy / "released/release.json").read_text()
    shorten_names(copy)

    assert compatibility.main(["--release"]) == 1
    assert (copy / "released/release.json").read_text() == before


def test_a_release_copies_what_is_published(copy):
    shutil.rmtree(copy / "released")

    assert compatibility.main(["--release"]) == 0

    assert releases.schemas_below(copy / "released/schemas") == releases.schemas_below(copy / "schemas")
    assert releases.released_digests() == releases.golden_digests()
    assert compatibility.main([]) == 0


def test_an_unknown_argument_is_an_error(capsys):
    assert compatibility.main(["--relase"]) == 2
