"""Idle MCP clients that listen for changes, with others calling agents beside them."""

import json
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import measure
from benchmarks.load import Job
from benchmarks.measure import Memory, Throughput
from benchmarks.servers import Target

CALLERS: Final = 50
_VERSION: Final = "2026-07-28"
_PREFIX: Final = "io.modelcontextprotocol"


@dataclass(frozen=True)
class Listening:
    """What one more idle listen stream costs, and how calls went while all were open."""

    memory: Memory
    calls: Throughput


def listening(target: Target, *, count: int) -> Listening:
    """`count` listen streams on the web process, and `CALLERS` clients that call an agent."""
    # One call first: the SDK is loaded with it, and belongs to the process, not to a stream.
    measure.load(_call(target), clients=1, runs=1)
    before = measure.resident(target)
    with measure.held(_listen(target, count)):
        memory = measure.grown(target, before, count)
        calls = measure.throughput(target, _call(target), clients=CALLERS, runs=4 * CALLERS)
    return Listening(memory, calls)


def _listen(target: Target, count: int) -> Job:
    wanted = {"notifications": {"toolsListChanged": True}}
    return _job(target, "subscriptions/listen", wanted, hold=["/v1/mcp"] * count)


def _call(target: Target) -> Job:
    """The fifty deltas of the scripted agent as a tool call that reports its progress."""
    tool = "bench-scripted-fast"
    asked = {"name": tool, "arguments": {"message": "hello"}, "_meta": {"progressToken": "p"}}
    return _job(
        target,
        "tools/call",
        asked,
        headers={"mcp-name": tool},
        marker="notifications/progress",
        end='"result"',
        piece="agentserver/runId",
        pieces=1,
    )


def _job(
    target: Target,
    method: str,
    params: dict[str, Any],
    *,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Job:
    meta = {
        f"{_PREFIX}/protocolVersion": _VERSION,
        f"{_PREFIX}/clientCapabilities": {},
        **params.get("_meta", {}),
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return Job(
        "127.0.0.1",
        target.port,
        path="/v1/mcp",
        body=json.dumps(body),
        headers={"mcp-protocol-version": _VERSION, "mcp-method": method, **(headers or {})},
        **more,
    )
