"""What workers started by a test read from their environment to ask the test's own DNS hierarchy."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.devstack.hierarchy import Hierarchy
from deploy.devstack.stack import UNRESTRAINED


@contextmanager
def asking(hierarchy: Hierarchy, *, unrestrained: bool = False, **settings: str) -> Iterator[None]:
    """Let workers started here ask `hierarchy`, at any rate where `unrestrained`.

    `settings` are further ones of dnscheck, such as `timeouts_seconds="0.2"`.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("POSTKONTOR_DNS_ROOT", hierarchy.root_address)
        environment.setenv("POSTKONTOR_DNS_PORT", str(hierarchy.port))
        environment.setenv("POSTKONTOR_DNS_ALLOW_NETWORKS", "127.0.0.0/8")
        named = {f"POSTKONTOR_DNS_{name.upper()}": value for name, value in settings.items()}
        for name, value in (named | (UNRESTRAINED if unrestrained else {})).items():
            environment.setenv(name, value)
        yield
