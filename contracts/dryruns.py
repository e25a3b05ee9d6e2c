"""The answer to a dry run: a request sent with the envelope's attribute `dryrun`, decided by the real workers.

It takes the request's way, and nothing of it stays: no row, no fact, no reservation, no look at the DNS.
"""

from uuid import UUID

from pydantic import Field, JsonValue

from contracts.base import Fact
from contracts.parts import Finding
from contracts.refusals import Refusal
from contracts.trials import Quote

NAME = "dry-run-finished"


class DryRunFinished(Fact):
    """What a request would have led to; nothing was changed by it. It is a dry run's one answer, refused or not.

    Only what no station could read or decide ends a dry run with `request-refused`, as it would the request.
    """

    request_id: UUID
    request_type: str
    outcome: str | None = Field(description="type of the fact that would end it; None if it would be refused")
    fact: dict[str, JsonValue] | None = Field(
        default=None, description="that fact's data as they would be now, as far as the stations that were asked know"
    )
    refusal: Refusal | None = None
    missing: tuple[Finding, ...] = Field(
        default=(),
        description="what stands in the way beside a refusal, with the next step; an `error` would refuse the request"
        " as it is now, a `note` is still to be given",
    )
    quote: Quote | None = Field(default=None, description="None where the request changes no price or none is known")

    @property
    def is_ready(self) -> bool:
        """Tell whether the request, sent now, would be done."""
        return self.refusal is None and all(finding.severity != "error" for finding in self.missing)
