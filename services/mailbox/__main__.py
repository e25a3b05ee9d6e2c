"""Run the mailbox worker: `python -m services.mailbox`. Beside mail servers: `python -m services.mailbox policy`."""

from services.chassis.worker import main
from services.mailbox import policy
from services.mailbox.app import service

main(service, processes={"policy": policy.run})
