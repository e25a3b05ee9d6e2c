"""Run the worker: `python -m services.dnscheck [run|migrate]`."""

from services.chassis.worker import main
from services.dnscheck.app import service

if __name__ == "__main__":
    main(service)
