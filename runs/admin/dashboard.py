"""The first page: the last day at a glance.

The figures of the day are read in one grouped statement over the index on creation time and kept
for a few seconds, so that a wall of screens costs no more than one.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Sum, TextField
from django.db.models.functions import Cast, Substr
from django.http import HttpRequest

from agentserver.core.admin.cells import ago, amount, money, span
from agentserver.core.clock import now
from runs.admin.shown import outcome
from runs.models import Job, Run, ToolCall

HOURS = 24
KEPT_SECONDS = 5
# The slowest agents are found among this many of the newest runs.
SAMPLE = 2_000
MOST_QUEUED = 10_000
SHOWN = 8
OUTCOMES = ("completed", "failed", "stopped", "cancelled", "waiting", "running", "queued")


@dataclass
class Usage:
    """What an agent did on one model within the day."""

    agent_id: str
    model: str
    runs: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None

    @property
    def input(self) -> str:
        return amount(self.input_tokens)

    @property
    def output(self) -> str:
        return amount(self.output_tokens)

    @property
    def money(self) -> str:
        return money(self.cost)

    @property
    def failure_share(self) -> int:
        return round(100 * self.failed / self.runs) if self.runs else 0


@dataclass
class Hour:
    """One column of the chart. `parts`: outcome, count, height and top in percent of the chart."""

    label: str
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    parts: list[tuple[str, int, float, float]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The setting ``UNFOLD["DASHBOARD_CALLBACK"]``. Each block needs the permission of its rows."""
    context["title"] = "Dashboard"
    if request.user.has_perm("runs.view_run"):
        context |= {"day": cache.get_or_set("admin.day", _day, KEPT_SECONDS)}
        context |= {"slowest": cache.get_or_set("admin.slowest", _slowest, KEPT_SECONDS)}
    if request.user.has_perm("runs.view_job"):
        context["queue"] = cache.get_or_set("admin.queue", _queue, KEPT_SECONDS)
    if request.user.has_perm("runs.view_toolcall"):
        context["approvals"] = _approvals()
    return context


# --- the day ---------------------------------------------------------------------------------


def _day() -> dict[str, Any]:
    groups = _grouped(now() - timedelta(hours=HOURS))
    usage = _by_agent_and_model(groups)
    total = sum(each.runs for each in usage)
    failed = sum(each.failed for each in usage)
    costs = [each.cost for each in usage if each.cost is not None]
    return {
        "hours": _hours(groups),
        "outcomes": [name for name in OUTCOMES if any(_outcome(each) == name for each in groups)],
        "usage": sorted(usage, key=lambda each: (-(each.cost or 0), -each.runs))[:SHOWN],
        "failing": sorted(
            (each for each in _merged_by_agent(usage) if each.failed),
            key=lambda each: -each.failure_share,
        )[:SHOWN],
        "runs": amount(total),
        "failed": amount(failed),
        "any": bool(total),
        "input_tokens": amount(sum(each.input_tokens for each in usage)),
        "output_tokens": amount(sum(each.output_tokens for each in usage)),
        "cost": money(sum(costs, Decimal())) if costs else money(None),
    }


def _grouped(since: datetime) -> list[dict[str, Any]]:
    """Runs by hour, agent, model and how they ended, with their sums."""
    # The text of a time begins with date and hour in both databases; a time function would be a
    # Python call for each row on SQLite.
    hour = Substr(Cast("created_at", TextField()), 1, 13)
    rows = Run.objects.filter(created_at__gte=since).order_by().annotate(hour=hour)
    groups: Any = rows.values(
        "hour", "agent_id", "model_name", "status", "termination_code"
    ).annotate(
        runs=Count("pk"),
        input=Sum("input_tokens"),
        output=Sum("output_tokens"),
        cost=Sum("cost_usd"),
    )
    return list(groups)


def _outcome(group: dict[str, Any]) -> str:
    return outcome(group["status"], group["termination_code"])


def _by_agent_and_model(groups: list[dict[str, Any]]) -> list[Usage]:
    found: dict[tuple[str, str], Usage] = {}
    for group in groups:
        key = (group["agent_id"], group["model_name"])
        usage = found.setdefault(key, Usage(*key))
        usage.runs += group["runs"]
        usage.failed += group["runs"] if _outcome(group) == "failed" else 0
        usage.input_tokens += group["input"] or 0
        usage.output_tokens += group["output"] or 0
        if group["cost"] is not None:
            usage.cost = (usage.cost or Decimal()) + group["cost"]
    return list(found.values())


def _merged_by_agent(usage: list[Usage]) -> list[Usage]:
    found: dict[str, Usage] = {}
    for each in usage:
        merged = found.setdefault(each.agent_id, Usage(each.agent_id, ""))
        merged.runs += each.runs
        merged.failed += each.failed
    return list(found.values())


def _hours(groups: list[dict[str, Any]]) -> list[Hour]:
    start = now() - timedelta(hours=HOURS - 1)
    times = [start + timedelta(hours=number) for number in range(HOURS)]
    columns = {time.strftime("%Y-%m-%d %H"): Hour(time.strftime("%H:00")) for time in times}
    for group in groups:
        # The first of the 24 hours is not over a full hour ago: it belongs to the first column.
        column = columns.get(group["hour"]) or next(iter(columns.values()))
        column.counts[_outcome(group)] += group["runs"]
    highest = max((column.total for column in columns.values()), default=0) or 1
    for column in columns.values():
        column.parts = list(_stacked(column.counts, highest))
    return list(columns.values())


def _stacked(counts: dict[str, int], highest: int) -> Iterator[tuple[str, int, float, float]]:
    """From the bottom upwards."""
    top = 100.0
    for name in OUTCOMES:
        if count := counts.get(name, 0):
            height = 100 * count / highest
            top -= height
            yield name, count, round(height, 2), round(top, 2)


# --- the rest --------------------------------------------------------------------------------


def _slowest() -> list[dict[str, Any]]:
    """Agents by the median duration of their runs among the newest ones, the slowest first."""
    newest = Run.objects.filter(status=Run.Status.DONE, started_at__isnull=False)
    rows = newest.order_by("-created_at", "-id").values_list(
        "agent_id", "started_at", "finished_at"
    )
    durations: dict[str, list[float]] = defaultdict(list)
    for agent_id, started, finished in rows[:SAMPLE]:
        if started and finished:
            durations[agent_id].append((finished - started).total_seconds())
    ordered = sorted(durations.items(), key=lambda item: -median(item[1]))
    return [
        {
            "agent_id": agent_id,
            "runs": len(seconds),
            "median": span(median(seconds)),
            "longest": span(max(seconds)),
        }
        for agent_id, seconds in ordered[:SHOWN]
    ]


def _queue() -> list[dict[str, Any]]:
    """Depths: due now, due later, being worked on, given up."""
    queued = Job.objects.filter(state=Job.State.QUEUED)
    kinds = (
        ("Due now", "wait", queued.filter(available_at__lte=now())),
        ("Due later", "none", queued.filter(available_at__gt=now())),
        ("Running", "busy", Job.objects.filter(state=Job.State.CLAIMED)),
        ("Given up", "bad", Job.objects.filter(state=Job.State.DEAD_LETTER)),
    )
    return [{"title": title, "kind": kind, "count": _depth(rows)} for title, kind, rows in kinds]


def _depth(rows: Any) -> str:
    count = len(rows.order_by().values_list("pk", flat=True)[: MOST_QUEUED + 1])
    return f"more than {MOST_QUEUED:,}" if count > MOST_QUEUED else f"{count:,}"


def _approvals() -> list[dict[str, Any]]:
    rows = ToolCall.objects.filter(status=ToolCall.Status.SUSPENDED).select_related("run")
    calls = rows.only("name", "updated_at", "run__agent_id").order_by("updated_at")[:SHOWN]
    return [{"call": call, "since": ago(call.updated_at)} for call in calls]
