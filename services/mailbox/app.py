"""The mailbox worker, complete. It has no settings of its own and needs nothing at its start."""

from services.mailbox import handlers, handlers_features, handlers_groups, queries

service = handlers.service

__all__ = ["handlers_features", "handlers_groups", "queries", "service"]
