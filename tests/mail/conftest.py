"""A mail server on the running system: Debian's Postfix and Dovecot, configured by examples/mailserver, on loopback.

Every daemon is a child of the test in the foreground, with files of its own in one temporary folder; it ends with the
test, and a mail server that the machine may have is not touched.
"""

import asyncio
import contextlib
import grp
import imaplib
import importlib.util
import os
import pwd
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from client import Postkontor
from client.passwords import hash_password
from deploy.devstack.ports import LOOPBACK, free_port
from deploy.devstack.processes import ChildProcess
from deploy.devstack.stack import Stack

POSTFIX, POSTFIX_MASTER, DOVECOT = "/usr/sbin/postfix", "/usr/lib/postfix/sbin/master", "/usr/sbin/dovecot"
OPENSSL = "/usr/bin/openssl"
DRIVERS = ("/usr/lib/postfix/postfix-pgsql.so", "/usr/lib/dovecot/modules/libdriver_pgsql.so")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
READERS = {"mta_postfix": "postfix-secret", "mta_dovecot": "dovecot-secret", "mta_policy": "policy-secret"}
MAIL_UID = 5000  # of nobody: the mails in the temporary folder belong to a number
START_SECONDS = 20.0
SMTP_SECONDS = 20.0


def why_not() -> str | None:
    """Return why a mail server cannot be run here, or None."""
    if os.geteuid() != 0:
        return "Postfix and Dovecot start as root only"
    missing = [path for path in (POSTFIX, POSTFIX_MASTER, DOVECOT, OPENSSL, *DRIVERS) if not Path(path).exists()]
    if missing:
        return (
            f"{', '.join(missing)} not installed; on Debian 12: apt-get install --no-install-recommends "
            "postfix postfix-pgsql dovecot-imapd dovecot-lmtpd dovecot-pgsql"
        )
    return None


@pytest.fixture(scope="session")
def rendering(repository: Path) -> ModuleType:
    """The example's own program."""
    spec = importlib.util.spec_from_file_location("render", repository / "examples" / "mailserver" / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def policy_process(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a policy service that is not started yet."""

    def make(port: int, dsn: str, **settings: str) -> ChildProcess:
        env = {
            "POSTKONTOR_POLICY_LISTEN": f"{LOOPBACK}:{port}",
            "POSTKONTOR_POLICY_DATABASE_URL": dsn,
            "PYTHONPATH": str(repository),
            **settings,
        }
        log = tmp_path_factory.mktemp("policy") / "policy.log"
        return ChildProcess("policy", [sys.executable, "-m", "services.mailbox", "policy"], env, log)

    return make


def listens(port: int) -> bool:
    """Say whether the port answers."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session", name="listens")
def listens_fixture() -> Any:
    """The probe, for tests."""
    return listens


# --- the mail server --------------------------------------------------------------------------------------------


@dataclass
class World:
    """An SMTP server that stands for all others: what the mail server sends out comes here."""

    port: int
    envelopes: list[tuple[str, str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take every mail (RFC 5321, as little as Postfix needs)."""
        with contextlib.suppress(ConnectionError):  # Postfix does not wait for the last goodbye
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = ""
        writer.write(b"220 world ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.upper()
            if verb.startswith("MAIL FROM:"):
                sender = line.partition("<")[2].partition(">")[0]
            elif verb.startswith("RCPT TO:"):
                self.envelopes.append((sender, line.partition("<")[2].partition(">")[0]))
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")


@dataclass
class MailServer:
    """Where the daemons listen, and what mail programs do with them. Calls that wait run in threads."""

    folder: Path
    smtp_port: int
    submissions_port: int
    imaps_port: int
    world: World
    tls: ssl.SSLContext

    async def rcpt(self, sender: str, *recipients: str) -> list[str]:
        """Offer a mail and leave before it is sent; return what was said to each recipient."""
        return await asyncio.to_thread(self._rcpt, sender, recipients)

    def _rcpt(self, sender: str, recipients: tuple[str, ...]) -> list[str]:
        with smtplib.SMTP(LOOPBACK, self.smtp_port, "mx.friend.example", timeout=SMTP_SECONDS) as smtp:
            smtp.ehlo()
            assert smtp.mail(sender)[0] == 250
            return [_said(smtp.rcpt(recipient)) for recipient in recipients]

    async def deliver(self, sender: str, recipient: str, subject: str) -> None:
        """Bring a mail in from outside."""
        await asyncio.to_thread(self._deliver, sender, recipient, subject)

    def _deliver(self, sender: str, recipient: str, subject: str) -> None:
        with smtplib.SMTP(LOOPBACK, self.smtp_port, "mx.friend.example", timeout=SMTP_SECONDS) as smtp:
            assert smtp.sendmail(sender, recipient, _mail(sender, recipient, subject)) == {}

    async def submit(self, login: tuple[str, str], sender: str, recipient: str, subject: str) -> str:
        """Send a mail as a mail program does; return what was said, "250" when it was taken."""
        return await asyncio.to_thread(self._submit, login, sender, recipient, subject)

    def _submit(self, login: tuple[str, str], sender: str, recipient: str, subject: str) -> str:
        with smtplib.SMTP_SSL(
            LOOPBACK, self.submissions_port, "laptop.example", timeout=SMTP_SECONDS, context=self.tls
        ) as smtp:
            try:
                smtp.login(*login)
                smtp.sendmail(sender, recipient, _mail(sender, recipient, subject))
            except smtplib.SMTPAuthenticationError as error:
                return _said((error.smtp_code, error.smtp_error))
            except smtplib.SMTPRecipientsRefused as error:
                return _said(error.recipients[recipient])
            return "250"

    async def can_log_in(self, address: str, password: str) -> bool:
        """Say whether IMAP lets somebody in."""
        return await asyncio.to_thread(self._can_log_in, address, password)

    def _can_log_in(self, address: str, password: str) -> bool:
        try:
            with self._imap(address, password):
                return True
        except imaplib.IMAP4.error as error:
            if "AUTHENTICATIONFAILED" not in str(error):
                raise
            return False

    async def login_answer(self, address: str, password: str) -> str:
        """Return what IMAP says to somebody who tries to log in; nothing if he is in."""
        return await asyncio.to_thread(self._login_answer, address, password)

    def _login_answer(self, address: str, password: str) -> str:
        try:
            with self._imap(address, password):
                return ""
        except imaplib.IMAP4.error as error:
            return str(error)

    async def subjects(self, address: str, password: str) -> list[str]:
        """Return the subjects of the mails in somebody's inbox."""
        return await asyncio.to_thread(self._subjects, address, password)

    def _subjects(self, address: str, password: str) -> list[str]:
        with self._imap(address, password) as imap:
            _, (count, *_) = imap.select(readonly=True)
            if count == b"0":
                return []
            _, found = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            return [part[1].decode().strip().removeprefix("Subject: ") for part in found if isinstance(part, tuple)]

    async def quota_kib(self, address: str, password: str) -> int:
        """Return the room that IMAP reports, in KiB (RFC 9208)."""
        return await asyncio.to_thread(self._quota_kib, address, password)

    def _quota_kib(self, address: str, password: str) -> int:
        with self._imap(address, password) as imap:
            imap.select(readonly=True)
            _, (_, quotas) = imap.getquotaroot("INBOX")
            return int(quotas[0].decode().rpartition("(STORAGE ")[2].rstrip(")").split()[1])

    @contextlib.contextmanager
    def _imap(self, address: str, password: str) -> Iterator[imaplib.IMAP4_SSL]:
        imap = imaplib.IMAP4_SSL(LOOPBACK, self.imaps_port, ssl_context=self.tls, timeout=SMTP_SECONDS)
        try:
            imap.login(address, password)
            yield imap
        finally:
            imap.logout()

    def fill(self, address: str, size: int) -> None:
        """Put one mail of this size into a mailbox, without its bytes: Dovecot believes the name of the file."""
        local, _, domain = address.partition("@")
        file = self.folder / "vmail" / domain / local / "cur" / f"1.full.example,S={size},W={size}:2,S"
        with file.open("wb") as stream:
            stream.truncate(size)
        os.chown(file, MAIL_UID, MAIL_UID)


def _said(reply: tuple[int, bytes]) -> str:
    return f"{reply[0]} {reply[1].decode()}"


def _mail(sender: str, recipient: str, subject: str) -> str:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, subject
    mail.set_content("Moin.")
    return mail.as_string()


# --- running it -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mail_folder() -> Iterator[Path]:
    """A folder that the daemons' users can pass, with paths short enough for sockets."""
    if reason := why_not():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="pk-mail-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest_asyncio.fixture(scope="session")
async def stack(mail_folder: Path) -> AsyncIterator[Stack]:
    """The whole of Postkontor."""
    async with Stack(mail_folder / "stack", sync_always=False) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def office(stack: Stack) -> AsyncIterator[Postkontor]:
    """A client that may speak for every account."""
    async with Postkontor.from_environment(stack.environment(), account="*", source="mail-test") as connected:
        yield connected


@pytest_asyncio.fixture(scope="session")
async def readers(stack: Stack) -> dict[str, str]:
    """Login roles that may read the views, as docs/mailserver.md says to make them; their connection URLs."""
    connection = await asyncpg.connect(stack.postgres.dsn())
    for name, password in READERS.items():
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE mta_reader")
    await connection.close()
    where = f"{LOOPBACK}:{stack.postgres.port}/postkontor"
    return {name: f"postgresql://{name}:{password}@{where}" for name, password in READERS.items()}


@pytest_asyncio.fixture(scope="session")
async def mail_server(
    mail_folder: Path, stack: Stack, readers: dict[str, str], rendering: ModuleType, policy_process: Any
) -> AsyncIterator[MailServer]:
    """The running mail server."""
    ports = {name: free_port() for name in ("smtp", "submissions", "imaps", "policy", "world")}
    values = _values(mail_folder, stack.postgres.port, ports, rendering)
    rendering.render(values, mail_folder / "conf")
    _prepare(mail_folder, values)
    world = World(ports["world"])
    outside = await asyncio.start_server(world.serve, LOOPBACK, world.port)
    started: list[ChildProcess] = []
    try:
        policy = policy_process(ports["policy"], readers["mta_policy"])
        for daemon, port in (
            (policy, ports["policy"]),
            (_daemon(mail_folder, POSTFIX_MASTER, "-s", "-c", f"{mail_folder}/conf/postfix"), ports["smtp"]),
            (_daemon(mail_folder, DOVECOT, "-F", "-c", f"{mail_folder}/conf/dovecot/dovecot.conf"), ports["imaps"]),
        ):
            daemon.launch()
            started.append(daemon)
            await daemon.until_ready(lambda port=port: listens(port), START_SECONDS)
        tls = ssl.create_default_context(cafile=values["certificate"])
        tls.check_hostname = False
        yield MailServer(mail_folder, ports["smtp"], ports["submissions"], ports["imaps"], world, tls)
    finally:
        for daemon in reversed(started):
            await daemon.stop()
        outside.close()


def _daemon(folder: Path, *argv: str) -> ChildProcess:
    name = Path(argv[0]).name
    return ChildProcess(name, argv, ENVIRONMENT, folder / f"{name}.log")


def _values(folder: Path, database_port: int, ports: dict[str, int], rendering: ModuleType) -> dict[str, str]:
    """The example's values, with what a machine's own mail server would have replaced."""
    return rendering.read_values(rendering.EXAMPLE) | {
        "mail_host": "mail.postkontor.example",
        "certificate": f"{folder}/certificate.pem",
        "certificate_key": f"{folder}/key.pem",
        "database_host": LOOPBACK,
        "database_port": str(database_port),
        "postfix_database_password": READERS["mta_postfix"],
        "dovecot_database_password": READERS["mta_dovecot"],
        "policy_service": f"{LOOPBACK}:{ports['policy']}",
        "mail_root": f"{folder}/vmail",
        "mail_uid": str(MAIL_UID),
        "mail_gid": str(MAIL_UID),
        "smtp_service": f"{LOOPBACK}:{ports['smtp']}",
        "submissions_service": f"{LOOPBACK}:{ports['submissions']}",
        "dovecot_listen": LOOPBACK,
        "imaps_port": str(ports["imaps"]),
        "relayhost": f"[{LOOPBACK}]:{ports['world']}",
        "postfix_queue": f"{folder}/queue",
        "postfix_data": f"{folder}/data",
        "postfix_log": "/dev/stdout",
        "dovecot_config": f"{folder}/conf/dovecot",
        "dovecot_run": f"{folder}/run",
        "dovecot_state": f"{folder}/state",
        "dovecot_log": "/dev/stderr",
        "failed_login_delay": "0",
        "auth_penalty_mode": "0",
    }


def _prepare(folder: Path, values: dict[str, str]) -> None:
    """Do what the packages and the README's steps do: folders, owners, a certificate."""
    for name, owner in (("queue", 0), ("data", pwd.getpwnam("postfix").pw_uid), ("vmail", MAIL_UID)):
        (folder / name).mkdir()
        os.chown(folder / name, owner, MAIL_UID if name == "vmail" else 0)
    for file in (folder / "conf" / "postfix" / "pgsql").iterdir():
        os.chown(file, 0, grp.getgrnam("postfix").gr_gid)
    # Makes the folders of the queue. `postfix start-fg` would do it too, but keep a shell between us and its master.
    subprocess.run([POSTFIX, "-c", folder / "conf" / "postfix", "check"], env=ENVIRONMENT, check=True)
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=mail.postkontor.example", "-keyout", values["certificate_key"], "-out", values["certificate"]],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of the password that everybody has here: "a password"."""
    return hash_password("a password")
