"""Run the billing worker: `python -m services.billing [run|migrate]`."""

from services.billing.app import service
from services.chassis.worker import main

main(service)
