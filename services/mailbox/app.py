"""The mailbox worker, complete. It has no settings of its own and needs nothing at its start."""

from services.mailbox.handlers import service

__all__ = ["service"]
