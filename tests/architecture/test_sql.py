"""SQL has its rooms, and every service keeps to its own schema."""

import re
from pathlib import Path
from typing import Any

import pytest

SERVICES = ("billing", "domain", "mailbox", "dnscheck")
SQL_ROOMS = (
    "services/chassis/",
    *(f"services/{service}/store.py" for service in SERVICES),
    *(
        f"services/billing/store_{part}.py"
        for part in ("check", "closures", "files", "invoices", "ledger", "plan", "prices", "quotes", "reasons")
    ),
    "services/domain/store_bulks.py",
    "services/domain/store_closures.py",
    "services/domain/store_holds.py",
    "services/mailbox/reads.py",
    *(f"services/mailbox/store_{part}.py" for part in ("backups", "domains", "forwarding", "groups")),
    *(f"services/mailbox/store_{part}.py" for part in ("history", "passwords", "privacy", "removals")),
)

# Schemas that a service owns besides the one of its name: what it shows to programs that are no workers.
SHOWN = {"mailbox": {"mta"}}

SQL = re.compile(r"\b(SELECT|INSERT\s+INTO|DELETE\s+FROM|TRUNCATE|(CREATE|ALTER|DROP)\s+[A-Z]+)\b|\bUPDATE\s+[a-z{]")

# Not SQL that is run as such: comments, strings, and FROM that names no table.
ASIDE = re.compile(
    r"--[^\n]*|'(?:[^']|'')*'|\b(?:extract|substring|trim)\s*\([^()]*\)|\bDISTINCT\s+FROM\b", re.IGNORECASE
)
COMMON_TABLE = re.compile(
    r"(?:\bWITH(?:\s+RECURSIVE)?|,)\s+(\w+)\s+(?:\([^()]*\)\s+)?AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\("
)
TABLE = re.compile(
    r"\b(?:INTO|UPDATE|REFERENCES|(?:TABLE|VIEW)(?:\s+IF\s+(?:NOT\s+)?EXISTS)?|INDEX[\w\s]+?\sON|TRIGGER[^;]+?\sON)"
    r"\s+([a-z_{][\w.{}]*)"
    r"|\b(?:FROM|JOIN|USING)\s+([a-z_{][\w.{}]*)(?!\s*\(|[\w.])"
)
SCHEMA = re.compile(r"(?<![\w.])(billing|domain|mailbox|dnscheck|mta|public)\.(?=\w)")
STAR = re.compile(r"\bSELECT\s+(?:\w+\.)?\*")


def _schemas(service: str) -> set[str]:
    return {service, *SHOWN.get(service, ())}


def _statements(source: Any, repository: Path, service: str) -> list[tuple[str, str]]:
    """Return where a service's SQL stands, and the SQL without comments and strings."""
    found = [
        (module.at(node, "").strip(), ASIDE.sub(" ", text))
        for module in source.modules(f"services/{service}/")
        for node, text in module.literals()
        if SQL.search(text)
    ]
    migrations = sorted((repository / "services" / service / "migrations").glob("*.sql"))
    found += [(f"{path.relative_to(repository)}:", ASIDE.sub(" ", path.read_text())) for path in migrations]
    assert found, f"no SQL found in services/{service}"
    return found


def test_sql_stands_in_stores_the_chassis_and_migrations_only(source: Any) -> None:
    findings = [
        module.at(node, "SQL outside a store; give the statement a name and a purpose in store.py")
        for module in source.modules("services/")
        if not module.path.startswith(SQL_ROOMS)
        for node, text in module.literals()
        if SQL.search(text)
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_named_with_its_services_schema(source: Any, repository: Path, service: str) -> None:
    findings: list[str] = []
    statements = _statements(source, repository, service)
    # Common tables may stand in a piece of SQL that several statements of a file begin with.
    named: dict[str, set[str]] = {}
    for place, sql in statements:
        named.setdefault(place.partition(":")[0], set()).update(COMMON_TABLE.findall(f"WITH {sql.strip()}"))
        named[place.partition(":")[0]].update(COMMON_TABLE.findall(sql))
    for place, sql in statements:
        common = named[place.partition(":")[0]]
        for match in TABLE.finditer(sql):
            table = match[1] or match[2]
            if table not in common and table.partition(".")[0] not in _schemas(service):
                findings.append(f"{place} `{match[0]}`: write {service}.{table}")
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("service", SERVICES)
def test_no_statement_reaches_into_another_services_schema(source: Any, repository: Path, service: str) -> None:
    findings = [
        f"{place} names the schema {schema}; keep the columns you need from its owner's events"
        for place, sql in _statements(source, repository, service)
        for schema in sorted(set(SCHEMA.findall(sql)) - _schemas(service))
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("service", SERVICES)
def test_statements_spell_their_columns_out(source: Any, repository: Path, service: str) -> None:
    findings = [place for place, sql in _statements(source, repository, service) if STAR.search(sql)]
    assert not findings, "a new column must not change what a statement returns:\n" + "\n".join(findings)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT a FROM billing.account WHERE b = ANY($1::text[]) FOR NO KEY UPDATE", ["billing.account"]),
        ("DELETE FROM holding AS h USING unnest($1::text[]) AS k (holder)", ["holding"]),
        (
            "INSERT INTO account (a) SELECT r.a FROM unnest($1::text[]) AS r (a) ON CONFLICT (a) DO UPDATE SET a = 1",
            ["account"],
        ),
        (
            "UPDATE mailbox.domain AS d SET a = c.a FROM (SELECT 1) AS c JOIN account ON true",
            ["mailbox.domain", "account"],
        ),
        ("CREATE UNIQUE INDEX one_holder ON claim (domain)", ["claim"]),
        ("SELECT extract(epoch FROM moment), a IS DISTINCT FROM b FROM {}", ["{}"]),
    ],
)
def test_table_names_are_found(sql: str, tables: list[str]) -> None:
    assert [match[1] or match[2] for match in TABLE.finditer(ASIDE.sub(" ", sql))] == tables
