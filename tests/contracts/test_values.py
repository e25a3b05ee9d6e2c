"""Values normalise on the way in, so that equal things are equal strings, or are refused with a reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.billing_v1 import ContractTerms
from contracts.mailbox_v1 import SetMailboxPassword
from contracts.values import (
    AccountId,
    Bytes,
    Cents,
    DomainName,
    Features,
    Line,
    MailAddress,
    PasswordHash,
    PersonName,
    SenderPattern,
    address_for_people,
    domain_for_people,
    domain_name,
    domain_of,
    mail_address,
    sender_pattern,
)

LABELS = st.from_regex(r"[a-zäöüß0-9]([a-zäöüß0-9-]{0,20}[a-zäöüß0-9])?", fullmatch=True)
NAMES = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(LABELS, min_size=1, max_size=4), LABELS)
LOCAL_PARTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,30}", fullmatch=True)


def read(type_: Any, value: object) -> Any:
    """Read a value as a message would."""
    return TypeAdapter(type_).validate_python(value)


# --- domain names (R18) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_name", "stored"),
    [
        ("nordwind-segel.de", "nordwind-segel.de"),
        ("Nordwind-SEGEL.De", "nordwind-segel.de"),
        ("straße.de", "xn--strae-oqa.de"),
        ("Straße.de", "xn--strae-oqa.de"),
        ("MÜLLER.de", "xn--mller-kva.de"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("bu\u0308cher.de", "xn--bcher-kva.de"),  # decomposed
        ("XN--BCHER-KVA.de", "xn--bcher-kva.de"),
        ("faß.de", "xn--fa-hia.de"),
        ("ｎｏｒｄｗｉｎｄ.de", "nordwind.de"),  # fullwidth
        ("nordwind。de", "nordwind.de"),  # ideographic full stop
        ("nord\u00adwind.de", "nordwind.de"),  # soft hyphen
        (" nordwind.de\n", "nordwind.de"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("1und1.de", "1und1.de"),
        ("a.b.c.example.org", "a.b.c.example.org"),
    ],
)
def test_a_domain_name_is_stored_as_lower_case_a_labels(given_name, stored):
    assert read(DomainName, given_name) == stored


@pytest.mark.parametrize("dot", [".", "。", "．", "｡"])
def test_one_trailing_dot_of_any_script_is_dropped(dot):
    assert read(DomainName, f"nordwind.de{dot}") == "nordwind.de"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "de",
        ".de",
        "nordwind..de",
        "nordwind.de..",
        "nord_wind.de",
        "nord wind.de",
        "*.nordwind.de",
        "https://nordwind.de",
        "nordwind.de/shop",
        "nordwind.de:443",
        "anna@nordwind.de",
        "-nordwind.de",
        "nordwind-.de",
        "ab--cd.de",
        "☃.de",
        "💩.de",
        "xn--.de",
        "xn--a.de",
        "xn--strasse-.de",
        "192.0.2.1",
        "2001:db8::1",
        "[2001:db8::1]",
        "1.2",
        "a" * 64 + ".de",
        ".".join(["a" * 60] * 5) + ".de",
        "ab\u200dc.de",  # a joiner where no script asks for one
        "אa.de",  # mixed direction
        "nord\x00wind.de",
    ],
)
def test_what_is_no_domain_name_is_refused(name):
    with pytest.raises(ValidationError):
        read(DomainName, name)


@pytest.mark.parametrize("value", [None, 5, b"nordwind.de", ["nordwind.de"]])
def test_a_domain_name_is_text(value):
    with pytest.raises(ValidationError, match="must be text"):
        read(DomainName, value)


def test_an_overlong_name_is_refused_at_once():
    with pytest.raises(ValidationError):
        read(DomainName, "ü" * 250_000)


def test_a_sharp_s_is_not_the_name_of_another_owner():
    assert domain_name("straße.de") != domain_name("strasse.de")


def test_people_see_u_labels():
    assert domain_for_people("xn--strae-oqa.de") == "straße.de"
    assert domain_for_people("nordwind-segel.de") == "nordwind-segel.de"


@given(name=NAMES | st.text(max_size=60))
def test_a_stored_domain_name_is_stored_the_same_again(name):
    try:
        stored = domain_name(name)
    except ValueError:
        return
    assert domain_name(stored) == stored
    assert domain_name(stored.upper()) == stored
    assert domain_name(stored + ".") == stored
    assert stored.isascii()
    assert not stored.endswith(".")


@given(name=NAMES)
def test_what_people_see_leads_back_to_the_stored_name(name):
    try:
        stored = domain_name(name)
    except ValueError:
        return
    assert domain_name(domain_for_people(stored)) == stored


# --- mail addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        ("anna@nordwind-segel.de", "anna@nordwind-segel.de"),
        ("Anna.Petersen@Nordwind-Segel.DE", "anna.petersen@nordwind-segel.de"),
        (" anna+shop@bücher.de ", "anna+shop@xn--bcher-kva.de"),
        ("0-9_a@example.org", "0-9_a@example.org"),
        ("anna@nordwind-segel.de.", "anna@nordwind-segel.de"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_a_mail_address_is_stored_in_lower_case_with_a_labels(given_address, stored):
    assert read(MailAddress, given_address) == stored


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "@example.org",
        "anna@",
        "anna@localhost",
        "anna@@example.org",
        "an na@example.org",
        ".anna@example.org",
        "anna.@example.org",
        "an..na@example.org",
        "-anna@example.org",
        '"anna b"@example.org',
        "änna@example.org",
        "anna@192.0.2.1",
        "anna@[192.0.2.1]",
        "Anna <anna@example.org>",
        "anna@example.org,bernd@example.org",
        "anna\r\nBcc:x@example.org",
        "a" * 65 + "@example.org",
        "a" * 60 + "@" + ".".join(["b" * 60] * 4),
    ],
)
def test_what_is_no_mail_address_is_refused(address):
    with pytest.raises(ValidationError):
        read(MailAddress, address)


@given(local=st.text(alphabet="abzA09=!#$%&'+/?^_`{|}~-.", min_size=1, max_size=70), name=NAMES)
def test_a_stored_sender_is_stored_the_same_again(local, name):
    try:
        stored = sender_pattern(f"{local}@{name}")
    except ValueError:
        return
    assert sender_pattern(stored) == stored == stored.lower()
    assert domain_of(stored) == domain_name(name)


@given(local=LOCAL_PARTS, name=NAMES)
def test_a_stored_mail_address_is_stored_the_same_again(local, name):
    try:
        stored = mail_address(f"{local}@{name}")
    except ValueError:
        return
    assert mail_address(stored) == sender_pattern(f"{local}@{name}") == stored
    assert domain_of(stored) == domain_name(name)


@pytest.mark.parametrize(
    ("given_sender", "stored"),
    [
        ("@Werbung.Example", "@werbung.example"),
        ("Lotto@BÜCHER.de", "lotto@xn--bcher-kva.de"),
        ("@ß.de", "@xn--zca.de"),
        ("bounces+Anna=nordwind.de@lists.example", "bounces+anna=nordwind.de@lists.example"),  # VERP
        (" prvs=1234abcdef=kim@ads.example", "prvs=1234abcdef=kim@ads.example"),  # BATV
        ("SRS0=hh=TT=else.example=kim@fwd.example", "srs0=hh=tt=else.example=kim@fwd.example"),
        ("_news_.!#$%&'/?^`{|}~-@ads.example", "_news_.!#$%&'/?^`{|}~-@ads.example"),
    ],
)
def test_a_blocked_sender_is_an_address_or_a_whole_domain(given_sender, stored):
    assert read(SenderPattern, given_sender) == stored


@pytest.mark.parametrize(
    "sender",
    [
        "werbung.example", "@", "@*.example", "*@example.org", "", "a=@", "=..=@ads.example", ".a=@ads.example",
        "a=.@ads.example", '"a b"@ads.example', "a b@ads.example", "a@b@ads.example", "a,b@ads.example",
        "a=\nb@ads.example", "a=\x00@ads.example", "\u212a=@ads.example", "ü=@ads.example",
        f"{'=' * 65}@ads.example", f"a=@{'.'.join(['b' * 60] * 4)}.{'c' * 9}",
    ],
)  # fmt: skip
def test_what_is_no_sender_is_refused(sender):
    with pytest.raises(ValidationError):
        read(SenderPattern, sender)


# --- password hashes (R25) --------------------------------------------------------------------------------------

BCRYPT = "{BLF-CRYPT}$2y$12$" + "abcdefghijklmnopqrstu./ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"
SHA512 = "{SHA512-CRYPT}$6$rounds=656000$saltsalt$" + "a" * 86
ARGON2ID = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA"


@pytest.mark.parametrize("hash_", [ARGON2ID, BCRYPT, SHA512, "{SHA512-CRYPT}$6$salt$" + "b" * 86])
def test_hashes_of_the_three_schemes_are_taken_as_they_are(hash_):
    assert read(PasswordHash, hash_) == hash_


@pytest.mark.parametrize(
    "hash_",
    [
        BCRYPT.replace("12", "\u0661\u0662"),  # twelve, as no mail server reads it
        ARGON2ID.replace("65536", "\u0666\u0665\u0665\u0663\u0666"),
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGE",  # two bytes: every 65536th password fits
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c2Fs$aGFzaGhhc2hoYXNoaGFzaA",
    ],
)
def test_hashes_that_protect_nothing_or_that_nobody_can_read_are_refused(hash_):
    with pytest.raises(ValidationError):
        read(PasswordHash, hash_)


REFUSED_SECRETS = [
    "geheim-Segel7",
    "{PLAIN}geheim-Segel7",
    "{MD5-CRYPT}$1$saltsalt$geheim-Segel7",
    "{SSHA}geheim-Segel7",
    "{SHA512-CRYPT}geheim-Segel7",
    "{ARGON2ID}$argon2i$v=19$m=65536,t=3,p=4$c2FsdA$geheim-Segel7",
    "{argon2id}$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$geheim-Segel7",
    ARGON2ID.removeprefix("{ARGON2ID}") + "geheim-Segel7",
    BCRYPT + "geheim-Segel7",
    SHA512 + "\ngeheim-Segel7",
    "geheim-Segel7" * 50,
]


@pytest.mark.parametrize("secret", REFUSED_SECRETS)
def test_anything_else_is_refused_and_never_repeated(secret):
    with pytest.raises(ValidationError) as raised:
        SetMailboxPassword.model_validate({"address": "anna@example.org", "password_hash": secret})

    spoken = [str(raised.value), repr(raised.value), str(raised.value.errors(include_input=False))]
    assert not any("geheim" in text for text in spoken)


def test_a_hash_is_not_shown_with_its_request():
    assert "argon2id" not in repr(SetMailboxPassword(address="anna@example.org", password_hash=ARGON2ID))


# --- money, sizes, sets, names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", [Cents, Bytes])
@pytest.mark.parametrize("value", [4.5, 4.0, -1, True, False, "450", None, float("nan")])
def test_money_and_sizes_are_whole_numbers_and_nothing_else(type_, value):
    with pytest.raises(ValidationError):
        read(type_, value)


@pytest.mark.parametrize("text", ["4.0", "4.5", "-1", "true", '"450"', "null", "4e2"])
def test_money_in_json_is_a_whole_number(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Cents).validate_json(text)


def test_money_takes_zero_and_large_sums():
    assert [read(Cents, value) for value in (0, 450, 10**12)] == [0, 450, 10**12]


def test_an_unlimited_cap_has_to_be_written():
    with pytest.raises(ValidationError, match="mailboxes"):
        ContractTerms.model_validate({"price_cents": 1, "alias_forwards": None, "groups": None})


def test_features_are_a_sorted_set():
    assert read(Features, ("spam_and_virus_protection", "backup", "backup")) == ("backup", "spam_and_virus_protection")
    assert read(Features, ()) == ()


def test_an_unknown_feature_is_refused():
    with pytest.raises(ValidationError):
        read(Features, ("greylisting",))


@pytest.mark.parametrize("account", ["nordwind", "n1", "0815-segel", "a" * 39])
def test_an_account_id_is_a_subject_token(account):
    assert read(AccountId, account) == account


@pytest.mark.parametrize("account", ["", "n", "-nord", "Nordwind", "nord.wind", "nord wind", "*", ">", "ä1", "a" * 40])
def test_what_is_no_subject_token_is_no_account_id(account):
    with pytest.raises(ValidationError):
        read(AccountId, account)


def test_names_are_trimmed_and_keep_their_letters():
    assert read(PersonName, "  Jürgen-Đặng O'Neil ") == "Jürgen-Đặng O'Neil"


@pytest.mark.parametrize("value", ["", "   ", "Anna\nPetersen", "Anna\x00", "Anna\x85Petersen", "A" * 201])
@pytest.mark.parametrize("type_", [PersonName, Line])
def test_names_and_lines_hold_no_control_characters(type_, value):
    with pytest.raises(ValidationError):
        read(type_, value)


def test_addresses_are_read_as_u_labels_whatever_stands_before_the_at():
    assert address_for_people("anna@xn--bcher-kva.de") == "anna@bücher.de"
    assert address_for_people("@xn--bcher-kva.de") == "@bücher.de"
    assert address_for_people("xn--bcher-kva.de") == "bücher.de"
    assert address_for_people("anna@nordwind-segel.de") == "anna@nordwind-segel.de"
    assert address_for_people("crew@xn--no name") == "crew@xn--no name"
