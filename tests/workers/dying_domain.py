"""The worker domain as a program that dies while it lets requests go that waited: at CRASH_AT, the second time."""

import os

from services.chassis import worker
from services.domain.app import service
from tests.workers.dying_billing import set_trap

if __name__ == "__main__":
    if "CRASH_AT" in os.environ:
        set_trap(os.environ["CRASH_AT"], 2, "mailbox-admitted")
    worker.main(service, [])
