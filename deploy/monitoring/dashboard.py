"""What to look at: a dashboard for Grafana, from the top (is anything wrong?) down to single services."""

import json
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, IN_A_ROW = 8, 7, 3


@dataclass(frozen=True)
class Panel:
    """A graph: its title, what is drawn, how lines are named, and the unit as Grafana calls it."""

    title: str
    expressions: tuple[str, ...]
    legend: str = "{{service}}"
    unit: str = "short"


def _quantile(share: float, name: str, by: str = "service") -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate(postkontor_{name}_bucket[5m])))"


PANELS = (
    Panel(
        "Messages by fate",
        ("sum by (service, fate) (rate(postkontor_messages_total[1m]))",),
        "{{service}} {{fate}}",
        "ops",
    ),
    Panel("Wait before the commit, 99 %", (_quantile(0.99, "message_wait_seconds"),), unit="s"),
    Panel("Refusals by code", ("sum by (code) (rate(postkontor_refusals_total[5m]))",), "{{code}}", "ops"),
    Panel("Messages that wait", ("max by (service, lane) (postkontor_consumer_pending)",), "{{service}} {{lane}}"),
    Panel(
        "Oldest message in hand",
        ("max by (service, lane) (postkontor_oldest_message_seconds)",),
        "{{service}} {{lane}}",
        "s",
    ),
    Panel("Not published yet", ("max by (service) (postkontor_outbox_pending)",)),
    Panel("Publishing since", ("max by (service) (postkontor_outbox_oldest_seconds)",), unit="s"),
    Panel(
        "Dead letters",
        (
            "max by (service) (postkontor_dead_letters_open)",
            "sum by (service) (rate(postkontor_dead_letters_total[5m]))",
        ),
    ),
    Panel("Transaction, 50 and 99 %", (_quantile(0.5, "batch_seconds"), _quantile(0.99, "batch_seconds")), unit="s"),
    Panel("Messages in a batch, 50 %", (_quantile(0.5, "batch_messages"),)),
    Panel("Publishing, 99 %", (_quantile(0.99, "publish_seconds"),), unit="s"),
    Panel(
        "Published again, rolled back",
        (
            "sum by (service) (rate(postkontor_publish_retries_total[5m]))",
            "sum by (service) (rate(postkontor_rollbacks_total[5m]))",
        ),
        unit="ops",
    ),
    Panel("Lanes owned", ("sum by (service) (postkontor_lanes_owned)", "max by (service) (postkontor_lanes)")),
    Panel(
        "Lanes taken over and lost",
        (
            "sum by (service) (rate(postkontor_lane_takeovers_total[5m]))",
            "sum by (service) (rate(postkontor_lanes_lost_total[5m]))",
        ),
        unit="ops",
    ),
    Panel(
        "Consumers begun again",
        ("sum by (service, reason) (rate(postkontor_consumer_resets_total[5m]))",),
        "{{service}} {{reason}}",
        "ops",
    ),
    Panel("Connections", ("min by (service) (postkontor_bus_connected)", "min by (service) (postkontor_database_up)")),
    Panel(
        "Bus: reconnects and errors",
        (
            "sum by (service) (rate(postkontor_bus_reconnects_total[5m]))",
            "sum by (service) (rate(postkontor_bus_errors_total[5m]))",
        ),
        unit="ops",
    ),
    Panel("Since the last look at lanes", ("max by (service) (postkontor_since_last_look_seconds)",), unit="s"),
    Panel("Facts and hand-overs", ("sum by (service, type) (rate(postkontor_stated_total[5m]))",), "{{type}}", "ops"),
    Panel(
        "Facts that the bus or the database has lost, in lanes",
        ("max by (service) (postkontor_lanes_forgotten)", "max by (service) (postkontor_lanes_ahead)"),
    ),
    Panel("Timers due", ("max by (service) (postkontor_timers_due)",)),
    Panel("Timers overdue", ("max by (service) (postkontor_timers_overdue_seconds)",), unit="s"),
    Panel(
        "Wake-ups by kind",
        ("sum by (service, kind, fate) (rate(postkontor_wake_ups_total[5m]))",),
        "{{kind}} {{fate}}",
        "ops",
    ),
    Panel(
        "Questions by outcome",
        ("sum by (service, question, outcome) (rate(postkontor_questions_total[5m]))",),
        "{{question}} {{outcome}}",
        "ops",
    ),
    Panel("Answering, 99 %", (_quantile(0.99, "question_seconds"),), unit="s"),
    Panel(
        "DNS: looks by code",
        ("sum by (facet, code) (rate(postkontor_dns_looks_total[15m]))",),
        "{{facet}} {{code}}",
        "ops",
    ),
    Panel("DNS: a look, 50 %", (_quantile(0.5, "dns_look_seconds", "facet"),), "{{facet}}", "s"),
    Panel("DNS: not asked", ("sum by (reason) (rate(postkontor_dns_unasked_total[15m]))",), "{{reason}}", "ops"),
    Panel("Billing: reservations expired", ("increase(postkontor_reservations_expired_total[1h])",), "an hour"),
    Panel(
        "Billing: invoices parked, ledger",
        (
            "sum by (code) (increase(postkontor_invoices_parked_total[1d]))",
            "increase(postkontor_ledger_differences_total[1d])",
        ),
        "{{code}}",
    ),
    Panel("Memory and files", ('process_resident_memory_bytes{job="postkontor"}',), "{{instance}}", "bytes"),
)


def dashboard() -> str:
    """Return the dashboard as Grafana imports it."""
    made: dict[str, Any] = {
        "title": "Postkontor",
        "uid": "postkontor",
        "tags": ["postkontor"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, IN_A_ROW)
    return {
        "id": number + 1,
        "title": panel.title,
        "type": "timeseries",
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": row * HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": panel.legend}
            for place, expression in enumerate(panel.expressions)
        ],
    }
