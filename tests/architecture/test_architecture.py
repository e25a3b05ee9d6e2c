"""The shape of the code: which files there are, who needs what, and that rules stay pure.

Who imports whom inside the repository is in `.importlinter`; these tests check what import names cannot say.
"""

import ast
import re
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

SERVICES = ("billing", "domain", "mailbox", "dnscheck")

# Every service has these rooms; who knows one service knows them all.
ROOMS = {"__init__.py", "__main__.py", "app.py", "handlers.py", "rules.py", "store.py", "migrations"}

# Rooms that one service has besides, with their reason.
OWN_ROOMS = {
    "billing": {
        "announcing.py": "which price lists may come, and what they change for whom, pure",
        "booking.py": "counters, holdings and ledger change together, in the book",
        "capacity.py": "the room of an account, pure: the caps hold here",
        "charging": "from use to invoices, pure",
        "downgrade.py": "what has to go for a smaller package, pure",
        "closing.py": "accounts that are suspended, closed or reopened, pure",
        "explaining.py": "what a line of an invoice rests on",
        "handlers_closing.py": "the bus edge, fourth part",
        "handlers_forwarding.py": "the bus edge, third part",
        "handlers_invoices.py": "the bus edge, second part",
        "handlers_packages.py": "the bus edge, fourth part",
        "handlers_prices.py": "the bus edge, fifth part",
        "ledger.py": "every movement as a value, pure",
        "measures.py": "what is counted for operators",
        "maintenance.py": "holds counters against the ledger, by hand",
        "planning.py": "downgrade plans, looked for outside transactions",
        "pricing.py": "the price lists, pure",
        "queries.py": "the answers to questions",
        "handlers_news.py": "the bus edge, seventh part",
        "handlers_quotes.py": "the bus edge, sixth part",
        "quotes.py": "what a request changes about the price, pure",
        "quoting.py": "quotes in the book",
        "store_quotes.py": "SQL of quotes",
        "reading.py": "what a run reads outside its transactions",
        "reasons.py": "what decided a price or a cap",
        "render.py": "a process beside the worker that writes invoices' files",
        "rendering": "an invoice as XML, PDF and CSV",
        "runs.py": "runs, settlements and numbers, pure",
        "steps.py": "what has to go, as requests, pure",
        "store_closures.py": "SQL of accounts that are being closed",
        "store_check.py": "SQL that holds counters against the ledger",
        "store_files.py": "SQL of invoices' files",
        "store_invoices.py": "SQL of invoices",
        "store_ledger.py": "SQL of the ledger",
        "store_reasons.py": "SQL that finds what decided a price or a cap",
        "store_plan.py": "SQL behind downgrade plans",
        "store_prices.py": "SQL of price lists and announcements",
        "views.py": "aggregates as the contracts show them",
        "catalogue": "the price lists' data, a file per version",
    },
    "domain": {
        "bulk_looks.py": "bulk items without an outcome, pure",
        "bulks.py": "bulk files and their items, pure",
        "entrance.py": "what comes to the gate passes, waits or is refused, in the book",
        "gate.py": "who may pass, pure",
        "handlers_bulks.py": "the bus edge, fourth part",
        "store_bulks.py": "SQL of bulk files",
        "handbook.py": "writes the tables of states down for readers",
        "handlers_features.py": "the bus edge, fourth part",
        "handlers_forwarding.py": "the bus edge, third part",
        "handlers_holds.py": "the bus edge, fourth part",
        "handlers_removal.py": "the bus edge, fourth part",
        "handlers_transfers.py": "the bus edge, second part",
        "holds.py": "requests that wait for their domains, pure",
        "lifecycle.py": "the tables of a claim's, a proof's and a transfer's states, pure",
        "names.py": "which names nobody can claim, pure",
        "outgoing.py": "facts and orders that follow from a claim's new state, pure",
        "passing.py": "what passes the gate and how it goes on, pure",
        "proof.py": "how a proof stands as time passes, pure",
        "removal.py": "domains that go with everything under them, pure",
        "rows.py": "the aggregates, pure",
        "store_closures.py": "SQL of accounts that are being closed",
        "sentences.py": "what accounts read, pure",
        "store_holds.py": "SQL of requests that wait",
        "trying.py": "dry runs at the gate",
        "transfers.py": "names that two accounts have proven, pure",
        "views.py": "a claim as its account sees it, pure",
    },
    "mailbox": {
        "backups.py": "which backups can be restored, and the course of a restore, pure",
        "bookkeeping.py": "a batch's rows in step with its mailboxes",
        "columns.py": "how rows cross to the database",
        "deletion.py": "the end of a mailbox, pure",
        "features.py": "which features are on and whose setting that is, pure",
        "flows.py": "where mail goes on inside an account, and whether in a circle, pure",
        "forwarding.py": "addresses without a mailbox, pure",
        "groups.py": "groupware groups, pure",
        "handlers_backups.py": "the bus edge, sixth part",
        "handlers_care.py": "the bus edge, seventh part",
        "handlers_deletion.py": "the bus edge, fourth part",
        "handlers_features.py": "the bus edge, second part",
        "handlers_forwarding.py": "the bus edge, fifth part",
        "handlers_groups.py": "the bus edge, third part",
        "handlers_removal.py": "the bus edge, sixth part",
        "history.py": "how a target's features came about, pure",
        "passwords.py": "passwords that have to be changed, pure",
        "handlers_privacy.py": "the bus edge, ninth part",
        "policy.py": "a process beside the worker that Postfix asks",
        "privacy.py": "what is forgotten of a person, pure",
        "queries.py": "the answers to questions",
        "reads.py": "SQL that answers questions",
        "removal.py": "a domain that goes with everything under it, pure",
        "rows.py": "the aggregates",
        "screening.py": "what Postfix asks and is told, pure",
        "store_backups.py": "SQL of backups and restores",
        "store_domains.py": "SQL of domains and of what is kept of accounts",
        "store_forwarding.py": "SQL of addresses without a mailbox",
        "store_groups.py": "SQL of groups",
        "store_removals.py": "SQL of domains that go with everything under them",
        "store_history.py": "SQL of the history of features",
        "store_passwords.py": "SQL that looks at what hashes cost",
        "store_privacy.py": "SQL that forgets",
        "terms.py": "what an operator may want otherwise, pure",
        "views.py": "aggregates as the contracts show them",
    },
    "dnscheck": {
        "asking": "how the DNS is asked",
        "attempts.py": "diagnoses as the contract words them, pure",
        "corroboration.py": "who is asked besides before a first yes counts",
        "findings": "what observations mean, pure",
        "handbook.py": "writes every finding down for support staff",
        "measures.py": "what is counted for operators",
        "observation.py": "what was seen, pure",
        "records.py": "the records that mail wants, read and written, pure",
        "settings.py": "what the environment says to it alone",
        "standalone.py": "one look without bus and database",
    },
}

CHASSIS = {
    "__init__.py", "backlog.py", "batch.py", "book.py", "bus.py", "causes.py", "caution.py", "consequences.py",
    "database.py", "dryrun.py", "entries.py", "failures.py", "fates.py", "following.py", "health.py", "item.py",
    "journal.py", "lane.py", "letters.py", "logs.py", "measures.py", "memory.py", "meter.py", "metrics.py",
    "migrations", "migrations.py", "originals.py", "owner.py", "ownership.py", "publisher.py", "pump.py",
    "queries.py", "received.py", "recollection.py", "reconciling.py", "repartition.py", "rewinding.py",
    "runtime.py", "scrape.py", "service.py", "settings.py", "status.py", "timers.py", "timetable.py", "topology.py",
    "tracing.py", "trail.py", "upkeep.py", "version.py", "versions.py", "worker.py",
}  # fmt: skip

# What other programs must install to import these two packages.
CONTRACTS_NEED = {"contracts", "pydantic", "pydantic_core", "idna"}
CLIENT_NEEDS = {"client", "contracts", "nats", "pydantic", "argon2"}

CLOCKS_AND_DICE = {
    "random",
    "secrets",
    "time",
    "os",
    "socket",
    "asyncio",
    "uuid.uuid1",
    "uuid.uuid4",
    "contracts.ids.uuid7",
}
IMPURE_CALLS = re.compile(
    r"(.*\.)?(now|utcnow|today|uuid1|uuid4|uuid7|urandom|open)|(time|random|secrets)\..*|input|print"
)

MIGRATION = re.compile(r"(\d{4})_(pre|post)_[a-z0-9_]+\.sql")


def _entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != "__pycache__"}


@pytest.mark.parametrize("service", SERVICES)
def test_service_has_the_rooms_of_every_service(repository: Path, service: str) -> None:
    missing = (ROOMS | set(OWN_ROOMS[service])) - _entries(repository / "services" / service)
    assert not missing, f"services/{service} lacks {sorted(missing)}: the same rooms in every service"


@pytest.mark.parametrize("service", SERVICES)
def test_service_has_no_unlisted_file(repository: Path, service: str) -> None:
    unlisted = _entries(repository / "services" / service) - ROOMS - set(OWN_ROOMS[service])
    assert not unlisted, (
        f"services/{service} has {sorted(unlisted)}. First look whether it belongs into a room that is there. If not, "
        "add it with its reason to OWN_ROOMS here, to its layer in .importlinter, "
        f"and to services/{service}/__init__.py."
    )


def test_chassis_is_a_closed_list(repository: Path) -> None:
    found = _entries(repository / "services" / "chassis")
    assert found == CHASSIS, (
        f"services/chassis: {sorted(found ^ CHASSIS)} differ from CHASSIS here. What two services share is not yet a "
        "reason: the chassis runs workers and knows no mail, DNS or money. If it does belong, list it here and in "
        "services/chassis/__init__.py."
    )


def test_there_are_four_services_a_chassis_and_a_command_line(repository: Path) -> None:
    assert _entries(repository / "services") == {"__init__.py", "chassis", "cli", *SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_newcomers_page_names_every_room(repository: Path, service: str) -> None:
    page = (repository / "services" / service / "__init__.py").read_text()
    rooms = ({"handlers.py", "rules.py", "store.py"} | set(OWN_ROOMS[service])) - {"__init__.py"}
    unnamed = [room for room in sorted(rooms) if room not in page]
    assert not unnamed, f"services/{service}/__init__.py says nothing of {unnamed}"


@pytest.mark.parametrize(
    "folder",
    [
        "services/billing/charging",
        "services/billing/rendering",
        "services/dnscheck/asking",
        "services/dnscheck/findings",
        "services/dnscheck/findings/advice",
    ],
)
def test_page_of_a_room_with_many_files_names_each(repository: Path, folder: str) -> None:
    page = (repository / folder / "__init__.py").read_text()
    unnamed = sorted(file for file in _entries(repository / folder) - {"__init__.py"} if file not in page)
    assert not unnamed, f"{folder}/__init__.py says nothing of {unnamed}"


def test_chassis_page_names_every_file(repository: Path) -> None:
    page = (repository / "services" / "chassis" / "__init__.py").read_text()
    listed = {
        word for names in re.findall(r"^    ([a-z]+(?:, [a-z]+)*) ", page, re.MULTILINE) for word in names.split(", ")
    }
    unlisted = {name.removesuffix(".py") for name in CHASSIS} - {"__init__"} - listed
    assert not unlisted, f"services/chassis/__init__.py says nothing of {sorted(unlisted)}"


@pytest.mark.parametrize("service", ["chassis", *SERVICES])
def test_migrations_are_numbered_from_one_and_say_when_they_run(repository: Path, service: str) -> None:
    names = sorted(_entries(repository / "services" / service / "migrations"))
    matches = [MIGRATION.fullmatch(name) for name in names]
    assert all(matches), f"{names}: NNNN_pre_name.sql runs before the code, NNNN_post_name.sql after it"
    assert [int(match[1]) for match in matches if match] == list(range(1, len(names) + 1))


def test_no_test_folder_hides_the_standard_mailbox(repository: Path) -> None:
    assert not (repository / "tests" / "mailbox").exists(), "`mailbox` is a module of the standard library"


@pytest.mark.parametrize(("package", "needs"), [("contracts", CONTRACTS_NEED), ("client", CLIENT_NEEDS)])
def test_package_for_others_needs_little(source: Any, package: str, needs: set[str]) -> None:
    allowed = needs | sys.stdlib_module_names
    findings = [
        module.at(node, f"imports {name}; {package} needs only {sorted(needs - {package})}")
        for module in source.modules(f"{package}/")
        for node, name in module.imports()
        if name.partition(".")[0] not in allowed
    ]
    assert not findings, "\n".join(findings)


def _pure_rooms(repository: Path) -> tuple[str, ...]:
    """Return the files of the pure rooms, as `.importlinter` lists them."""
    linter = ConfigParser()
    linter.read(repository / ".importlinter")
    section = "importlinter:contract:pure-rooms"
    rooms = linter[section]["source_modules"].split()
    assert rooms == linter[f"{section}-clock"]["source_modules"].split(), "the two contracts of pure rooms differ"
    return tuple(file for room in rooms for file in _files_of(repository, room.replace(".", "/")))


def _files_of(repository: Path, room: str) -> list[str]:
    """Return a room's file, or the files of a room that is a folder."""
    folder = repository / room
    return (
        sorted(str(file.relative_to(repository)) for file in folder.rglob("*.py"))
        if folder.is_dir()
        else [f"{room}.py"]
    )


def test_rules_of_every_service_are_a_pure_room(repository: Path) -> None:
    rooms = _pure_rooms(repository)
    assert {f"services/{service}/rules.py" for service in SERVICES} <= set(rooms)
    assert [room for room in rooms if not (repository / room).exists()] == []


def test_room_called_pure_is_checked_as_pure(repository: Path) -> None:
    called = {
        file
        for service, rooms in OWN_ROOMS.items()
        for room, reason in rooms.items()
        if reason.endswith("pure") or ", pure:" in reason
        for file in _files_of(repository, f"services/{service}/{room.removesuffix('.py')}")
    }
    assert called <= set(_pure_rooms(repository)), "list it in both contracts of pure rooms in .importlinter"


def test_pure_rooms_wait_for_nothing(source: Any, repository: Path) -> None:
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    findings = [
        module.at(node, "waits; look things up before the transaction and pass them in")
        for module in source.modules(*_pure_rooms(repository))
        for node in module.nodes
        if isinstance(node, waiting)
    ]
    assert not findings, "\n".join(findings)


def test_pure_rooms_have_no_clock_no_dice_and_no_files(source: Any, repository: Path) -> None:
    findings: list[str] = []
    for module in source.modules(*_pure_rooms(repository)):
        for node, name in module.imports():
            if name in CLOCKS_AND_DICE or name.partition(".")[0] in CLOCKS_AND_DICE:
                findings.append(module.at(node, f"imports {name}; time, ids and randomness come from the chassis"))
        for node, name in module.calls():
            if IMPURE_CALLS.fullmatch(name):
                findings.append(module.at(node, f"calls {name}; pass in what it returns"))
    assert not findings, "\n".join(findings)


def test_nobody_uses_the_standard_library_for_domain_names(source: Any) -> None:
    findings = [
        module.at(node, "maps some German names to other owners' domains; use contracts.values or the package idna")
        for module in source.modules()
        for node, name in module.calls()
        if name.endswith((".encode", ".decode"))
        if any(
            isinstance(part, ast.Constant) and part.value == "idna"
            for part in [*node.args, *(k.value for k in node.keywords)]
        )
    ]
    assert not findings, "\n".join(findings)
