"""``python -m benchmarks [--quick] [--only embedded|scaled] [--json FILE]``."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from benchmarks import mcp_load, measure
from benchmarks.load import Job
from benchmarks.report import Series, TargetReport
from benchmarks.servers import KINDS, Kind, Target, floor, model_endpoint, server

_CLIENTS: Final = (16, 64)
_MODELS: Final = ("scripted", "http")
_BEGAN: Final = perf_counter()


@dataclass(frozen=True)
class Size:
    """How much is measured: runs of one client, runs of each throughput, waiting runs, MCP clients
    that listen."""

    alone: int
    runs_per_client: int
    waiting: int
    listening: int


FULL: Final = Size(alone=100, runs_per_client=20, waiting=500, listening=1000)
QUICK: Final = Size(alone=20, runs_per_client=6, waiting=100, listening=200)


def main() -> int:
    options = _options()
    reports = []
    for report in _measure(options):
        reports.append(report)
        sys.stdout.write("\n".join(report.lines()) + "\n")
        sys.stdout.flush()
    if options.json:
        data = {"machine": _machine(), "targets": [report.as_data() for report in reports]}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return int(any(one.latency.failed for r in reports for s in r.series for one in s.throughput))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few runs of everything")
    parser.add_argument("--only", choices=KINDS, help="one kind of server")
    parser.add_argument("--model", choices=_MODELS, help="one kind of model")
    parser.add_argument("--no-memory", action="store_true", help="leave waiting runs out")
    parser.add_argument("--no-floor", action="store_true", help="leave the bare relay out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> Iterator[TargetReport]:
    size = QUICK if options.quick else FULL
    with model_endpoint() as model_url:
        for kind in (options.only,) if options.only else KINDS:
            report = TargetReport(kind)
            if not options.no_floor:
                _measure_floor(report, kind, model_url, size)
            _measure_server(report, kind, model_url, size, options)
            yield report


def _measure_floor(report: TargetReport, kind: Kind, model_url: str, size: Size) -> None:
    _say(f"{kind}: starting the bare relay")
    with floor(kind, model_url) as target:
        report.floor = _series("floor", target, measure.floor_job(target), size)


def _measure_server(
    report: TargetReport, kind: Kind, model_url: str, size: Size, options: argparse.Namespace
) -> None:
    _say(f"{kind}: starting the server")
    with server(kind, model_url) as target:
        for group in target.groups:
            _say(f"{kind}: {group.name} is {', '.join(map(str, group.pids))}")
        for model in (options.model,) if options.model else _MODELS:
            report.series.append(_series(model, target, measure.agent_job(target, model), size))
        if options.model != "http":
            report.series.append(_series("a2a", target, measure.a2a_job(target), size))
        if not options.no_memory:
            _measure_memory(report, target, size)


def _series(name: str, target: Target, job: Job, size: Size) -> Series:
    _say(f"{target.kind}: {name}: warming up")
    measure.load(job, clients=max(_CLIENTS), runs=2 * max(_CLIENTS))
    _say(f"{target.kind}: {name}: 1 client, {size.alone} runs")
    series = Series(name, latency=measure.latency(job, runs=size.alone))
    for clients in _CLIENTS:
        runs = clients * size.runs_per_client
        _say(f"{target.kind}: {name}: {clients} clients, {runs} runs")
        one = measure.throughput(target, job, clients=clients, runs=runs)
        _say(f"    {one.runs_per_second:.1f} runs/s, {one.quiet_cpu_ms:.1f} ms CPU per run (quiet)")
        for reason in one.reasons:
            _say(f"    FAILED: {reason}")
        series.throughput.append(one)
    return series


def _measure_memory(report: TargetReport, target: Target, size: Size) -> None:
    _say(f"{target.kind}: {size.waiting} waiting runs and idle streams")
    runs, ids = measure.waiting_runs(target, "scripted", count=size.waiting)
    report.memory["waiting runs (scripted)"] = runs
    report.memory["idle streams"] = measure.idle_streams(target, ids)
    runs, _ = measure.waiting_runs(target, "http", count=size.waiting)
    report.memory["waiting runs (http)"] = runs
    _say(f"{target.kind}: {size.listening} MCP listeners, {mcp_load.CALLERS} callers")
    report.listening = mcp_load.listening(target, count=size.listening)


def _machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _say(text: str) -> None:
    sys.stderr.write(f"[{perf_counter() - _BEGAN:6.1f} s] {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
