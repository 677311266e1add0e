"""The TypeScript clients of MCP: release 1 over both of its transports, release 2 in 2026."""

import json
import subprocess
from typing import Any

import pytest

from tests.clients.mcp_sdk.suite import CLIENTS, NODE
from tests.live.server import LiveServer

pytestmark = pytest.mark.leg("postgres")  # what clients make of the protocol is the same on both


Json = dict[str, Any]
SECONDS = 60
WAYS = {
    "1 http": {"sdk": "1", "transport": "http", "path": "/v1/mcp"},
    "1 http installed": {"sdk": "1", "transport": "http", "path": "/api/mcp/agentserver/mcp"},
    "1 sse": {"sdk": "1", "transport": "sse", "path": "/api/mcp/agentserver/sse"},
    "2 http": {"sdk": "2", "transport": "http", "path": "/v1/mcp"},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Json:
    return dict(WAYS[request.param])


def drive(server: LiveServer, way: Json, *calls: Json, answer: Json | None = None) -> Json:
    url = f"{server.url}{way['path']}"
    done = subprocess.run(
        [str(NODE), "mcp_sdk/drive.mjs"],
        cwd=CLIENTS,
        input=json.dumps({**way, "url": url, "calls": calls, "answer": answer}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def call(name: str, message: str = "hello") -> Json:
    return {"name": name, "arguments": {"message": message}}


def test_it_lists_and_calls(server: LiveServer, way: Json) -> None:
    driven = drive(server, way, call("demo-echo"), call("demo-error"))
    assert {"assistant", "demo-echo"} <= set(driven["tools"])
    echoed, failed = driven["results"]
    assert echoed["content"] == [{"type": "text", "text": "hello"}]
    assert failed["isError"] is True


def test_it_hears_of_progress(server: LiveServer, way: Json) -> None:
    (heard,) = drive(server, way, call("demo-echo"))["progress"]
    assert len(heard) > 1
    assert heard == sorted(set(heard))


def test_it_answers_for_a_person(server: LiveServer, way: Json) -> None:
    answer = {"action": "accept", "content": {"decision": "approve"}}
    driven = drive(server, way, call("demo-approval"), answer=answer)
    assert driven["asked"] == 1
    assert "is deleted" in driven["results"][0]["content"][0]["text"]
