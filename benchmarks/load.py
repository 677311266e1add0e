"""The load, in a process of its own: ``python -m benchmarks.load '<job as JSON>'``.

Prints one line of JSON: a `Result`, or ``{"open": n}`` once that many streams are held open.
"""

import asyncio
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import uvloop

from benchmarks.client import Answer, BrokenStreamError, Connection, connect, request
from benchmarks.shape import DELTA_COUNT, RUN_SECONDS

_MAX_REASONS: Final = 5
_RESTARTED: Final = b"stream_reset"


@dataclass(frozen=True)
class Job:
    """`runs` runs by `clients` clients; `end` is in each whole answer, `marker` in the first delta.

    `piece` is there `pieces` times, however many deltas share a frame; default: `marker` in each.
    With `hold`, every path in it is opened instead and kept open until the process is ended: with
    `body` when there is one. `headers` are sent beside the usual ones.
    """

    host: str
    port: int
    path: str = "/"
    body: str = ""
    marker: str = "text_delta"
    end: str = "run_finish"
    piece: str = ""
    pieces: int = DELTA_COUNT
    clients: int = 1
    runs: int = 1
    hold: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def dump(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Result:
    """Times in ms, one per good run; `seconds` for all; `cpu_seconds` of this process."""

    first_event_ms: list[float] = field(default_factory=list)
    first_delta_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        self.first_event_ms.append((answer.first_event_at - answer.sent_at) * 1000)
        self.first_delta_ms.append((answer.first_delta_at - answer.sent_at) * 1000)

    def add_failure(self, reason: str) -> None:
        self.failed += 1
        if len(self.reasons) < _MAX_REASONS:
            self.reasons.append(reason)


class Load:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._left = job.runs
        self._marker = job.marker.encode()
        self._piece = (job.piece or job.marker).encode()
        self._request = request(
            "POST", job.path, host=job.host, body=job.body.encode(), headers=job.headers
        )
        self.result = Result()

    async def run(self) -> Result:
        began, cpu = time.perf_counter(), _cpu_seconds()
        async with asyncio.TaskGroup() as group:
            for number in range(self._job.clients):
                group.create_task(self._client(number))
        self.result.seconds = time.perf_counter() - began
        self.result.cpu_seconds = _cpu_seconds() - cpu
        return self.result

    async def _client(self, number: int) -> None:
        # Spread over the length of a run: real clients do not act in step.
        await asyncio.sleep(RUN_SECONDS * number / self._job.clients)
        connection: Connection | None = None
        while self._left > 0:
            self._left -= 1
            try:
                if connection is None or not connection.is_open:
                    connection = await self._connect()
                self._judge(await connection.fetch(self._request))
            except (OSError, BrokenStreamError) as error:
                self.result.add_failure(str(error))
                connection = None
        if connection:
            connection.close()

    async def _connect(self) -> Connection:
        return await connect(self._job.host, self._job.port, marker=self._marker)

    def _judge(self, answer: Answer) -> None:
        deltas = answer.body.count(self._piece)
        whole = deltas == self._job.pieces and self._job.end.encode() in answer.body
        if answer.status == 200 and whole:
            self.result.add(answer)
        else:
            # A run that was started over has said why; else the end tells most.
            place = answer.body.find(_RESTARTED)
            shown = answer.body[place : place + 300] if place >= 0 else answer.body[-300:]
            self.result.add_failure(f"{answer.status}, {deltas} deltas: {shown!r}")


async def hold(job: Job) -> None:
    """Opens every stream and keeps it."""
    held: list[Connection] = []
    verb, body = "POST" if job.body else "GET", job.body.encode()
    for path in job.hold:
        connection = await connect(job.host, job.port, marker=job.marker.encode())
        await connection.open(request(verb, path, host=job.host, body=body, headers=job.headers))
        held.append(connection)
    _print({"open": len(held)})
    await asyncio.Event().wait()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _print(data: Any) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


async def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    if job.hold:
        await hold(job)
    _print(asdict(await Load(job).run()))


if __name__ == "__main__":
    uvloop.run(main())
