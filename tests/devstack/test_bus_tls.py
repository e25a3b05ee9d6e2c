"""TLS on the bus: workers, client and topology meet a server by its certificate, and show one of their own."""

import pytest
import pytest_asyncio
import trustme

from client import NotConnected, NotPermitted, Postkontor
from contracts.billing_v1 import OpenAccount
from deploy.bus.configuration import authorization
from deploy.devstack.nats import NatsServer
from services.billing.app import service
from services.chassis import topology, worker
from services.chassis.bus import Access
from services.chassis.settings import Settings
from services.chassis.worker import Worker


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, host in (("server", "127.0.0.1"), ("program", "program.example")):
        made = authority.issue_cert(host)
        made.private_key_pem.write_to_path(folder / f"{name}.key")
        made.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    return folder


@pytest_asyncio.fixture(scope="module")
async def server(tmp_path_factory, certificates, register):
    tls = (
        f'tls {{ cert_file: "{certificates / "server.pem"}", key_file: "{certificates / "server.key"}",'
        f' ca_file: "{certificates / "ca.pem"}", verify: true }}'
    )
    allowed = lambda: authorization(register.entries, partitions=4)  # noqa: E731
    made = NatsServer(tmp_path_factory.mktemp("nats"), sync_always=False, authorization=allowed, tls=tls)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(scope="module")
def files(certificates):
    return {"ca": certificates / "ca.pem", "cert": certificates / "program.pem", "key": certificates / "program.key"}


async def test_a_request_goes_through_a_worker_and_back_over_tls(server, files, register, database_url):
    assert server.url.startswith("tls://")
    await topology.apply(Access(server.url, seed=register.seed_file("admin"), **files))
    settings = Settings(
        nats_url=server.url, nats_seed=register.seed_file("billing"), database_url=database_url,
        nats_ca=files["ca"], nats_cert=files["cert"], nats_key=files["key"],
    )  # fmt: skip
    await worker.migrate(service, settings)
    running = Worker(service, settings)
    await running.start()
    environment = {"POSTKONTOR_NATS_URL": server.url, "POSTKONTOR_NATS_SEED": str(register.seed_file("operator"))}
    environment |= {f"POSTKONTOR_NATS_{name.upper()}": str(file) for name, file in files.items()}
    try:
        async with Postkontor.from_environment(environment, account="tls", source="test") as office:
            outcome = await office.request(OpenAccount(package="silver", company="T", email="t@example.com"))
            assert outcome.fact.account.account == "tls"
    finally:
        await running.stop()


@pytest.mark.parametrize("wrong", [{"ca": "other.pem"}, {"cert": None}])
async def test_a_server_we_do_not_know_or_that_does_not_know_us_is_not_talked_to(
    server, files, certificates, register, wrong
):
    given = {name: str(file) for name, file in files.items()}
    given |= {name: str(certificates / file) if file else "" for name, file in wrong.items()}
    environment = {"POSTKONTOR_NATS_URL": server.url, "POSTKONTOR_NATS_SEED": str(register.seed_file("operator"))}
    environment |= {f"POSTKONTOR_NATS_{name.upper()}": file for name, file in given.items()}
    office = Postkontor.from_environment(environment, source="test", connect_timeout=1)
    # Whom the server does not know hears why, or finds the connection closed, as the network has it.
    troubles = (NotConnected, NotPermitted) if "cert" in wrong else NotConnected
    with pytest.raises(troubles, match=r"certificate|SSL"):
        await office.open()
