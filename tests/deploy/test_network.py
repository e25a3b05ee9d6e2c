"""Who reaches whom, as a table: what is not in it does not come about."""

from itertools import product

import pytest
from deploy_chart import VALUES, WORKERS, documents, of
from deploy_network_rules import Document, Party, reaches

pytestmark = pytest.mark.chart
OURS = ("app.kubernetes.io/name", "postkontor"), ("app.kubernetes.io/instance", "postkontor")
PORTS = {"policy": (("policy", 10040),)} | dict.fromkeys(WORKERS, (("health", 8080),))
COMPONENTS = (*WORKERS, "render", "policy", "bus", "check")


def _of(component: str) -> Party:
    return Party(component, (*OURS, ("app.kubernetes.io/component", component)), ports=PORTS.get(component, ()))


PARTIES = {component: _of(component) for component in COMPONENTS} | {
    one.name: one
    for one in (
        Party("nats", (("app.kubernetes.io/name", "nats"),)),
        Party("postgres", (("cnpg.io/cluster", "postkontor-db"),)),
        Party("nack", (("app.kubernetes.io/name", "nack"),)),
        Party("stranger", (("app", "stranger"),)),
        Party("another release", (("app.kubernetes.io/name", "postkontor"), ("app.kubernetes.io/component", "shell"))),
        Party("cluster dns", (("k8s-app", "kube-dns"),), "kube-system"),
        Party("keda", (), "keda"),
        Party("prometheus", (("app.kubernetes.io/name", "prometheus"),), "monitoring"),
        Party("collector", (("app.kubernetes.io/name", "collector"),), "monitoring"),
        Party("postfix", (), "mail"),
        Party("shop", (), "shop", (("postkontor/bus-client", "true"),)),
        Party("elsewhere", (), "elsewhere"),
        Party("cnpg", (), "cnpg-system"),
        Party("name server", address="193.0.14.129"),
        Party("name server v6", address="2001:7fd::1"),
        Party("a node", address="10.1.2.3"),
        Party("metadata service", address="169.254.169.254"),
        Party("a web server", address="203.0.113.80"),
    )
}
DNS = (("UDP", 53), ("TCP", 53))
EVERY_PORT = (
    *DNS, *(("TCP", port) for port in (22, 80, 443, 4222, 4318, 5432, 6222, 7777, 8000, 8080, 8222, 9187, 10040)),
)  # fmt: skip
PROGRAMS = ("nack", "shop")  # that are on the bus beside ours

# Source, target, where. All else must fail.
TABLE = {
    **{(one, "cluster dns"): DNS for one in (*COMPONENTS, "nats")},
    **{(one, "nats"): (("TCP", 4222),) for one in (*WORKERS, "bus", "check", *PROGRAMS)},
    **{(one, "postgres"): (("TCP", 5432),) for one in (*WORKERS, "render", "policy")},
    **{("prometheus", worker): (("TCP", 8080),) for worker in WORKERS},
    **{("collector", worker): (("TCP", 8080),) for worker in WORKERS},
    **{(worker, "collector"): (("TCP", 4318),) for worker in WORKERS},
    **{(worker, "prometheus"): (("TCP", 4318),) for worker in WORKERS},
    ("dnscheck", "name server"): DNS,
    ("dnscheck", "a web server"): DNS,  # whoever answers there; addresses alone do not tell
    ("postfix", "policy"): (("TCP", 10040),),
    ("nats", "nats"): (("TCP", 6222),),
    ("keda", "nats"): (("TCP", 8222),),
    ("prometheus", "nats"): (("TCP", 7777),),
    ("collector", "nats"): (("TCP", 7777),),
    ("prometheus", "postgres"): (("TCP", 9187),),
    ("collector", "postgres"): (("TCP", 9187),),
    ("cnpg", "postgres"): (("TCP", 5432), ("TCP", 8000)),
    ("postgres", "postgres"): (("TCP", 5432), ("TCP", 8000)),
}
# Who is confined on his way out; the others' ways out are their own namespaces' and operators' matter.
CONFINED = (*COMPONENTS, "nats")
GUARDED = (*COMPONENTS, "nats", "postgres", "nack", "stranger", "another release")


@pytest.fixture(scope="module")
def policies() -> list[Document]:
    """The chart's and those beside it."""
    found = [*of("prod"), *documents((VALUES / "network.yaml").read_text())]
    return [document for document in found if document["kind"] == "NetworkPolicy"]


def test_the_table_holds_for_everybody(policies: list[Document]) -> None:
    wrong: list[str] = []
    for source, target in product(PARTIES, PARTIES):
        if source not in CONFINED and target not in GUARDED:
            continue
        for protocol, port in EVERY_PORT:
            wanted = (protocol, port) in TABLE.get((source, target), ())
            if reaches(policies, PARTIES[source], PARTIES[target], port, protocol) != wanted:
                wrong.append(f"{source} {'does not reach' if wanted else 'reaches'} {target} on {protocol} {port}")
    assert not wrong, "\n".join(wrong)


def test_without_the_chart_nobody_of_ours_reaches_anything(policies: list[Document]) -> None:
    deny = [policy for policy in policies if policy["metadata"]["name"] == "postkontor-deny"]
    assert not any(
        reaches(deny, PARTIES[source], PARTIES[target], port, protocol)
        for source in COMPONENTS
        for target in PARTIES
        for protocol, port in EVERY_PORT
    )


@pytest.mark.parametrize(
    "name", ["cluster-dns", "bus", "database", "public-dns", "metrics", "policy", "telemetry", "deny"]
)
def test_every_rule_is_needed(policies: list[Document], name: str) -> None:
    """Were one lost, the table would say so; and losing `deny` would let everything of ours out."""
    rest = [policy for policy in policies if policy["metadata"]["name"] != f"postkontor-{name}"]
    assert len(rest) == len(policies) - 1
    if name == "deny":
        assert reaches(rest, PARTIES["bus"], PARTIES["bus"], 22) is False, "the namespace's own policy still guards it"
        return
    with pytest.raises(AssertionError, match="reach"):
        test_the_table_holds_for_everybody(rest)


def test_ipv6_is_asked_only_where_it_is_said() -> None:
    def asked(*sets: str) -> bool:
        found = [document for document in of("prod", *sets) if document["kind"] == "NetworkPolicy"]
        return reaches(found, PARTIES["dnscheck"], PARTIES["name server v6"], 53, "UDP")

    assert not asked()
    assert asked("network.publicDns.ipv6=true")


def test_traces_go_out_only_where_there_are_any() -> None:
    found = [document for document in of("prod", "telemetry.endpoint=") if document["kind"] == "NetworkPolicy"]
    assert not reaches(found, PARTIES["billing"], PARTIES["collector"], 4318)
