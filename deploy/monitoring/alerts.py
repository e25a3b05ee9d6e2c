"""What should wake somebody. Expressions are PromQL over the metrics of docs/observability.md."""

import json
from dataclasses import dataclass
from typing import Literal

RUNBOOKS = "docs/observability.md"


@dataclass(frozen=True)
class Alert:
    """A rule. `page`: somebody has to act now; `ticket`: in office hours. `lasts` as Prometheus writes times."""

    name: str
    severity: Literal["page", "ticket"]
    lasts: str
    expression: str
    summary: str

    @property
    def runbook(self) -> str:
        """Return where it says what to do."""
        return f"{RUNBOOKS}#alert-{self.name.lower()}"


ALERTS = (
    Alert(
        "ReplicaDown", "ticket", "5m", 'up{job="postkontor"} == 0',
        "A worker's metrics cannot be read.",
    ),
    Alert(
        "LanesWithoutOwner", "page", "2m",
        "sum by (service) (postkontor_lanes_owned) < max by (service) (postkontor_lanes)",
        "Some lanes of {{ $labels.service }} are nobody's: their accounts' messages wait.",
    ),
    Alert(
        "NoProgress", "page", "1m",
        "max by (service) (postkontor_consumer_pending) > 0 "
        "and sum by (service) (rate(postkontor_batch_seconds_count[1m])) == 0",
        "Messages wait for {{ $labels.service }}, and it commits nothing.",
    ),
    Alert(
        "MessagesWaitLong", "page", "5m", "max by (service) (postkontor_oldest_message_seconds) > 60",
        "The oldest message in hand of {{ $labels.service }} is over a minute old.",
    ),
    Alert(
        "OutboxStuck", "page", "1m", "max by (service) (postkontor_outbox_oldest_seconds) > 30",
        "{{ $labels.service }} has committed what it cannot publish.",
    ),
    Alert(
        "DeadLetters", "ticket", "0m", "max by (service) (postkontor_dead_letters_open) > 0",
        "{{ $labels.service }} has {{ $value }} dead letters that nobody has settled.",
    ),
    Alert(
        "FactsForgotten", "page", "0m", "max by (service) (postkontor_lanes_forgotten) > 0",
        "The bus has lost facts of {{ $labels.service }}.",
    ),
    Alert(
        "DatabaseIsOlder", "page", "0m", "max by (service) (postkontor_lanes_ahead) > 0",
        "The bus has facts of {{ $labels.service }} that its database does not know.",
    ),
    Alert(
        "BusAway", "page", "1m", "max by (service) (postkontor_bus_connected) == 0",
        "No replica of {{ $labels.service }} reaches the bus.",
    ),
    Alert(
        "DatabaseAway", "page", "1m", "max by (service) (postkontor_database_up) == 0",
        "No replica of {{ $labels.service }} reaches its database.",
    ),
    Alert(
        "LoopStalled", "page", "30s", "postkontor_since_last_look_seconds > 30",
        "A replica of {{ $labels.service }} does not look after its lanes.",
    ),
    Alert(
        "LanesMove", "ticket", "10m", "sum by (service) (rate(postkontor_lane_takeovers_total[10m])) * 600 > 20",
        "Lanes of {{ $labels.service }} change hands all the time.",
    ),
    Alert(
        "ConsumersReset", "ticket", "10m",
        'sum by (service) (rate(postkontor_consumer_resets_total{reason="gap"}[10m])) * 600 > 10',
        "Messages of {{ $labels.service }} keep going elsewhere.",
    ),
    Alert(
        "TimersOverdue", "ticket", "10m", "max by (service) (postkontor_timers_overdue_seconds) > 300",
        "Work of {{ $labels.service }} that is due waits for over five minutes.",
    ),
    Alert(
        "BusErrors", "ticket", "5m", "sum by (service) (rate(postkontor_bus_errors_total[5m])) > 0.1",
        "The bus keeps reporting errors to {{ $labels.service }}.",
    ),
    Alert(
        "QuestionsFail", "ticket", "5m",
        'sum by (service) (rate(postkontor_questions_total{outcome="failed"}[5m])) > 0',
        "{{ $labels.service }} cannot answer questions.",
    ),
    Alert(
        "DnsCannotBeAsked", "ticket", "15m",
        "sum(rate(postkontor_dns_unasked_total[15m])) > 1",
        "Looks end without an answer because name servers rest or have no turn left.",
    ),
    Alert(
        "ReservationsExpire", "ticket", "0m", "increase(postkontor_reservations_expired_total[1h]) > 10",
        "Reservations expire: requests are lost between billing and mailbox.",
    ),
    Alert(
        "InvoicesParked", "ticket", "0m", "increase(postkontor_invoices_parked_total[1d]) > 0",
        "Accounts have no invoice for a month: {{ $labels.code }}.",
    ),
    Alert(
        "LedgerDiffers", "page", "0m", "increase(postkontor_ledger_differences_total[1d]) > 0",
        "Counters are not what the ledger says.",
    ),
)  # fmt: skip


def rules() -> str:
    """Return the rules file. Texts are written as JSON strings, which YAML reads."""
    lines = ["# Written by `python -m deploy.monitoring`.", "groups:", "  - name: postkontor", "    rules:"]
    for alert in ALERTS:
        lines += [
            f"      - alert: Postkontor{alert.name}",
            f"        expr: {json.dumps(alert.expression)}",
            f"        for: {alert.lasts}",
            "        labels:",
            f"          severity: {alert.severity}",
            "        annotations:",
            f"          summary: {json.dumps(alert.summary)}",
            f"          runbook: {alert.runbook}",
        ]
    return "\n".join(lines) + "\n"
