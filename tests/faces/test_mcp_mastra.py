"""``/api/mcp``: the MCP servers of an installation as Mastra's clients see them."""

import pytest

from agentserver_mcp.models import McpSession
from tests.api.conftest import JsonClient, keyed
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.mcp_wire import call, heard, opening, request, result, text_of
from tests.processes import wait_until

OWN = "/api/mcp/agentserver"


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def explode() -> None:
    """Fails."""
    raise ValueError("no")


@pytest.fixture
def adding(engine: Engine) -> str:
    engine.agent("echo", ECHO, description="Repeats.")
    return engine.tool(add)


# --- lists ----------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/mcp/servers", "/api/mcp/v0/servers"])
def test_it_lists_the_servers(api: JsonClient, path: str) -> None:
    found = api.get(path).json()
    own = found["servers"][0]
    assert (found["total_count"], found["next"]) == (len(found["servers"]), None)
    assert (own["id"], own["transports"]) == ("agentserver", ["streamable-http", "sse"])
    assert own["version_detail"]["is_latest"] is True


def test_it_lists_configured_servers_page_by_page(engine: Engine, api: JsonClient) -> None:
    document = {"id": "files", "transport": "stdio", "command": "true"}
    assert api.post("/v1/config/mcp-servers", document).status_code == 201
    first = api.get("/api/mcp/v0/servers", perPage=1).json()
    assert [each["id"] for each in first["servers"]] == ["agentserver"]
    second = api.get(first["next"]).json()
    assert ([each["id"] for each in second["servers"]], second["next"]) == (["files"], None)
    assert api.get("/api/mcp/v0/servers/files").json()["name"] == "files"
    assert api.get("/api/mcp/files/tools").json() == {"tools": []}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/api/mcp/v0/servers/nope",
        "/api/mcp/v0/servers/agentserver?version=9",
        "/api/mcp/servers/nope/tools",
        "/api/mcp/nope/tools/x",
        f"{OWN}/tools/nope",
        "/api/mcp/nope/resources",
        "/api/mcp/nope/sse",
    ],
)
def test_it_says_what_is_not_there(api: JsonClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("path", ["/api/mcp/servers/agentserver/tools", f"{OWN}/tools"])
def test_it_lists_agents_and_tools(adding: str, api: JsonClient, path: str) -> None:
    tools = {each["id"]: each for each in api.get(path).json()["tools"]}
    assert tools["echo"]["description"] == "Repeats."
    assert tools[adding]["inputSchema"]["required"] == ["a", "b"]
    assert api.get(f"{OWN}/tools/{adding}").json() == tools[adding]


def test_it_keeps_tools_that_need_an_approval_to_agents(engine: Engine, api: JsonClient) -> None:
    name = engine.tool(add, needs_approval=True)
    assert api.get(f"{OWN}/tools/{name}").status_code == 404
    assert api.post(f"{OWN}/tools/{name}/execute", {"data": {"a": 1, "b": 1}}).status_code == 404


# --- execution ------------------------------------------------------------------------------------
def test_it_executes_a_tool(adding: str, api: JsonClient) -> None:
    answer = api.post(f"{OWN}/tools/{adding}/execute", {"data": {"a": 2, "b": 3}})
    assert answer.json() == {"result": 5}


@pytest.mark.parametrize("name", ["echo", "ask_echo"])
def test_it_asks_an_agent(adding: str, api: JsonClient, name: str) -> None:
    answer = api.post(f"{OWN}/tools/{name}/execute", {"data": {"message": "hello"}})
    assert answer.json() == {"result": "hello"}


def test_it_answers_wrong_arguments_in_the_result(adding: str, api: JsonClient) -> None:
    answer = api.post(f"{OWN}/tools/{adding}/execute", {"data": {"a": 2}})
    assert (answer.status_code, answer.json()["result"]["error"]) == (200, True)
    assert "b" in answer.json()["result"]["message"]


def test_it_answers_a_failing_tool_with_500(engine: Engine, api: JsonClient) -> None:
    name = engine.tool(explode)
    answer = api.post(f"{OWN}/tools/{name}/execute", {"data": {}})
    assert (answer.status_code, list(answer.json())) == (500, ["error"])


def test_it_does_not_find_every_tool(engine: Engine, api: JsonClient) -> None:
    answer = api.post(f"{OWN}/tools/nope/execute", {"data": {}})
    assert answer.status_code == 404
    assert answer.json() == {"error": "Tool with ID 'nope' not found on MCP server 'agentserver'"}


def test_it_says_that_an_agent_waits(engine: Engine, api: JsonClient) -> None:
    permission = {"default_behavior": "ask"}
    name = engine.tool(add)
    script = calling(name, arguments={"a": 1, "b": 1})
    engine.agent("asker", script, tools=[name], permission=permission)
    found = api.post(f"{OWN}/tools/asker/execute", {"data": {"message": "x"}}).json()
    assert found["status"] == "suspended"
    assert "/decision" in found["suspendPayload"]["message"]


@pytest.mark.django_db
def test_it_needs_the_scope_run_to_execute(api: JsonClient) -> None:
    assert keyed("read").post(f"{OWN}/tools/x/execute", {"data": {}}).status_code == 403


@pytest.mark.django_db
def test_it_does_not_find_every_resource(api: JsonClient) -> None:
    assert api.get(f"{OWN}/resources").json()["resources"] is not None
    assert api.post(f"{OWN}/resources/read", {"uri": "no://where"}).status_code == 404


# --- transports -----------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [OWN, f"{OWN}/mcp"])
def test_it_speaks_streamable_http(adding: str, api: JsonClient, path: str) -> None:
    names = {each["name"] for each in result(api.post(path, request("tools/list")))["tools"]}
    assert {"echo", adding} <= names
    assert text_of(result(api.post(path, call(adding, a=1, b=2)))) == "3"
    assert text_of(result(api.post(path, call("ask_echo", message="hello")))) == "hello"


@pytest.mark.django_db
def test_it_does_not_serve_unknown_servers(api: JsonClient) -> None:
    answer = api.post("/api/mcp/nope/mcp", request("ping"))
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


@pytest.mark.django_db
def test_it_keeps_sessions_of_servers_apart(api: JsonClient) -> None:
    opened = api.post(f"{OWN}/mcp", opening()).headers["Mcp-Session-Id"]
    assert api.post("/v1/mcp", request("ping"), **{"Mcp-Session-Id": opened}).status_code == 404


def test_it_speaks_over_an_event_stream(adding: str, api: JsonClient) -> None:
    answer = api.get(f"{OWN}/sse")
    pieces = iter(answer)
    first = next(pieces).decode()
    assert first.startswith("event: endpoint\ndata: /api/mcp/agentserver/messages?sessionId=")
    path = first.splitlines()[1].removeprefix("data: ")
    messages = heard(pieces)
    accepted = api.post(path, opening("2024-11-05"))
    assert (accepted.status_code, accepted.content) == (202, b"Accepted")
    assert next(messages)["result"]["protocolVersion"] == "2024-11-05"
    api.post(path, call("echo", id=2, message="hello"))
    reply = next(each for each in messages if each.get("id") == 2)
    assert text_of(reply["result"]) == "hello"
    answer.close()
    wait_until(lambda: not McpSession.objects.exists(), what="the end of the session")


@pytest.mark.django_db
def test_it_does_not_know_other_streams(api: JsonClient) -> None:
    answer = api.post(f"{OWN}/messages?sessionId=nope", request("ping"))
    assert answer.status_code == 404
    assert not McpSession.objects.exists()
