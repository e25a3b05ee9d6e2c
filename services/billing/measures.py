"""What billing counts for its operators."""

from contracts.billing_v1 import CapacityReleased
from contracts.invoicing_v1 import AccountParked, LedgerDiffers
from services.chassis import metrics

EXPIRED = metrics.counter("reservations_expired", "reservations that nobody confirmed or released in time")
PARKED = metrics.counter("invoices_parked", "accounts that a run left without an invoice, by reason", "code")
DIFFERENCES = metrics.counter("ledger_differences", "differences between counters and ledger that the check found")


def count_released(fact: CapacityReleased) -> None:
    """Count what expired."""
    if fact.reason == "expired":
        EXPIRED.inc(len(fact.holders))


def count_parked(fact: AccountParked) -> None:
    """Count an account without an invoice."""
    PARKED.labels(fact.reason.code).inc()


def count_differences(fact: LedgerDiffers) -> None:
    """Count what the ledger's check found."""
    DIFFERENCES.inc(fact.differences)
