"""What a run came to, for people and as JSON."""

import json
import statistics
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from tests.chaos.audit import summary
from tests.chaos.run import Happened, Result

LOOKED_AT_SECONDS = 20.0  # after a fault's end; what halts later has another reason


def as_json(result: Result) -> dict[str, Any]:
    """Return the figures of a run."""
    terms, halts = result.terms, halts_by_kind(result)
    everything, back = sorted(halt for kind in halts.values() for halt in kind), back_after(result)
    violations = Counter(violation.kind for violation in result.violations)
    return {
        "seed": terms.seed,
        "bus": "three nodes, R3" if terms.cluster else "one server",
        "requests": len(result.evidence.sent),
        "accounts": terms.accounts,
        "in_flight": terms.in_flight,
        "seconds": round(result.seconds, 1),
        "requests_per_second": round(len(result.evidence.sent) / result.seconds, 1),
        "outcomes": _ended(result.outcomes),
        "refusals": dict(result.outcomes.most_common()),
        "types": dict(result.types.most_common()),
        "sent_again_after_silence": result.sent_again,
        "messages_repeated": result.repeated,
        "events": len(result.evidence.first_told()),
        "orders": len({order.id for order in result.evidence.orders}),
        "faults": dict(Counter(one.fault.kind for one in result.happened)),
        "halt_seconds": {kind: round(max(found), 2) for kind, found in halts.items()},
        "halt_p50": round(statistics.median(everything), 2) if everything else 0.0,
        "halt_max": round(max(everything, default=0.0), 2),
        "back_p50": round(statistics.median(back), 2) if back else 0.0,
        "back_max": round(max(back, default=0.0), 2),
        "settled_seconds": round(result.settled_seconds, 1),
        "workers_ended_by_themselves": result.ended_by_themselves,
        "violations": dict(violations),
        "lost": violations["lost"] + violations["untold"] + violations["stranded"],
        "doubled": violations["doubled"],
        "over_cap": violations["over cap"],
    }


def halts_by_kind(result: Result) -> dict[str, list[float]]:
    """Return for every fault the longest time without an outcome that began in it or soon after, in seconds."""
    halts: dict[str, list[float]] = defaultdict(list)
    moments = sorted(result.moments)
    for place, one in enumerate(result.happened):
        until = one.ended + LOOKED_AT_SECONDS
        if place + 1 < len(result.happened):
            until = min(until, result.happened[place + 1].began)
        halts[one.fault.kind].append(_longest_pause(moments, one, until))
    return dict(sorted(halts.items()))


def back_after(result: Result) -> list[float]:
    """Return for every fault how long after its end, when all was there again, the next outcome came, in seconds."""
    moments = sorted(result.moments)
    found = [(one, bisect_left(moments, one.ended)) for one in result.happened]
    return [moments[place] - one.ended for one, place in found if place < len(moments)]


def _longest_pause(moments: list[float], one: Happened, until: float) -> float:
    first = max(0, bisect_left(moments, one.began) - 1)
    last = min(len(moments), bisect_left(moments, until) + 1)
    within = moments[first:last]
    return max((after - before for before, after in pairwise(within)), default=0.0)


def _ended(outcomes: Counter[str]) -> dict[str, int]:
    refused = sum(count for told, count in outcomes.items() if told != "done")
    return {"done": outcomes["done"], "refused": refused}


def as_text(result: Result) -> str:
    """Return the table that people read."""
    figures = as_json(result)
    lines = [
        f"seed {figures['seed']}, {figures['bus']}: {figures['requests']} requests in {figures['seconds']} s"
        f" ({figures['requests_per_second']}/s), {figures['outcomes']['done']} done,"
        f" {figures['outcomes']['refused']} refused",
        f"{figures['events']} facts, {figures['orders']} orders, {figures['messages_repeated']} messages repeated,"
        f" {figures['sent_again_after_silence']} requests sent again after silence",
        f"{len(result.happened)} faults; the longest time without an outcome after each: p50 {figures['halt_p50']} s,"
        f" max {figures['halt_max']} s; the next outcome after its end: p50 {figures['back_p50']} s,"
        f" max {figures['back_max']} s; settled {figures['settled_seconds']} s after the last outcome",
    ]
    for kind, count in sorted(figures["faults"].items()):
        lines.append(
            f"    {kind:28} {count:3} times, at most {figures['halt_seconds'][kind]:5.2f} s without an outcome"
        )
    if result.ended_by_themselves:
        lines.append(f"workers that ended by themselves: {', '.join(result.ended_by_themselves)}")
    lines.append(summary(result.violations) if result.violations else "violations: none")
    return "\n".join(lines)


def write(result: Result, file: Any) -> None:
    """Append the figures as a line of JSON."""
    file.write(json.dumps(as_json(result), ensure_ascii=False) + "\n")


def table(lines: Iterable[str]) -> str:
    """Return runs that were written as JSON as a table in Markdown, in the order of their seeds."""
    runs = sorted((json.loads(line) for line in lines if line.strip()), key=lambda one: (one["bus"], one["seed"]))
    return "\n".join([" | ".join(["", *COLUMNS, ""]).strip(), "|---" * len(COLUMNS) + "|", *map(_row, runs)])


COLUMNS = (
    "seed", "bus", "requests", "done", "refused", "seconds", "faults", "messages repeated", "facts", "halt p50 s",
    "halt max s", "back p50 s", "back max s", "lost", "doubled", "over cap", "any other violation",
)  # fmt: skip


def _row(one: dict[str, Any]) -> str:
    others = sum(one["violations"].values()) - one["lost"] - one["doubled"] - one["over_cap"]
    cells = (
        one["seed"], one["bus"], one["requests"], one["outcomes"]["done"], one["outcomes"]["refused"],
        round(one["seconds"]), sum(one["faults"].values()), one["messages_repeated"], one["events"], one["halt_p50"],
        one["halt_max"], one["back_p50"], one["back_max"], one["lost"], one["doubled"], one["over_cap"], others,
    )  # fmt: skip
    return "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells) + " |"
