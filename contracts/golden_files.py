"""The golden messages: one sample of everything that crosses the bus, as bytes that other programs have seen.

What is released stays as it is: every later version has to read it. Only new types are written from `samples`.
"""

import json
from uuid import uuid5

from pydantic import BaseModel

from contracts import sample_parts as of
from contracts.envelope import encode
from contracts.json_schema import Shape, shapes
from contracts.samples import SAMPLES


def golden_files() -> dict[str, str]:
    """Return every golden message's text by its path below contracts/."""
    return {f"golden/{shape.type}.json": _golden(shape, SAMPLES[shape.type]) for shape in shapes()}


def _golden(shape: Shape, data: BaseModel) -> str:
    wire = data.model_dump_json() if shape.bare else _enveloped(shape, data)
    return json.dumps(json.loads(wire), indent=2, ensure_ascii=False) + "\n"


def _enveloped(shape: Shape, data: BaseModel) -> bytes:
    first = shape.role == "request"
    return encode(
        message_id=of.REQUEST if first else uuid5(of.REQUEST, shape.type),
        type=shape.type,
        source="https://shop.example/orders" if first else f"postkontor/{shape.message.service}",
        time=of.AT,
        account=of.ACCOUNT,
        data=data,
        correlation_id=of.REQUEST,
        causation_id=None if first else of.CAUSE,
        revision=_revision(data),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        channel="api" if first else "bus",
    )


def _revision(data: BaseModel) -> int | None:
    """Return the revision of the view that a fact carries."""
    views = (getattr(data, name) for name in type(data).model_fields)
    return next((view.revision for view in views if hasattr(view, "revision")), None)
