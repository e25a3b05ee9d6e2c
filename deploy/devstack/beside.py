"""What runs beside the workers: the process that writes invoices' files, and the one that mail servers ask."""

import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from deploy.devstack.ports import free_port
from deploy.devstack.processes import READY_DEADLINE_SECONDS, ChildProcess

LOOPBACK = "127.0.0.1"
RENDERER, POLICY = "renderer", "policy"

# Nobody's: the name says so, the VAT id and the account number are those that examples use.
DEMO_SELLER = {
    "POSTKONTOR_SELLER_NAME": "Musterpost GmbH (erfunden)",
    "POSTKONTOR_SELLER_STREET": "Musterstraße 1",
    "POSTKONTOR_SELLER_POSTCODE": "12345",
    "POSTKONTOR_SELLER_CITY": "Musterstadt",
    "POSTKONTOR_SELLER_VAT_ID": "DE136695976",
    "POSTKONTOR_SELLER_TAX_NUMBER": "12/345/67890",
    "POSTKONTOR_SELLER_EMAIL": "rechnung@musterpost.example",
    "POSTKONTOR_SELLER_IBAN": "DE02120300000000202051",
}


class BesideProcess(ChildProcess):
    """A process without a health port; started means that its log says so."""

    def __init__(self, name: str, argv: list[str], env: Mapping[str, str], log_path: Path, *, says: str) -> None:
        super().__init__(name, argv, env, log_path)
        self._says = says.encode()

    async def start(self) -> None:
        """Return when it has said that it started; raise StartFailed when it does not."""
        before = self.log_path.stat().st_size if self.log_path.exists() else 0

        def has_said() -> bool:
            with self.log_path.open("rb") as log:
                log.seek(before)
                return self._says in log.read()

        self.launch()
        await self.until_ready(has_said, READY_DEADLINE_SECONDS)


def demo_seller() -> dict[str, str]:
    """Return who issues invoices here: nobody real, unless the environment names a seller."""
    named = any(name.startswith("POSTKONTOR_SELLER_") for name in os.environ)
    return {} if named else DEMO_SELLER


def can_render() -> bool:
    """Say whether what writes invoices' files is installed: the extra `einvoice`."""
    return all(find_spec(name) for name in ("drafthorse", "facturx", "saxonche", "typst", "pikepdf"))


def policy_address() -> str:
    """Choose where the policy service listens."""
    return f"{LOOPBACK}:{free_port()}"


def beside_processes(
    environment_of: Callable[[str], Mapping[str, str]], logs: Path, policy_listen: str
) -> list[BesideProcess]:
    """Return the processes, each with its service's environment; the renderer only where it can work."""
    policy = BesideProcess(
        POLICY,
        [sys.executable, "-m", "services.mailbox", "policy"],
        os.environ | dict(environment_of("mailbox")) | {"POSTKONTOR_POLICY_LISTEN": policy_listen},
        logs / f"{POLICY}.log",
        says="policy service started",
    )
    renderer = BesideProcess(
        RENDERER,
        [sys.executable, "-m", "services.billing", "render"],
        os.environ | dict(environment_of("billing")),
        logs / f"{RENDERER}.log",
        says="renderer started",
    )
    return [policy, renderer] if can_render() else [policy]
