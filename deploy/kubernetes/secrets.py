"""The Secrets of an installation, as manifests: keys for the bus from a register, and fresh passwords for the database.

postkontor-bus                  <identity>.nk for each identity of the register; a pod mounts one of them
postkontor-database             URLs: <service>, <service>-owner, policy; a container mounts one of them
postkontor-db-<role>            user name and password of each login role, for CloudNativePG
postkontor-bus-authorization    the servers' `authorization` block; a ConfigMap, for it holds public keys only
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from deploy.bus.configuration import authorization
from deploy.bus.register import Register
from deploy.database.roles import SERVICES, owner_of, worker_of

BUS, DATABASE, AUTHORIZATION = "postkontor-bus", "postkontor-database", "postkontor-bus-authorization"
AUTHORIZATION_FILE = "authorization.conf"
POLICY_ROLE = "postkontor_policy"  # a member of mta_reader
CA_FILE = "/run/postkontor/ca/database/ca.crt"  # where the chart mounts it
VERIFIED = f"sslmode=verify-full&sslrootcert={CA_FILE}"

Manifest = dict[str, Any]


@dataclass(frozen=True)
class DatabaseAt:
    """Where the database is; `options` is the query of its URLs."""

    host: str = "postkontor-db-rw"
    port: int = 5432
    name: str = "postkontor"
    options: str = VERIFIED

    def url(self, role: str, password: str) -> str:
        """Return the URL by which a role connects."""
        options = f"?{self.options}" if self.options else ""
        return f"postgresql://{role}:{quote(password, safe='')}@{self.host}:{self.port}/{self.name}{options}"


def login_roles() -> dict[str, str]:
    """Return the roles that log in, by the name of their URL in the Secret."""
    roles = {service: worker_of(service) for service in SERVICES}
    return roles | {f"{service}-owner": owner_of(service) for service in SERVICES} | {"policy": POLICY_ROLE}


def role_secret(role: str) -> str:
    """Return the name of the Secret with a role's password."""
    return f"postkontor-db-{role.removeprefix('postkontor_').replace('_', '-')}"


def bus_manifests(register: Register, *, partitions: int) -> Iterator[Manifest]:
    """Yield what bus and workers need to know each other. Raises OSError where a seed has been moved away."""
    names = [entry.identity.name for entry in register.entries]
    yield _secret(BUS, {f"{name}.nk": register.seed_file(name).read_text().strip() for name in names})
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": AUTHORIZATION},
        "data": {AUTHORIZATION_FILE: authorization(register.entries, partitions=partitions)},
    }


def database_manifests(at: DatabaseAt, password: Callable[[], str]) -> Iterator[Manifest]:
    """Yield passwords for all roles, and the URLs with them. Applied again they change every password."""
    roles = login_roles()
    passwords = {role: password() for role in roles.values()}
    yield _secret(DATABASE, {key: at.url(role, passwords[role]) for key, role in roles.items()})
    for role, chosen in passwords.items():
        made = _secret(role_secret(role), {"username": role, "password": chosen}, type_="kubernetes.io/basic-auth")
        made["metadata"]["labels"] = {"cnpg.io/reload": "true"}  # a change of it changes the role's password
        yield made


def together(manifests: Iterator[Manifest]) -> Manifest:
    """Return one document for `kubectl apply`."""
    return {"apiVersion": "v1", "kind": "List", "items": list(manifests)}


def _secret(name: str, content: dict[str, str], *, type_: str = "Opaque") -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": type_, "stringData": content}
