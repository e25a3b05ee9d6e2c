"""Run the worker: `python -m services.domain [run|migrate]`."""

from services.chassis.worker import main
from services.domain.app import service

if __name__ == "__main__":
    main(service)
