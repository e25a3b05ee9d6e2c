"""Structured logs: one JSON line per event, with ids and without secrets."""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict

# A hash in Dovecot's notation, or the password of a connection URL.
SECRETS = re.compile(
    r"\{(?:ARGON2ID|BLF-CRYPT|SHA512-CRYPT)\}[^\s\"']*|\$(?:argon2id|2[aby]|6)\$[^\s\"']*|(?<=://)[^/\s@]+:[^/\s@]+(?=@)"
)
SECRET_NAMES = re.compile(r"passw|secret|hash|token|credential", re.IGNORECASE)
REMOVED = "[removed]"


# The ids of the message in hand, for every line that is written meanwhile; asked for only when there is a line.
HANDLED: ContextVar[Callable[[], dict[str, str]] | None] = ContextVar("handled", default=None)


def without_secrets(text: str) -> str:
    """Return the text with password hashes and the passwords of connection URLs removed."""
    return SECRETS.sub(REMOVED, text)


def readable_without_secrets(payload: bytes) -> str:
    """Return a message for an operator to read, without the values of fields whose name speaks of a secret.

    What is no JSON may hold a secret anywhere, so only its size and digest are told; the stream has the original.
    """
    try:
        text = json.dumps(_cleaned(json.loads(payload)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"not JSON: {len(payload)} bytes, sha256 {hashlib.sha256(payload).hexdigest()}"
    # Half a character can be named in JSON and written nowhere.
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")


def _cleaned(content: Any) -> Any:
    match content:
        case dict():
            return {
                without_secrets(str(name)): REMOVED if SECRET_NAMES.search(str(name)) else _cleaned(value)
                for name, value in content.items()
            }
        case list():
            return [_cleaned(member) for member in content]
        case str():
            return without_secrets(content)
        case _:
            return content


def _name_message(_: Any, __: str, event: EventDict) -> EventDict:
    handled = HANDLED.get()
    return event if handled is None else {**handled(), **event}


def _remove_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = without_secrets(value)
    return event


def configure(level: str, *, service: str) -> None:
    """Write JSON lines to standard output; the libraries' own log records too."""
    shared = [
        structlog.contextvars.merge_contextvars,
        _name_message,
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
