"""Structured logs: one JSON line per event, with ids and without secrets."""

import logging
import re
from typing import Any

import structlog
from structlog.typing import EventDict

# A hash in Dovecot's notation, or the password of a connection URL.
SECRETS = re.compile(
    r"\{(?:ARGON2ID|BLF-CRYPT|SHA512-CRYPT)\}[^\s\"']*|\$(?:argon2id|2[aby]|6)\$[^\s\"']*|(?<=://)[^/\s@]+:[^/\s@]+(?=@)"
)
SECRET_FIELDS = re.compile(
    r"(\"[^\"]*(?:password|secret)[^\"]*\"\s*:\s*)(?:\"(?:[^\"\\]|\\.)*\"?|[^,}\s]+)", re.IGNORECASE
)
REMOVED = "[removed]"


def without_secrets(text: str) -> str:
    """Return the text with hashes, connection passwords and the values of password fields removed."""
    return SECRETS.sub(REMOVED, SECRET_FIELDS.sub(rf'\1"{REMOVED}"', text))


def _remove_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = without_secrets(value)
    return event


def configure(level: str, *, service: str) -> None:
    """Write JSON lines to standard output; the libraries' own log records too."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _remove_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
