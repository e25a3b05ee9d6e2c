"""The trace that the calling program is in, if it has one."""

import sys
from typing import Any


def traceparent() -> str | None:
    """Return the caller's current OpenTelemetry span as a W3C traceparent; None without one.

    Who has a span has OpenTelemetry loaded; the client needs and loads none of it.
    """
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
