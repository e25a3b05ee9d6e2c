"""Questions per second that one policy service answers, and how long an answer takes.

    python bench/policy.py                                       1, 16 and 64 connections
    python bench/policy.py --connections 64 --seconds 10 --blocked 1000

PostgreSQL, the policy service and the load run on this machine. There are 100,000 mailboxes; every question is about a
random one and looks its block list up; one in ten senders is blocked. Postfix keeps one connection per smtpd process
and asks once per recipient.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from deploy.devstack.ports import free_port
from deploy.devstack.postgres import PostgresServer
from deploy.devstack.processes import ChildProcess
from services.chassis.migrations import migrate

REPOSITORY = str(Path(__file__).resolve().parents[1])
MAILBOXES, DOMAINS = 100_000, 2_000
FILL = f"""
    INSERT INTO mailbox.domain (account, domain, domain_id, state, features, epoch, mailboxes, revision)
        SELECT 'bench', 'd' || n || '.example', gen_random_uuid(), 'open', '{{blacklist}}', 0,
            {MAILBOXES // DOMAINS}, 1
        FROM generate_series(1, {DOMAINS}) AS n;
    INSERT INTO mailbox.mailbox (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, password_hash, aliases, forwardings, keep_copy, own_epoch, blocked_senders, created_at, updated_at,
        revision)
    SELECT 'm' || n || '@' || d.domain, d.account, d.domain, 'A', 'B', 'active', 'mail', 100, 1, 0, false,
        '1', '{{BLF-CRYPT}}', '{{}}', '{{}}', true, 0,
        ARRAY(SELECT 'spam' || s || '@sender.example' FROM generate_series(0, <blocked> - 1) AS s), now(), now(), 1
    FROM generate_series(1, {MAILBOXES}) AS n
    JOIN mailbox.domain AS d ON d.domain = 'd' || n % {DOMAINS} + 1 || '.example';
    INSERT INTO mailbox.address (address, mailbox, account, since)
        SELECT m.address, m.address, m.account, now() FROM mailbox.mailbox AS m;
    ANALYZE;
    CREATE ROLE bench LOGIN PASSWORD 'bench' IN ROLE mta_reader"""


@dataclass
class Result:
    """What a load took."""

    connections: int
    latencies: list[float]
    seconds: float
    refused: int
    cpu_seconds: float


async def fill(postgres: PostgresServer, blocked: int) -> str:
    """Make the schema and the mailboxes; return the connection URL of a reader."""
    connection = await asyncpg.connect(postgres.dsn())
    await migrate(connection, "mailbox")
    for statement in FILL.replace("<blocked>", str(blocked)).split(";"):
        await connection.execute(statement)
    await connection.close()
    return f"postgresql://bench:bench@127.0.0.1:{postgres.port}/postkontor"


async def ask(port: int, until: float, result: Result) -> None:
    """Ask on one connection until the time is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        sender = "spam0@sender.example" if random.random() < 0.1 else "friend@sender.example"
        number = random.randint(1, MAILBOXES)
        recipient = f"m{number}@d{number % DOMAINS + 1}.example"
        began = time.monotonic()
        writer.write(
            b"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nhelo_name=mx.sender.example\n"
            + f"sender={sender}\nrecipient={recipient}\ninstance=1.2.3\n\n".encode()
        )
        answer = await reader.readuntil(b"\n\n")
        result.latencies.append(time.monotonic() - began)
        result.refused += answer.startswith(b"action=554")
    writer.close()


async def load(port: int, connections: int, seconds: float, pid: int) -> Result:
    """Ask on several connections at a time."""
    result = Result(connections, [], 0.0, 0, 0.0)
    process = psutil.Process(pid)
    began, cpu = time.monotonic(), sum(process.cpu_times()[:2])
    await asyncio.gather(*(ask(port, began + seconds, result) for _ in range(connections)))
    result.seconds, result.cpu_seconds = time.monotonic() - began, sum(process.cpu_times()[:2]) - cpu
    result.latencies.sort()
    return result


async def listens(port: int) -> bool:
    """Say whether the port answers."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as folder:
        postgres, port = PostgresServer(Path(folder) / "postgres"), free_port()
        await postgres.start()
        try:
            env = {
                "POSTKONTOR_POLICY_LISTEN": f"127.0.0.1:{port}",
                "POSTKONTOR_POLICY_DATABASE_URL": await fill(postgres, arguments.blocked),
                "POSTKONTOR_LOG_LEVEL": "warning",
                "PYTHONPATH": REPOSITORY,
            }
            argv = [sys.executable, "-m", "services.mailbox", "policy"]
            policy = ChildProcess("policy", argv, env, Path(folder) / "policy.log")
            policy.launch()
            await policy.until_ready(lambda: listens(port), 20)
            await load(port, 8, 1.0, policy.pid)  # plans and connections
            print_table([await load(port, n, arguments.seconds, policy.pid) for n in arguments.connections])
            await policy.stop()
        finally:
            await postgres.stop()


def print_table(results: list[Result]) -> None:
    """Print a line per load."""
    table = Table("connections", "questions", "per second", "p50 ms", "p99 ms", "refused", "CPU ms per question")
    for r in results:
        n = len(r.latencies)
        p50, p99 = (1000 * r.latencies[int(n * q)] for q in (0.5, 0.99))
        cpu = 1000 * r.cpu_seconds / n
        table.add_row(
            str(r.connections), f"{n:,}", f"{n / r.seconds:,.0f}", f"{p50:.2f}", f"{p99:.2f}",
            f"{r.refused / n:.1%}", f"{cpu:.3f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--blocked", type=int, default=20, help="senders on each mailbox's list")
    uvloop.run(main(parser.parse_args()))
