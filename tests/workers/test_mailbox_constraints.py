"""Rows of the schema mailbox that cannot be: each constraint refuses its row, under its own name."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.chassis.migrations import migrate

GOOD = {
    "mailbox.mailbox": (
        "INSERT INTO mailbox.mailbox (address, account, domain, first_name, last_name, state, plan, price_cents,"
        " mail_bytes, cloud_bytes, groupware, catalogue, password_hash, aliases, forwardings, keep_copy, own_features,"
        " own_epoch, blocked_senders, created_at, updated_at, deletes_at, resumes_as,"
        " deleted_at, spam_junk_tenths, spam_reject_tenths, spam_to_junk, spam_allowed, revision)",
        {
            "address": "'x@y.example'", "account": "'nordwind'", "domain": "'y.example'", "first_name": "'A'",
            "last_name": "'B'", "state": "'active'", "plan": "'mail'", "price_cents": "100", "mail_bytes": "1",
            "cloud_bytes": "0", "groupware": "false", "catalogue": "'1'", "password_hash": "'{ARGON2ID}$'",
            "aliases": "'{}'", "forwardings": "'{}'", "keep_copy": "true", "own_features": "NULL", "own_epoch": "0",
            "blocked_senders": "'{}'", "created_at": "now()", "updated_at": "now()", "deletes_at": "NULL",
            "resumes_as": "NULL", "deleted_at": "NULL", "spam_junk_tenths": "NULL", "spam_reject_tenths": "NULL",
            "spam_to_junk": "NULL", "spam_allowed": "NULL", "revision": "1",
        },
    ),
    "mailbox.domain": (
        "INSERT INTO mailbox.domain (account, domain, domain_id, state, features, epoch, mailboxes, aliases,"
        " own_settings, counts_from, former_features, former_counts_from, toggled_settings,"
        " password_change_by, passwords_required_at, revision)",
        {
            "account": "'nordwind'", "domain": "'y.example'", "domain_id": "gen_random_uuid()", "state": "'open'",
            "features": "NULL", "epoch": "0", "mailboxes": "0", "aliases": "0", "own_settings": "0",
            "counts_from": "0", "former_features": "NULL", "former_counts_from": "NULL", "toggled_settings": "0",
            "password_change_by": "NULL", "passwords_required_at": "NULL",
            "revision": "1",
        },
    ),
    "mailbox.feature_change": (
        "INSERT INTO mailbox.feature_change (account, target, place, kind, at, request_id, channel, before_on,"
        " before_origin, before_own, before_epoch, after_on, after_origin, after_own, after_epoch, own_settings)",
        {
            "account": "'nordwind'", "target": "'y.example'", "place": "1", "kind": "'set'", "at": "now()",
            "request_id": "gen_random_uuid()", "channel": "'api'", "before_on": "'{}'", "before_origin": "'default'",
            "before_own": "NULL", "before_epoch": "NULL", "after_on": "'{backup}'", "after_origin": "'mailbox'",
            "after_own": "'{backup}'", "after_epoch": "0", "own_settings": "0",
        },
    ),
    "mailbox.backup": (
        "INSERT INTO mailbox.backup (account, snapshot, address, taken_at, bytes, messages, expired_at)",
        {
            "account": "'nordwind'", "snapshot": "'s1'", "address": "'x@y.example'", "taken_at": "now()", "bytes": "1",
            "messages": "1", "expired_at": "NULL",
        },
    ),
    "mailbox.restore": (
        "INSERT INTO mailbox.restore (account, address, restore, snapshot, folder, answer_by, state)",
        {
            "account": "'nordwind'", "address": "'x@y.example'", "restore": "gen_random_uuid()", "snapshot": "'s1'",
            "folder": "NULL", "answer_by": "now()", "state": "'open'",
        },
    ),
    "mailbox.account": (
        "INSERT INTO mailbox.account (account_id, state, package, self_service, revision)",
        {"account_id": "'x'", "state": "'active'", "package": "'gold'", "self_service": "true", "revision": "1"},
    ),
    "mailbox.address": (
        "INSERT INTO mailbox.address (address, mailbox, account, since)",
        {"address": "'x@y.example'", "mailbox": "'x@y.example'", "account": "'nordwind'", "since": "now()"},
    ),
    "mailbox.quarantine": (
        "INSERT INTO mailbox.quarantine (address, mailbox, account, free_at)",
        {"address": "'x@y.example'", "mailbox": "'x@y.example'", "account": "'nordwind'", "free_at": "now()"},
    ),
    "mailbox.forward_only": (
        "INSERT INTO mailbox.forward_only (address, account, domain, targets, created_at, updated_at, deleted_at,"
        " revision)",
        {
            "address": "'x@y.example'", "account": "'nordwind'", "domain": "'y.example'", "targets": "'{a@b.example}'",
            "created_at": "now()", "updated_at": "now()", "deleted_at": "NULL", "revision": "1",
        },
    ),
    "mailbox.catch_all": (
        "INSERT INTO mailbox.catch_all (account, domain, mailbox, revision)",
        {"account": "'nordwind'", "domain": "'y.example'", "mailbox": "'x@y.example'", "revision": "1"},
    ),
    "mailbox.account_catch_alls": (
        "INSERT INTO mailbox.account_catch_alls (account, revision)", {"account": "'x'", "revision": "1"},
    ),
    "mailbox.account_groups": (
        "INSERT INTO mailbox.account_groups (account, revision)", {"account": "'x'", "revision": "1"},
    ),
    "mailbox.mail_group": (
        "INSERT INTO mailbox.mail_group (account, name, members, revision)",
        {"account": "'x'", "name": "'board'", "members": "'{}'", "revision": "1"},
    ),
    "mailbox.removal": (
        "INSERT INTO mailbox.removal (account, domain, domain_id, request_id, phase, deletes_at, mailboxes_total,"
        " aliases_total, scheduled, after_address, portions, keep_request_id)",
        {
            "account": "'nordwind'", "domain": "'y.example'", "domain_id": "gen_random_uuid()",
            "request_id": "gen_random_uuid()", "phase": "'scheduling'", "deletes_at": "now()", "mailboxes_total": "1",
            "aliases_total": "0", "scheduled": "0", "after_address": "''", "portions": "0", "keep_request_id": "NULL",
        },
    ),
    "mailbox.removal_mark": (
        "INSERT INTO mailbox.removal_mark (domain_id, address)",
        {"domain_id": "'00000000-0000-0000-0000-000000000001'", "address": "'x@y.example'"},
    ),
}  # fmt: skip

DELETED = {"state": "'deleted'", "deleted_at": "now()", "password_hash": "NULL"}
TUNED = {"spam_junk_tenths": "60", "spam_to_junk": "true", "spam_allowed": "'{}'"}
BAD: list[tuple[str, dict[str, str], str]] = [
    ("mailbox.mailbox", {"state": "'asleep'"}, "mailbox_state"),
    ("mailbox.mailbox", {"price_cents": "-1"}, "mailbox_price"),
    ("mailbox.mailbox", {"mail_bytes": "-1"}, "mailbox_mail_bytes"),
    ("mailbox.mailbox", {"cloud_bytes": "-1"}, "mailbox_cloud_bytes"),
    ("mailbox.mailbox", {"own_features": "'{magic}'"}, "mailbox_own_features"),
    ("mailbox.mailbox", {"own_epoch": "-1"}, "mailbox_own_epoch"),
    ("mailbox.mailbox", {"revision": "0"}, "mailbox_revision"),
    ("mailbox.mailbox", {"domain": "'z.example'"}, "mailbox_domain_of_address"),
    ("mailbox.mailbox", {"address": "'X@y.example'"}, "mailbox_domain_of_address"),
    ("mailbox.mailbox", {"deleted_at": "now()"}, "mailbox_deleted_at"),
    ("mailbox.mailbox", {"deletes_at": "now()"}, "mailbox_deletes_at"),
    ("mailbox.mailbox", {"state": "'deleting'", "resumes_as": "'active'"}, "mailbox_deletes_at"),
    ("mailbox.mailbox", {"state": "'deleting'", "deletes_at": "now()"}, "mailbox_can_be_had_back"),
    ("mailbox.mailbox", {"resumes_as": "'active'"}, "mailbox_can_be_had_back"),
    ("mailbox.mailbox", {"state": "'deleting'", "deletes_at": "now()", "resumes_as": "'gone'"}, "mailbox_resumes_as"),
    ("mailbox.mailbox", {"password_hash": "NULL"}, "mailbox_password_hash"),
    ("mailbox.mailbox", {**DELETED, "password_hash": "'{ARGON2ID}$'"}, "mailbox_password_hash"),
    ("mailbox.mailbox", {"password_hash": "'secret'"}, "mailbox_password_scheme"),
    ("mailbox.mailbox", {**DELETED, "aliases": "'{a@y.example}'"}, "mailbox_deleted_owns_nothing"),
    ("mailbox.mailbox", {"keep_copy": "false"}, "mailbox_mail_goes_somewhere"),
    ("mailbox.mailbox", {"forwardings": "'{x@y.example}'"}, "forwarding_loop"),
    ("mailbox.mailbox", {"forwardings": "'{a@y.example}'", "aliases": "'{a@y.example}'"}, "forwarding_loop"),
    ("mailbox.mailbox", {"spam_junk_tenths": "60"}, "mailbox_spam_is_whole"),
    ("mailbox.mailbox", {**TUNED, "spam_junk_tenths": "0"}, "mailbox_spam_junk"),
    ("mailbox.mailbox", {**TUNED, "spam_reject_tenths": "60"}, "mailbox_spam_reject"),
    ("mailbox.mailbox", {**TUNED, "spam_allowed": "NULL"}, "mailbox_spam_is_whole"),
    ("mailbox.domain", {"password_change_by": "now()"}, "domain_password_requirement"),
    ("mailbox.domain", {"state": "'ajar'"}, "domain_state"),
    ("mailbox.domain", {"features": "'{magic}'"}, "domain_features"),
    ("mailbox.domain", {"epoch": "-1"}, "domain_epoch"),
    ("mailbox.domain", {"mailboxes": "-1"}, "domain_mailboxes"),
    ("mailbox.domain", {"aliases": "-1"}, "domain_aliases"),
    ("mailbox.domain", {"own_settings": "-1"}, "domain_own_settings"),
    ("mailbox.domain", {"own_settings": "1"}, "domain_own_settings_within_mailboxes"),
    ("mailbox.domain", {"toggled_settings": "-1"}, "domain_toggled_settings"),
    ("mailbox.domain", {"toggled_settings": "1"}, "domain_own_settings_within_mailboxes"),
    ("mailbox.domain", {"counts_from": "-1"}, "domain_counts_from"),
    ("mailbox.domain", {"former_counts_from": "-1"}, "domain_former_counts_from"),
    ("mailbox.domain", {"counts_from": "1"}, "domain_no_later_epoch"),
    ("mailbox.domain", {"former_counts_from": "1"}, "domain_no_later_epoch"),
    ("mailbox.domain", {"former_features": "'{}'"}, "domain_former_set"),
    ("mailbox.domain", {"former_features": "'{magic}'", "former_counts_from": "0"}, "domain_former_features"),
    ("mailbox.domain", {"revision": "0"}, "domain_revision"),
    ("mailbox.feature_change", {"place": "0"}, "feature_change_place"),
    ("mailbox.feature_change", {"kind": "'wish'"}, "feature_change_kind"),
    ("mailbox.feature_change", {"before_on": "'{magic}'"}, "feature_change_of_known_features"),
    ("mailbox.feature_change", {"after_own": "'{magic}'"}, "feature_change_of_known_features"),
    ("mailbox.feature_change", {"before_origin": "'nobody'"}, "feature_change_origins"),
    ("mailbox.feature_change", {"after_epoch": "NULL"}, "feature_change_own_has_its_epoch"),
    ("mailbox.backup", {"snapshot": "''"}, "backup_snapshot"),
    ("mailbox.backup", {"bytes": "-1"}, "backup_bytes"),
    ("mailbox.backup", {"messages": "-1"}, "backup_messages"),
    ("mailbox.backup", {"expired_at": "now() - interval '1 day'"}, "backup_expired_after_it_was_made"),
    ("mailbox.restore", {"state": "'lost'"}, "restore_state"),
    ("mailbox.account", {"state": "'gone'"}, "account_state"),
    ("mailbox.account", {"revision": "0"}, "account_revision"),
    ("mailbox.forward_only", {"domain": "'z.example'"}, "forward_only_domain_of_address"),
    ("mailbox.forward_only", {"targets": "'{}'"}, "forward_only_goes_somewhere"),
    ("mailbox.forward_only", {"deleted_at": "now()"}, "forward_only_goes_somewhere"),
    ("mailbox.forward_only", {"targets": "'{x@y.example}'"}, "forward_only_not_to_itself"),
    ("mailbox.forward_only", {"revision": "0"}, "forward_only_revision"),
    ("mailbox.catch_all", {"revision": "0"}, "catch_all_revision"),
    ("mailbox.account_catch_alls", {"revision": "0"}, "account_catch_alls_revision"),
    ("mailbox.account_groups", {"revision": "0"}, "account_groups_revision"),
    ("mailbox.mail_group", {"name": "''"}, "mail_group_name"),
    ("mailbox.mail_group", {"revision": "0"}, "mail_group_revision"),
    ("mailbox.removal", {"phase": "'dreaming'"}, "removal_phase"),
    ("mailbox.removal", {"mailboxes_total": "-1"}, "removal_mailboxes"),
    ("mailbox.removal", {"aliases_total": "-1"}, "removal_aliases"),
    ("mailbox.removal", {"scheduled": "-1"}, "removal_scheduled"),
    ("mailbox.removal", {"portions": "-1"}, "removal_portions"),
    ("mailbox.removal", {"phase": "'restoring'"}, "removal_kept_by_a_request"),
    ("mailbox.removal", {"keep_request_id": "gen_random_uuid()"}, "removal_kept_by_a_request"),
]
KEYS = {
    "mailbox.mailbox": "mailbox_pk",
    "mailbox.domain": "domain_pk",
    "mailbox.feature_change": "feature_change_pk",
    "mailbox.account": "account_pk",
    "mailbox.backup": "backup_pk",
    "mailbox.restore": "restore_pk",
    "mailbox.address": "address_taken",
    "mailbox.quarantine": "quarantine_pk",
    "mailbox.forward_only": "forward_only_pk",
    "mailbox.catch_all": "catch_all_pk",
    "mailbox.account_catch_alls": "account_catch_alls_pk",
    "mailbox.account_groups": "account_groups_pk",
    "mailbox.mail_group": "group_exists",
    "mailbox.removal": "removal_pk",
    "mailbox.removal_mark": "removal_mark_pk",
}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection in a transaction that is rolled back: every test begins with empty tables."""
    connection = await asyncpg.connect(database_url)
    await migrate(connection, "mailbox")
    begun = connection.transaction()
    await begun.start()
    yield connection
    await begun.rollback()
    await connection.close()


async def insert(connection: Any, table: str, changes: dict[str, str]) -> None:
    statement, columns = GOOD[table]
    await connection.execute(f"{statement} VALUES ({', '.join((columns | changes).values())})")


@pytest.mark.parametrize(("table", "changes", "constraint"), BAD)
async def test_an_impossible_row_is_refused_by_name(
    connection: Any, table: str, changes: dict[str, str], constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await insert(connection, table, changes)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize("table", sorted(GOOD))
async def test_a_row_is_there_once(connection: Any, table: str) -> None:
    await insert(connection, table, {})
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await insert(connection, table, {})
    assert refused.value.constraint_name == KEYS[table]


async def test_an_address_in_another_accounts_quarantine_cannot_be_taken(connection: Any) -> None:
    await insert(connection, "mailbox.quarantine", {"account": "'suedwind'", "free_at": "now() + interval '1 day'"})
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        async with connection.transaction():
            await insert(connection, "mailbox.address", {})
    assert refused.value.constraint_name == "address_quarantined"
    await insert(connection, "mailbox.address", {"account": "'suedwind'"})


async def test_two_accounts_cannot_have_one_domains_catch_all(connection: Any) -> None:
    await insert(connection, "mailbox.catch_all", {})
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await insert(connection, "mailbox.catch_all", {"account": "'suedwind'"})
    assert refused.value.constraint_name == "catch_all_taken"
