"""Refuses the senders that a holder blocks, before the mail is taken: a policy service for Postfix (R32).

python -m services.mailbox policy    run until SIGTERM

A process of its own, beside the worker or beside the mail server. It reads the schema mta and nothing else, keeps
nothing, and any number may run. A block list is a holder's comfort, mail is not: whatever goes wrong here lets mail
pass. Mail servers that cannot reach their own tables defer mail by themselves.
"""

import asyncio
import signal
from typing import Annotated, Any

import structlog
from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis import database
from services.chassis.settings import Settings, WithSecrets
from services.chassis.worker import read_settings
from services.mailbox import reads
from services.mailbox.screening import PASS, REFUSE, Question, answer, attributes_of, question_of

log = structlog.get_logger()
END_OF_REQUEST = b"\n\n"
MAX_REQUEST_BYTES = 64 * 1024  # Postfix sends about 1 KiB; certificates' names can be long
IDLE_SECONDS = 600.0  # Postfix lets go of a quiet connection after 300
MAX_TOGETHER = 256  # questions in one look-up
REST_SECONDS = 1.0  # after a failure, so that a dead database costs one recipient a wait and not each


def _host_and_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ValueError("write host:port, as 127.0.0.1:10040 or [::1]:10040")
    return text


class PolicySettings(WithSecrets):
    """What the environment says to the policy service alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_POLICY_", extra="ignore")

    listen: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:10040"
    database_url: Annotated[SecretStr | None, Field(description="of a member of mta_reader; else the worker's")] = None
    connections: Annotated[int, Field(ge=1, le=100, description="to the database")] = 4
    clients: Annotated[int, Field(ge=1, description="connections of mail servers; a further one is closed")] = 1000
    lookup_seconds: Annotated[float, Field(gt=0, description="a look-up takes this long at most")] = 1.0

    @property
    def address(self) -> tuple[str, int]:
        """Return where to listen."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class BlockLists:
    """The holders' block lists. While the database is away nobody is blocked.

    Questions that come while all connections are busy wait together and are looked up together: the more come, the
    less each costs.
    """

    def __init__(self, pool: Any, *, connections: int, lookup_seconds: float) -> None:
        self._pool, self._connections, self._seconds = pool, connections, lookup_seconds
        self._asked: list[tuple[Question, asyncio.Future[bool]]] = []
        self._looking: set[asyncio.Task[None]] = set()
        self._rests_until = 0.0
        self._away = False
        self.unanswered = 0

    async def name(self, question: Question) -> bool:
        """Say whether the recipient's holder blocks the sender; False when that cannot be known in time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._asked.append((question, future))
        if len(self._looking) < self._connections:
            task = asyncio.create_task(self._look(), name="look-up")
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        return await future

    async def _look(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:MAX_TOGETHER], self._asked[MAX_TOGETHER:]
            blocked = await self._blocked([question for question, _ in asked])
            for place, (_, future) in enumerate(asked):
                if not future.done():  # its connection may be gone
                    future.set_result(place in blocked)

    async def _blocked(self, questions: list[Question]) -> set[int]:
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            self.unanswered += len(questions)
            return set()
        try:
            async with asyncio.timeout(self._seconds), self._pool.acquire(timeout=self._seconds) as connection:
                blocked = await reads.blocked(connection, questions)
        except Exception as error:
            self.unanswered += len(questions)
            self._away = True
            self._rests_until = loop.time() + REST_SECONDS
            log.warning("block lists cannot be read, all senders pass", reason=type(error).__name__)
            return set()
        if self._away:
            self._away = False
            log.info("block lists can be read again", unanswered=self.unanswered)
        return blocked


class PolicyService:
    """Answers mail servers: on each connection one question after the other."""

    def __init__(self, lists: BlockLists, *, clients: int) -> None:
        self._lists, self._limit = lists, clients
        self._clients: set[asyncio.Task[Any]] = set()
        self._quiet: set[asyncio.StreamReader] = set()
        self._leaving = False
        self.answered = 0
        self.refused = 0

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        if self._leaving or len(self._clients) >= self._limit:
            log.warning("a connection too many was closed", limit=self._limit)
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            while not self._leaving:
                request = await self._next(reader)
                writer.write(answer(await self._action(request)))
                await writer.drain()
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass  # gone, or quiet for long
        except asyncio.LimitOverrunError:
            log.warning("a request too long, its connection was closed", limit=MAX_REQUEST_BYTES)
        finally:
            self._clients.discard(task)
            writer.close()

    async def leave(self, seconds: float) -> None:
        """Close quiet connections at once and the others after their answer; return when the time is over."""
        self._leaving = True
        for reader in self._quiet:
            reader.feed_eof()
        if self._clients:
            await asyncio.wait(self._clients, timeout=seconds)

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        self._quiet.add(reader)
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await reader.readuntil(END_OF_REQUEST)
        finally:
            self._quiet.discard(reader)

    async def _action(self, request: bytes) -> str:
        attributes = attributes_of(request)
        question = question_of(attributes)
        self.answered += 1
        if question is None or not await self._lists.name(question):
            return PASS
        self.refused += 1
        # No addresses here: `instance` is the mail server's own mark, and its log has the rest.
        log.info("sender refused", instance=attributes.get("instance", ""))
        log.debug("sender refused", sender=question.sender.whole, recipient=question.recipient.whole)
        return REFUSE


async def run(settings: Settings) -> None:
    """Serve until the process is told to end."""
    own = read_settings(PolicySettings)
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    source = settings.model_copy(update={"database_url": own.database_url or settings.database_url})
    pool = await database.pool_for_look_ups(source, name="postkontor-policy", size=own.connections)
    lists = BlockLists(pool, connections=own.connections, lookup_seconds=own.lookup_seconds)
    service = PolicyService(lists, clients=own.clients)
    server = await asyncio.start_server(service.attend, *own.address, limit=MAX_REQUEST_BYTES, backlog=512)
    log.info("policy service started", listen=own.listen)
    await stop.wait()
    server.close()
    await service.leave(settings.drain_seconds)
    pool.terminate()
    log.info("policy service stopped", answered=service.answered, refused=service.refused, unanswered=lists.unanswered)
