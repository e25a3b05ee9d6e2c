"""Child processes of the stack: started through spawn.py, never outliving the parent, ended within a deadline."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from deploy.devstack.probes import answers_ok, settled, wait_until

SPAWN = Path(__file__).with_name("spawn.py")
STOP_DEADLINE_SECONDS = 10.0
READY_DEADLINE_SECONDS = 20.0
KILL_DEADLINE_SECONDS = 5.0  # after SIGKILL only a process stuck in the kernel is still there
LOG_TAIL_LINES = 20

logger = logging.getLogger("postkontor.devstack")


class StartFailed(RuntimeError):
    """A process ended, or stayed silent, before it was ready; the message holds the end of its log."""


class ChildProcess:
    """One program, restartable under the same name, arguments and log.

    Start it from a thread that lives as long as the child should: the kernel ties the child to the thread that made it,
    not to the process, so a pool thread that retires would take the child along.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        log_path: Path,
        *,
        owner: tuple[int, int] | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        directory: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = tuple(argv)
        self.env = dict(env)
        self.log_path = log_path
        self._owner = owner
        self._death_signal = death_signal
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the latest run."""
        if self._process is None:
            raise StartFailed(f"{self.name} was never started")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How the latest run ended (negative: by that signal), or None while it lasts."""
        return self._process.poll() if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start the program without waiting for anything; a second start of a live one is a mistake."""
        if self.alive:
            raise StartFailed(f"{self.name} is already running with pid {self.pid}")
        owner = "{}:{}".format(*self._owner) if self._owner else "-"
        wrapper = [sys.executable, "-I", "-S", str(SPAWN), str(os.getpid()), str(int(self._death_signal)), owner]
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*wrapper, *self.argv],
                env=self.env,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal must reach the stack alone, which then stops its children in order.
                start_new_session=True,
            )

    async def until_ready(self, ready: Callable[[], bool | Awaitable[bool]], deadline_seconds: float) -> None:
        """Return when the condition holds; raise StartFailed when the process ends first or stays silent."""

        async def ready_or_ended() -> bool:
            return not self.alive or await settled(ready())

        try:
            is_ready = await wait_until(ready_or_ended, deadline_seconds)
        except BaseException:
            await self.kill()
            raise
        if not self.alive:
            raise self.failure(f"ended with {self.returncode} before it was ready")
        if not is_ready:
            await self.kill()
            raise self.failure(f"was not ready after {deadline_seconds:g} s")

    async def stop(
        self, *, sig: signal.Signals = signal.SIGTERM, deadline_seconds: float = STOP_DEADLINE_SECONDS
    ) -> bool:
        """Ask the process to end and wait; kill it, say so and return False when it does not."""
        if not self.alive:
            return True
        self.signal(sig)
        if await self.gone(deadline_seconds):
            return True
        logger.warning("%s (pid %d) ignored %s for %g s: killed", self.name, self.pid, sig.name, deadline_seconds)
        await self.kill()
        return False

    async def kill(self) -> None:
        """SIGKILL, the crash no process can prepare for; returns when it is gone."""
        self.signal(signal.SIGKILL)
        if not await self.gone(KILL_DEADLINE_SECONDS):
            raise RuntimeError(f"{self.name} (pid {self.pid}) survived SIGKILL for {KILL_DEADLINE_SECONDS:g} s")

    def signal(self, sig: signal.Signals) -> None:
        """Send a signal, harmless when the process has already ended."""
        if self._process is not None:
            self._process.send_signal(sig)

    async def gone(self, deadline_seconds: float) -> bool:
        return await wait_until(lambda: not self.alive, deadline_seconds)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def failure(self, what: str) -> StartFailed:
        """Word a failure with the end of the log, which is where its cause usually stands."""
        return StartFailed(f"{self.name} {what}; the end of {self.log_path}:\n{self.log_tail()}")


class WorkerProcess(ChildProcess):
    """A worker; with a health port, started means that GET /readyz answers 200."""

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], log_path: Path, *, health_port: int | None = None
    ) -> None:
        super().__init__(name, argv, env, log_path)
        self.health_port = health_port

    async def start(self) -> None:
        """Start the worker and return when it is ready; raise StartFailed with the end of its log otherwise."""
        self.launch()
        if self.health_port is not None:
            url = f"http://127.0.0.1:{self.health_port}/readyz"
            await self.until_ready(lambda: answers_ok(url), READY_DEADLINE_SECONDS)

    async def restart(self) -> None:
        await self.stop()
        await self.start()


async def run_to_end(child: ChildProcess, deadline_seconds: float) -> None:
    """Run a program that ends by itself; raise StartFailed unless it succeeds in time."""
    child.launch()
    try:
        ended = await child.gone(deadline_seconds)
    except BaseException:
        await child.kill()
        raise
    if not ended:
        await child.kill()
        raise child.failure(f"did not end within {deadline_seconds:g} s")
    if child.returncode != 0:
        raise child.failure(f"failed with {child.returncode}")
