"""The price lists: exactly the tables of the business, by day, and never a silent mistake (R2, R6, R7, R8)."""

from datetime import UTC, date, datetime

import pytest

from contracts.refusals import Refusal
from services.billing import pricing
from services.billing.pricing import BadPriceList, PriceLists

MINIMAL = """
valid_from = 2026-01-01

[[plan]]
code = "mail"
name = "Mail"
price_cents = 100
mail_storage = "1 GB"
cloud_storage = "0 GB"
groupware = false

[[package]]
code = "tiny"
name = { de = "Winzig", en = "Tiny" }
price_cents = 5
mailboxes = 1
alias_forwards = 1
groups = "unlimited"
support = []
"""
PLAN = MINIMAL[MINIMAL.index("[[plan]]") : MINIMAL.index("[[package]]")]


def test_the_plans_are_those_of_the_list() -> None:
    """R6, byte for byte."""
    prices = pricing.load().on(date(2026, 11, 23))
    lines = [(p.name, p.price_cents, p.mail_bytes, p.cloud_bytes, p.groupware) for p in prices.plans.values()]
    assert lines == [
        ("Mail", 100, 1_000_000_000, 0, False),
        ("MailXL", 250, 5_000_000_000, 100_000_000, True),
        ("MailXXL", 350, 25_000_000_000, 100_000_000, True),
        ("MailXXXL", 500, 100_000_000_000, 100_000_000, True),
        ("Office", 450, 25_000_000_000, 25_000_000_000, True),
        ("OfficeXL", 1000, 50_000_000_000, 100_000_000_000, True),
        ("OfficeXXL", 2500, 50_000_000_000, 500_000_000_000, True),
        ("OfficeXXXL", 5000, 100_000_000_000, 2_000_000_000_000, True),
    ]
    assert list(prices.plans) == [p.name.lower() for p in prices.plans.values()]


def test_the_packages_are_those_of_the_list() -> None:
    """R2."""
    packages = pricing.load().on(date(2026, 11, 23)).packages.values()
    lines = [
        (p.package, p.name.de, p.name.en, p.price_cents, p.mailboxes, p.alias_forwards, p.groups) for p in packages
    ]
    assert lines == [
        ("silver", "Silber", "Silver", 2500, 50, 25, 1),
        ("gold", "Gold", "Gold", 7500, 250, 75, None),
        ("platinum", "Platin", "Platinum", 25000, None, 1000, None),
        ("reseller", "Reseller", "Reseller", None, None, None, None),
    ]
    assert [p.by_contract for p in packages] == [False, False, False, True]


def test_the_support_lines_grow_with_the_package() -> None:
    packages = pricing.load().on(date(2026, 11, 23)).packages
    ticket, phone, hotline = "9/5 e-mail ticket", "9/5 phone", "24/7 emergency hotline to the admin team"
    assert [line.en for line in packages["silver"].support] == [ticket]
    assert [line.en for line in packages["gold"].support] == [ticket, phone]
    assert [line.en for line in packages["platinum"].support] == [ticket, phone, hotline]
    assert packages["platinum"].support[2].de == "24/7 Notfall-Hotline zum Admin-Team"


def test_equal_storage_never_means_equal_plans() -> None:
    plans = pricing.load().on(date(2026, 11, 23)).plans
    assert plans["mailxxl"].mail_bytes == plans["office"].mail_bytes
    assert plans["officexl"].mail_bytes == plans["officexxl"].mail_bytes
    assert plans["office"].price_cents < plans["mailxxxl"].price_cents


def test_an_individual_price_overrides_the_list_price() -> None:
    prices = pricing.load().on(date(2026, 11, 23))
    terms = prices.terms("office", {"office": 399})
    assert not isinstance(terms, Refusal)
    assert (terms.price_cents, terms.mail_bytes, terms.catalogue) == (399, 25_000_000_000, "2026-01-01")
    assert prices.terms("mail", {"office": 399}) == prices.terms("mail", {})


def test_an_individual_price_of_nothing_is_a_price() -> None:
    terms = pricing.load().on(date(2026, 11, 23)).terms("mail", {"mail": 0})
    assert not isinstance(terms, Refusal)
    assert terms.price_cents == 0


def test_an_unknown_plan_is_refused_with_those_there_are() -> None:
    refused = pricing.load().on(date(2026, 11, 23)).terms("mailxs", {})
    assert isinstance(refused, Refusal)
    assert refused.code == "plan_unknown"
    assert "officexxxl" in refused.text.de


def test_the_latest_list_that_has_begun_is_in_force() -> None:
    lists = _lists(("a", "2026-01-01"), ("b", "2026-07-01"))
    assert [lists.on(date(2026, 6, 30)).version, lists.on(date(2026, 7, 1)).version] == ["a", "b"]


def test_of_two_lists_for_one_day_the_later_file_counts() -> None:
    lists = _lists(("2026-01-01", "2026-01-01"), ("2026-01-01.2", "2026-01-01"))
    assert lists.on(date(2026, 1, 1)).version == "2026-01-01.2"


def test_before_the_first_list_the_first_one_answers() -> None:
    assert _lists(("a", "2026-01-01")).on(date(2020, 1, 1)).version == "a"


def test_a_list_begins_at_midnight_in_germany() -> None:
    lists = _lists(("a", "2026-01-01"), ("b", "2026-07-01"))
    assert lists.at(datetime(2026, 6, 30, 21, 59, tzinfo=UTC)).version == "a"
    assert lists.at(datetime(2026, 6, 30, 22, 0, tzinfo=UTC)).version == "b"


def test_files_are_read_in_the_order_of_their_names(tmp_path) -> None:
    for name in ("2026-01-01.2", "2026-01-01"):
        (tmp_path / f"{name}.toml").write_text(MINIMAL)
    assert pricing.load(tmp_path).on(date(2026, 1, 1)).version == "2026-01-01.2"


def test_a_directory_without_a_list_stops_the_worker(tmp_path) -> None:
    with pytest.raises(BadPriceList, match="no price list"):
        pricing.load(tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('mail_storage = "1 GB"', 'mail_storage = "1 GiB"'),
        ('mail_storage = "1 GB"', "mail_storage = 1000000000"),
        ("price_cents = 100", "price_cents = 1.00"),
        ("price_cents = 100", "price_cents = -1"),
        ("price_cents = 5\n", ""),
        ("mailboxes = 1\n", ""),
        ("mailboxes = 1", 'mailboxes = "many"'),
        ('groups = "unlimited"', 'groups = "unlimited"\nrebate = 3'),
        ("groupware = false", 'groupware = "maybe"'),
        ("valid_from = 2026-01-01", 'valid_from = "soon"'),
        ("valid_from = 2026-01-01", "valid_from = 2026-01-01T00:00:00Z"),
        ("valid_from = 2026-01-01", "valid_from = 2026-01-01\nvalid_until = 2026-02-01"),
        ('name = { de = "Winzig", en = "Tiny" }', 'name = { de = "Winzig" }'),
        ("[[package]]", PLAN + "[[package]]"),
        (PLAN, ""),
    ],
)
def test_a_mistake_in_a_list_stops_the_worker(right: str, wrong: str) -> None:
    assert right in MINIMAL
    with pytest.raises(BadPriceList, match="price list x"):
        pricing.read("x", MINIMAL.replace(right, wrong, 1))


def _lists(*versions: tuple[str, str]) -> PriceLists:
    read = [pricing.read(name, MINIMAL.replace("2026-01-01", begins)) for name, begins in versions]
    return PriceLists(tuple(read))
