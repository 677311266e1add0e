"""Measurements of one target. Each returns figures; nothing here prints."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any, Final

import httpx

from benchmarks.load import Job, Result
from benchmarks.pace import reference
from benchmarks.servers import Target
from benchmarks.shape import DELTA_COUNT, DELTA_TEXT
from tests.live.process import ServerProcess
from tests.processes import wait_until

LOAD_SECONDS: Final = 300
_JSON_LINE: Final = r"^\{"
_CLAIMED: Final = 'agentserver_mailbox_jobs{state="Claimed"} '


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the request to the first event, and to the first delta."""

    first_event_p50: float
    first_event_p95: float
    first_delta_p50: float
    first_delta_p95: float
    failed: int

    @classmethod
    def of(cls, result: Result) -> "Latency":
        events, deltas = _percentiles(result.first_event_ms), _percentiles(result.first_delta_ms)
        return cls(*events, *deltas, failed=result.failed)


@dataclass(frozen=True)
class Throughput:
    """`cpu_ms` per good run, by part of the server; `client_cpu_ms` is the load's own.

    Divide CPU times by `slowdown` to know what they would be on a quiet machine (`pace`).
    """

    clients: int
    runs_per_second: float
    cpu_ms: dict[str, float]
    client_cpu_ms: float
    slowdown: float
    latency: Latency
    reasons: list[str] = field(default_factory=list)

    @property
    def total_cpu_ms(self) -> float:
        return sum(self.cpu_ms.values())

    @property
    def quiet_cpu_ms(self) -> float:
        return self.total_cpu_ms / self.slowdown


@dataclass(frozen=True)
class Memory:
    """KB that one more waiting run, or one more idle stream, adds to each part of the server."""

    count: int
    kb_each: dict[str, float]

    @property
    def total_kb(self) -> float:
        return sum(self.kb_each.values())


def as_data(measured: object) -> Any:
    return asdict(measured) if isinstance(measured, Latency | Throughput | Memory) else measured


# --- runs ----------------------------------------------------------------------------------------


def agent_job(target: Target, kind: str) -> Job:
    """Runs of the agent on a scripted or an HTTP model."""
    body = {
        "agentId": f"bench-{kind}-fast",
        "messages": [{"role": "user", "content": "hello"}],
    }
    return Job("127.0.0.1", target.port, path="/v1/runs", body=json.dumps(body))


def a2a_job(target: Target) -> Job:
    """The scripted runs of `agent_job`, sent and streamed over A2A.

    The text comes twice: in the chunks of the artifact, and as the message of the last status.
    """
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hello"}]}
    return Job(
        "127.0.0.1",
        target.port,
        path="/v1/a2a/bench-scripted-fast/message:stream",
        body=json.dumps({"message": message}),
        marker='"artifactUpdate"',
        end="TASK_STATE_COMPLETED",
        piece=DELTA_TEXT,
        pieces=2 * DELTA_COUNT,
    )


def floor_job(target: Target) -> Job:
    return Job("127.0.0.1", target.port, marker='"content"', end="[DONE]")


def latency(job: Job, *, runs: int) -> Latency:
    return Latency.of(load(job, clients=1, runs=runs))


def throughput(target: Target, job: Job, *, clients: int, runs: int) -> Throughput:
    before = {group.name: group.cpu_seconds() for group in target.groups}
    with reference.measure() as pace:
        result = load(job, clients=clients, runs=runs)
    good = len(result.first_event_ms)
    spent = {group.name: group.cpu_seconds() - before[group.name] for group in target.groups}
    return Throughput(
        clients=clients,
        runs_per_second=good / result.seconds,
        cpu_ms={name: seconds * 1000 / max(good, 1) for name, seconds in spent.items()},
        client_cpu_ms=result.cpu_seconds * 1000 / max(good, 1),
        slowdown=pace.slowdown,
        latency=Latency.of(result),
        reasons=result.reasons,
    )


def load(job: Job, *, clients: int, runs: int) -> Result:
    wanted = Job(**{**asdict(job), "clients": clients, "runs": runs})
    with _load_process(wanted) as process:
        return Result(**json.loads(process.wait_for_line(_JSON_LINE, seconds=LOAD_SECONDS)))


@contextlib.contextmanager
def _load_process(job: Job) -> Iterator[ServerProcess]:
    command = [sys.executable, "-m", "benchmarks.load", job.dump()]
    process = ServerProcess("load", command, os.environ)
    try:
        yield process
    finally:
        process.end()


def _percentiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0], values[0]) if values else (float("nan"), float("nan"))
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


# --- memory --------------------------------------------------------------------------------------


def waiting_runs(target: Target, kind: str, *, count: int) -> tuple[Memory, list[str]]:
    """Starts runs whose model does not answer; what each costs, and their ids."""
    with httpx.Client(base_url=f"http://{target.host}", timeout=30, trust_env=False) as client:
        already = _claimed(client)
        before = resident(target)
        ids = [_start_waiting(client, kind) for _ in range(count)]
        wait_until(
            lambda: _claimed(client) >= already + count, what=f"{count} waiting runs", seconds=120
        )
        return grown(target, before, count), ids


def idle_streams(target: Target, run_ids: list[str]) -> Memory:
    """Opens a stream on each run and keeps it; what each costs."""
    paths = [f"/v1/runs/{run_id}/events/stream" for run_id in run_ids]
    before = resident(target)
    with held(Job("127.0.0.1", target.port, hold=paths)):
        return grown(target, before, len(paths))


@contextlib.contextmanager
def held(job: Job) -> Iterator[None]:
    """Every stream of the job's `hold` is open inside the block."""
    with _load_process(job) as process:
        process.wait_for_line(_JSON_LINE, seconds=LOAD_SECONDS)
        yield


def _start_waiting(client: httpx.Client, kind: str) -> str:
    thread = client.post("/v1/threads", json={}).raise_for_status().json()
    body = {
        "agentId": f"bench-{kind}-patient",
        "messages": [{"role": "user", "content": "hello"}],
    }
    accepted = client.post(f"/v1/threads/{thread['id']}/messages", json=body).raise_for_status()
    return str(accepted.json()["run_id"])


def _claimed(client: httpx.Client) -> int:
    page = client.get("/metrics").raise_for_status().text
    return int(float(page.partition(_CLAIMED)[2].partition("\n")[0]))


def resident(target: Target) -> dict[str, int]:
    return {group.name: group.rss_bytes() for group in target.groups}


def grown(target: Target, before: dict[str, int], count: int) -> Memory:
    """What `count` things have added to what was `resident` before them."""
    each = {name: (now - before[name]) / 1024 / count for name, now in resident(target).items()}
    return Memory(count, each)
