"""The roles of a database and what each may do. Running the statements again changes nothing.

postkontor_<service>_owner   owns the service's schema; `python -m services.<service> migrate` runs as it
postkontor_<service>         the worker: reads and writes rows of its own schema, makes and drops nothing
mta_reader                   mail servers: the views in `mta`, without a login; login roles are made its members
"""

from collections.abc import Iterator

SERVICES = ("billing", "domain", "mailbox", "dnscheck")
READER = "mta_reader"
MAIL_SCHEMA = "mta"  # of the mailbox service, beside its own
# A worker's statements take milliseconds; what takes longer than this has met a lock that nobody lets go of, or a plan
# gone wrong. The worker tries again.
STATEMENT_TIMEOUT, LOCK_TIMEOUT = "30s", "10s"


def owner_of(service: str) -> str:
    """Return the role that migrates a service's schema."""
    return f"postkontor_{service}_owner"


def worker_of(service: str) -> str:
    """Return the role that a service's worker runs as."""
    return f"postkontor_{service}"


def statements(database: str) -> Iterator[str]:
    """Return SQL for an administrator of the database. It sets no passwords."""
    yield _role(READER, "NOLOGIN")
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {database} TO {READER}"
    for service in SERVICES:
        owner, worker = owner_of(service), worker_of(service)
        yield _role(owner, "LOGIN")
        yield _role(worker, "LOGIN")
        # TEMPORARY: moving rows into their week's partition, inside a function of the owner's.
        yield f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {owner}"
        yield f"GRANT CONNECT ON DATABASE {database} TO {worker}"
        yield f"ALTER ROLE {worker} SET statement_timeout = '{STATEMENT_TIMEOUT}'"
        yield f"ALTER ROLE {worker} SET lock_timeout = '{LOCK_TIMEOUT}'"
        for schema in (service, MAIL_SCHEMA) if service == "mailbox" else (service,):
            yield _schema(schema, owner)
        yield f"GRANT USAGE ON SCHEMA {service} TO {worker}"
        for what, may in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", "USAGE"),
            ("FUNCTIONS", "EXECUTE"),
        ):
            yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service} GRANT {may} ON {what} TO {worker}"
            yield f"GRANT {may} ON ALL {what} IN SCHEMA {service} TO {worker}"
        yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"


def _role(name: str, login: str) -> str:
    return (
        f"DO $$ BEGIN CREATE ROLE {name} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;"
        " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )


def _schema(name: str, owner: str) -> str:
    # Who makes a schema for another must be able to become that other; the membership is given back.
    return (
        f"DO $$ BEGIN IF to_regnamespace('{name}') IS NULL THEN"
        f" EXECUTE format('GRANT {owner} TO %I', current_user);"
        f" CREATE SCHEMA {name} AUTHORIZATION {owner};"
        f" EXECUTE format('REVOKE {owner} FROM %I', current_user);"
        " END IF; END $$"
    )
