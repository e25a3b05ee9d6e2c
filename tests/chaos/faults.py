"""What goes wrong in a run, when, and to whom: a pure function of the seed. How it is done stands in sabotage.py."""

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "kill a worker",
    "kill both replicas",
    "restart a worker",
    "freeze a worker",
    "zombie",
    "kill the bus",
    "kill a node",
    "kill the leader",
    "kill two nodes",
    "kill the database",
    "stop the database at once",
    "cut the bus",
    "cut the database",
    "delay the bus",
    "delay the database",
    "silence the bus",
    "silence the database",
    "repeat messages",
    "bus and worker",
    "database and worker",
]
SERVICES = ("billing", "domain", "mailbox", "dnscheck")
ANYWHERE: tuple[Kind, ...] = (
    "kill a worker",
    "kill both replicas",
    "restart a worker",
    "freeze a worker",
    "zombie",
    "kill the database",
    "stop the database at once",
    "cut the bus",
    "cut the database",
    "delay the bus",
    "delay the database",
    "silence the bus",
    "silence the database",
    "repeat messages",
    "database and worker",
)
SINGLE: tuple[Kind, ...] = (*ANYWHERE, "kill the bus", "bus and worker")
CLUSTER: tuple[Kind, ...] = (*ANYWHERE, "kill a node", "kill the leader", "kill two nodes")
CABLES = ("cut ", "delay ", "silence ")  # only first replicas are behind cables
NO_WORKERS = ("kill the", "kill a node", "kill two", "stop the", "repeat")
BUSY = (3, 3, 3, 1)  # who has most to do is hit most often


@dataclass(frozen=True)
class Fault:
    """One disturbance. It begins when `after` requests have ended; `service` and `replica` are whom it hits.

    `seconds` is how long it lasts where that is up to us, `pick` a number for what else is to be chosen.
    """

    after: int
    kind: Kind
    service: str
    replica: int
    seconds: float
    pick: int

    def __str__(self) -> str:
        if self.kind.startswith(NO_WORKERS):
            return self.kind
        replica = 1 if self.kind.startswith(CABLES) else self.replica + 1
        both = "" if self.kind == "kill both replicas" else f"-{replica}"
        return f"{self.kind} ({self.service}{both})"


def plan(seed: int, requests: int, count: int, of: tuple[Kind, ...]) -> list[Fault]:
    """Return the disturbances of a run, spread over it; every kind occurs before one comes again."""
    rng = random.Random(f"faults {seed}")
    kinds: list[Kind] = []
    while len(kinds) < count:
        everything = list(of)
        rng.shuffle(everything)
        kinds += everything
    every = requests / (count + 1)
    return [_fault(rng, int((place + 1 + rng.uniform(-0.3, 0.3)) * every), kinds[place]) for place in range(count)]


def _fault(rng: random.Random, after: int, kind: Kind) -> Fault:
    service = rng.choices(SERVICES, BUSY)[0]
    return Fault(after, kind, service, rng.randrange(2), round(rng.uniform(0.5, 4.0), 1), rng.randrange(10**6))
