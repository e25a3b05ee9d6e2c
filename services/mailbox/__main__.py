"""Run the mailbox worker: `python -m services.mailbox`."""

from services.chassis.worker import main
from services.mailbox.app import service

main(service)
