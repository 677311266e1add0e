"""Our MCP servers under ``/api/mcp``: through Mastra's client, and passed on to configured ones."""

import json
import subprocess
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.clients.ai_sdk.conftest import request
from tests.clients.mcp_sdk.suite import CLIENTS, NODE
from tests.clients.mcp_sdk.test_mcp_node import WAYS, call, drive
from tests.live.server import LiveServer
from tests.processes import wait_until

Json = dict[str, Any]
EVERYTHING = CLIENTS / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
ID = "everything-behind-us"


@pytest.fixture(scope="module")
def passed_on(server: LiveServer) -> str:
    """The address of a configured server, once what it offers is known."""
    document: Json = {"id": ID, "transport": "stdio", "command": str(NODE)}
    document["args"] = [str(EVERYTHING), "stdio"]
    request(server.url, "/v1/config/mcp-servers", document)
    base = f"/api/mcp/{ID}"
    wait_until(
        lambda: bool(request(server.url, f"{base}/tools")["tools"]), what="the tools", seconds=30
    )
    return base


def test_it_speaks_with_mastras_client(server: LiveServer) -> None:
    task = {"base": server.url, "server": "agentserver", "tool": "demo-echo"}
    done = subprocess.run(
        [str(NODE), "mcp_sdk/mastra.mjs"],
        cwd=CLIENTS,
        input=json.dumps({**task, "data": {"message": "hello"}}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["servers"]["servers"][0]["id"] == said["details"]["id"] == "agentserver"
    assert said["tool"] in said["tools"]["tools"]
    assert said["executed"] == {"result": "hello"}
    assert "MCP server with ID 'nope' not found" in said["missing"]


def test_it_executes_tools_of_a_configured_server(server: LiveServer, passed_on: str) -> None:
    added = request(server.url, f"{passed_on}/tools/get-sum/execute", {"data": {"a": 2, "b": 3}})
    assert "5" in added["result"]
    asked = {"data": {"location": "New York"}}
    weather = request(server.url, f"{passed_on}/tools/get-structured-content/execute", asked)
    assert "temperature" in weather["result"]


def test_it_reads_resources_of_a_configured_server(server: LiveServer, passed_on: str) -> None:
    resources = request(server.url, f"{passed_on}/resources")["resources"]
    asked = {"uri": resources[0]["uri"]}
    assert request(server.url, f"{passed_on}/resources/read", asked)["contents"][0]["text"]
    with pytest.raises(HTTPError) as missing:
        request(server.url, f"{passed_on}/resources/read", {"uri": "demo://nothing/here"})
    assert missing.value.code in (404, 500)
    missing.value.close()


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_it_passes_calls_on(server: LiveServer, passed_on: str, transport: str) -> None:
    path = f"{passed_on}/{'mcp' if transport == 'http' else 'sse'}"
    way = {**WAYS[f"1 {transport}"], "path": path}
    driven = drive(server, way, call("echo"))
    assert "get-sum" in driven["tools"]
    assert driven["results"][0]["content"] == [{"type": "text", "text": "Echo: hello"}]
