"""The identities of one installation: a register of public keys, which may be committed, and the seeds beside it.

<directory>/identities.toml       name, role, account, durables and public key of each
<directory>/seeds/<name>.nk       the seed, readable for its owner alone; move it to where the program runs
"""

import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

import nacl.signing
import nkeys

from contracts.identities import checked, tenant
from contracts.messages import SERVICES
from deploy.bus.permissions import Identity, Role

FILE = "identities.toml"
HEAD = "# Who may use the bus. Written by `postkontor bus`; no secrets: seeds lie elsewhere.\n"


class BadRegister(ValueError):
    """A register that cannot be read, or a change to it that makes no sense."""


@dataclass(frozen=True)
class Entry:
    """An identity and its public key."""

    identity: Identity
    public_key: str


def standard() -> list[Identity]:
    """Return the identities that every installation has."""
    workers = [Identity(service, "worker") for service in SERVICES]
    return [*workers, Identity("operator", "operator"), Identity("admin", "admin")]


class Register:
    """One directory with a register."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file = directory / FILE

    @property
    def entries(self) -> list[Entry]:
        """Return all, in the order in which they were granted. Raises BadRegister."""
        try:
            table = tomllib.loads(self._file.read_text(encoding="utf-8"))
            return [_entry(row) for row in table.get("identity", [])]
        except FileNotFoundError:
            return []
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BadRegister(f"{self._file} cannot be read: {error!r}") from error

    def seed_file(self, name: str) -> Path:
        """Return where an identity's seed lies, or did."""
        return self.directory / "seeds" / f"{checked(name)}.nk"

    def grant(self, identities: Iterable[Identity]) -> list[Entry]:
        """Make a key for every identity that has none; return the new ones. One that is there keeps its key."""
        known = self.entries
        names = {entry.identity.name for entry in known}
        new = [Entry(one, self._make_seed(one.name)) for one in identities if one.name not in names]
        if new:
            self._write([*known, *new])
        return new

    def change(self, identity: Identity) -> None:
        """Replace what is known of an identity; its key stays."""
        self._write([replace(e, identity=identity) if e.identity.name == identity.name else e for e in self.entries])

    def rotate(self, name: str) -> Entry:
        """Give an identity a new key. The old one is worth nothing once the servers have the new configuration."""
        entry = self.of(name)
        fresh = replace(entry, public_key=self._make_seed(name))
        self._write([fresh if known is entry or known == entry else known for known in self.entries])
        return fresh

    def revoke(self, name: str) -> None:
        """Take an identity off the register, and its seed away."""
        self.of(name)
        self._write([entry for entry in self.entries if entry.identity.name != name])
        self.seed_file(name).unlink(missing_ok=True)

    def of(self, name: str) -> Entry:
        """Return one entry. Raises BadRegister when there is none of that name."""
        for entry in self.entries:
            if entry.identity.name == name:
                return entry
        raise BadRegister(f"{self._file} has no identity {name!r}")

    def _make_seed(self, name: str) -> str:
        raw = nacl.signing.SigningKey.generate()
        seed = nkeys.encode_seed(bytes(raw), prefix=nkeys.PREFIX_BYTE_USER)
        pair = nkeys.from_seed(bytearray(seed))
        file = self.seed_file(name)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.unlink(missing_ok=True)  # a leftover could have wider permissions
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(bytes(seed))
        return bytes(pair.public_key).decode()

    def _write(self, entries: list[Entry]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        draft.write_text(HEAD + "".join(_row(entry) for entry in entries), encoding="utf-8")
        draft.replace(self._file)


def identity_for(role: Role, name: str, durables: Iterable[str] = ()) -> Identity:
    """Return an identity to grant; a tenant is named by its account. Raises ValueError for names that cannot be."""
    names = tuple(dict.fromkeys(checked(durable) for durable in durables))
    if role == "tenant":
        return Identity(checked(tenant(name)), role, account=name, durables=names)
    if role == "worker" and name not in SERVICES:
        raise BadRegister(f"there is no worker {name!r}, only {', '.join(SERVICES)}")
    return Identity(checked(name), role, durables=names)


def _entry(row: dict[str, object]) -> Entry:
    role, name, account, key = row["role"], str(row["name"]), row.get("account"), str(row["public_key"])
    if role not in get_args(Role):
        raise BadRegister(f"{name}: there is no role {role!r}")
    if not (key.startswith("U") and key.isalnum()):
        raise BadRegister(f"{name}: {key!r} is no user's public key")
    durables = row.get("durables", [])
    if not isinstance(durables, list):
        raise BadRegister(f"{name}: durables is a list of names")
    names = tuple(checked(str(durable)) for durable in durables)
    return Entry(Identity(checked(name), cast("Role", role), str(account) if account else None, names), key)


def _row(entry: Entry) -> str:
    identity = entry.identity
    lines = [f'name = "{identity.name}"', f'role = "{identity.role}"']
    lines += [f'account = "{identity.account}"'] if identity.account else []
    lines += [f"durables = {json.dumps(identity.durables)}"] if identity.durables else []
    return "\n[[identity]]\n" + "\n".join([*lines, f'public_key = "{entry.public_key}"']) + "\n"
