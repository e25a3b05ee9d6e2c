"""Run the billing worker: `python -m services.billing`. Invoices' files: `python -m services.billing render`."""

from services.billing import render
from services.billing.app import service
from services.chassis.worker import main

main(service, processes={"render": render.run})
