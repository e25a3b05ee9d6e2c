"""A worker is started when it is ready, and gone when it is stopped."""

import os
import signal
import sys
from pathlib import Path

import pytest

from deploy.devstack.ports import free_port
from deploy.devstack.processes import ChildProcess, StartFailed, WorkerProcess, run_to_end

READY_WORKER = """
import http.server, os

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["POSTKONTOR_HEALTH_PORT"])), Health).serve_forever()
"""
DEAF_PROGRAM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


def worker(program: str, directory: Path) -> WorkerProcess:
    port = free_port()
    env = os.environ | {"POSTKONTOR_HEALTH_PORT": str(port)}
    return WorkerProcess("domain-1", [sys.executable, "-c", program], env, directory / "log", health_port=port)


async def test_a_started_worker_is_ready_and_restarts_as_another_process(tmp_path: Path):
    process = worker(READY_WORKER, tmp_path)
    await process.start()
    first = process.pid
    await process.kill()
    assert not process.alive
    await process.start()
    assert process.alive
    assert process.pid != first
    assert await process.stop()
    assert process.returncode == -signal.SIGTERM


async def test_a_worker_that_ends_early_fails_with_its_last_words(tmp_path: Path):
    with pytest.raises(StartFailed, match=r"(?s)domain-1 ended with 3.*no route to the broker"):
        await worker("import sys; print('no route to the broker'); sys.exit(3)", tmp_path).start()


async def test_a_worker_deaf_to_sigterm_is_killed_and_said_to_be(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    process = ChildProcess("deaf", [sys.executable, "-c", DEAF_PROGRAM], os.environ, tmp_path / "log")
    process.launch()
    await process.until_ready(lambda: "deaf" in process.log_tail(), 5)
    assert not await process.stop(deadline_seconds=0.1)
    assert not process.alive
    assert "ignored SIGTERM" in caplog.text


async def test_a_short_process_that_fails_is_reported(tmp_path: Path):
    argv = [sys.executable, "-c", "raise SystemExit('migration 3 has changed')"]
    with pytest.raises(StartFailed, match="migration 3 has changed"):
        await run_to_end(ChildProcess("migrate", argv, os.environ, tmp_path / "log"), 10)


async def test_a_missing_program_is_named(tmp_path: Path):
    with pytest.raises(StartFailed, match="cannot run /nowhere/nats-server"):
        await run_to_end(ChildProcess("nats", ["/nowhere/nats-server"], os.environ, tmp_path / "log"), 10)
