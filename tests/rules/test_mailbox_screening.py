"""What Postfix asks of the policy service, and by what a block list may name a sender."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import sender_pattern
from services.mailbox.screening import Address, address_of, answer, attributes_of, question_of

RCPT = {"protocol_state": "RCPT", "sender": "offers@spam.example", "recipient": "anna@nordwind.example"}


@pytest.mark.parametrize(
    "sender", ["bounces+Anna=x.example@lists.example", "PRVS=12ab=kim@ads.example", "@Ads.Example"]
)
def test_what_a_block_list_names_is_what_is_looked_up(sender):
    asked = question_of({**RCPT, "sender": sender if sender[0] != "@" else f"kim{sender}"})
    assert asked is not None
    assert sender_pattern(sender) in asked.columns[2:]


def test_a_request_is_read_as_its_attributes():
    request = b"request=smtpd_access_policy\nsender=a=b@x.example\nhelo_name=\nno pair\n\n"
    assert attributes_of(request) == {"request": "smtpd_access_policy", "sender": "a=b@x.example", "helo_name": ""}


def test_an_answer_ends_with_an_empty_line():
    assert answer("DUNNO") == b"action=DUNNO\n\n"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anna@nordwind.example", Address("anna@nordwind.example", None)),
        ("Anna@NORDWIND.Example", Address("anna@nordwind.example", None)),
        ("anna+lists@nordwind.example", Address("anna+lists@nordwind.example", "anna@nordwind.example")),
        ("anna+a+b@nordwind.example", Address("anna+a+b@nordwind.example", "anna@nordwind.example")),
        ("anna+@nordwind.example", Address("anna+@nordwind.example", "anna@nordwind.example")),
        ("+lists@nordwind.example", Address("+lists@nordwind.example", None)),
        ("anna@straße.example", Address("anna@xn--strae-oqa.example", None)),
        ('"a@b"@nordwind.example', Address('"a@b"@nordwind.example', None)),
        ("anna@[192.0.2.1]", Address("anna@[192.0.2.1]", None)),
        ("\u212aarl@nordwind.example", Address("\u212aarl@nordwind.example", None)),  # the Kelvin sign is no k
    ],
)
def test_an_address_is_read_as_addresses_are_kept(text, address):
    assert address_of(text) == address


def test_a_block_list_names_a_sender_by_address_without_tag_or_by_domain():
    question = question_of(RCPT | {"sender": "Offers+17@Spam.Example"})
    assert question is not None
    assert question.columns == (
        "anna@nordwind.example",
        None,
        "offers+17@spam.example",
        "offers@spam.example",
        "@spam.example",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"sender": ""},
        {"sender": "postmaster"},
        {"recipient": "postmaster"},
        {"protocol_state": "DATA"},
        {"protocol_state": "END-OF-MESSAGE"},
        {"sender": "a\0b@spam.example"},
    ],
)
def test_a_block_list_has_no_say_where_there_is_no_one_sender_and_one_recipient(changed):
    assert question_of(RCPT | changed) is None
    assert question_of({}) is None


@given(sender=st.binary(max_size=300), recipient=st.binary(max_size=300))
def test_whatever_comes_is_read_and_can_be_looked_up(sender, recipient):
    request = b"protocol_state=RCPT\nsender=" + sender + b"\nrecipient=" + recipient
    question = question_of(attributes_of(request))
    for text in question.columns if question else ():
        assert text is None or "\0" not in text
        (text or "").encode()
