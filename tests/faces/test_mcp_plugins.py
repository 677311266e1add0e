"""What apps register for MCP clients, and how the server treats their handlers."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import types
from mcp.shared.exceptions import MCPError

from agentserver_mcp.plugins import (
    completion,
    only_within,
    pattern_of,
    prompt,
    resource,
    resource_template,
    tool,
)
from agentserver_mcp.sessions import owner_of
from tests.api.conftest import JsonClient, keyed
from tests.faces.mcp_wire import (
    PATH,
    call,
    error,
    heard,
    modern,
    note,
    request,
    result,
    send_modern,
    session,
    text_of,
)

pytestmark = pytest.mark.django_db
REGION = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


def said(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    with only_within():
        yield


# --- registration ---------------------------------------------------------------------------------
async def handler(ctx: Any, params: Any) -> types.CallToolResult:
    return said("done")


def test_it_offers_a_tool(api: JsonClient) -> None:
    tool("shout", description="Louder.", title="Shout")(handler)
    (found,) = [
        each
        for each in result(api.post(PATH, request("tools/list")))["tools"]
        if each["name"] == "shout"
    ]
    assert (found["description"], found["title"]) == ("Louder.", "Shout")
    assert text_of(result(api.post(PATH, call("shout")))) == "done"


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "größe"])
def test_it_refuses_names_that_clients_do_not_take(name: str) -> None:
    with pytest.raises(ValueError, match="64 characters"):
        tool(name, description="x")


def test_it_refuses_a_handler_that_cannot_be_awaited() -> None:
    def plain(ctx: Any, params: Any) -> None: ...

    decorate: Any = tool("plain", description="x")
    with pytest.raises(TypeError, match="async"):
        decorate(plain)


def test_it_refuses_a_name_that_is_taken() -> None:
    async def another(ctx: Any, params: Any) -> types.CallToolResult:
        return said("another")

    tool("same", description="x")(handler)
    tool("same", description="x")(handler)
    with pytest.raises(ValueError, match="registered twice"):
        tool("same", description="x")(another)


def test_it_refuses_a_template_it_cannot_match() -> None:
    with pytest.raises(ValueError, match="unsupported"):
        resource_template("x://{?query}", name="x")


def test_it_matches_segments_and_paths() -> None:
    assert not pattern_of("x://{a}/b").fullmatch("x://1/2/b")
    found = pattern_of("x://{+a}/b").fullmatch("x://1/2/b")
    assert found
    assert found["a"] == "1/2"


# --- calls ----------------------------------------------------------------------------------------
def test_it_checks_the_arguments_of_a_tool(api: JsonClient) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tool("count", description="x", input_schema=schema)(handler)
    found = result(api.post(PATH, call("count", n="one")))
    assert found["isError"] is True
    assert "n" in text_of(found)


def test_it_keeps_the_texts_of_bugs_to_itself(api: JsonClient) -> None:
    async def broken(ctx: Any, params: Any) -> Any:
        raise RuntimeError("the password is 1234")

    tool("broken", description="x")(broken)
    answer = api.post(PATH, call("broken"))
    assert (answer.status_code, error(answer)) == (
        200,
        {"code": -32603, "message": "Internal server error"},
    )


def test_it_passes_errors_of_the_protocol_on(api: JsonClient) -> None:
    async def refusing(ctx: Any, params: Any) -> Any:
        raise MCPError(-32001, "not now", {"after": 5})

    tool("refusing", description="x")(refusing)
    found = error(api.post(PATH, call("refusing")))
    assert found == {"code": -32001, "message": "not now", "data": {"after": 5}}


def test_it_says_who_asks_and_lends_a_thread_with_a_database(open_access: None) -> None:
    async def whoami(ctx: Any, params: Any) -> types.CallToolResult:
        return said(await ctx.request.database(owner_of, ctx.request.principal))

    tool("whoami", description="x")(whoami)
    assert text_of(result(keyed("run").post(PATH, call("whoami")))).startswith("key:")


@pytest.mark.parametrize(
    ("arguments", "headers", "status"),
    [
        ({"region": "eu"}, {"Mcp-Param-Region": "eu"}, 200),
        ({"region": "eu"}, {"Mcp-Param-Region": "us"}, 400),
        ({"region": "eu"}, {}, 400),
        ({}, {"Mcp-Param-Region": "eu"}, 400),
        ({"region": "ö"}, {"Mcp-Param-Region": "=?base64?w7Y=?="}, 200),
        ({"region": "ö"}, {"Mcp-Param-Region": "=?base64?w7Y?="}, 400),
    ],
)
def test_it_compares_arguments_with_their_headers(
    api: JsonClient, arguments: Any, headers: Any, status: int
) -> None:
    tool("regional", description="x", input_schema=REGION)(handler)
    body = modern("tools/call", {"name": "regional", "arguments": arguments})
    answer = send_modern(api, body, **headers)
    assert answer.status_code == status
    assert status == 200 or error(answer)["code"] == -32020


# --- resources and prompts ------------------------------------------------------------------------
def contents(uri: str, text: str) -> types.ReadResourceResult:
    found = types.TextResourceContents(uri=uri, mime_type="text/plain", text=text)
    return types.ReadResourceResult(contents=[found])


def test_it_reads_resources_and_templates(api: JsonClient) -> None:
    @resource("x://one", name="one")
    async def one(ctx: Any, params: Any) -> types.ReadResourceResult:
        return contents("x://one", "1")

    @resource_template("x://many/{n}", name="many")
    async def many(ctx: Any, params: Any, values: dict[str, str]) -> types.ReadResourceResult:
        return contents(str(params.uri), values["n"])

    def read(uri: str) -> str:
        found = result(api.post(PATH, request("resources/read", {"uri": uri})))
        return str(found["contents"][0]["text"])

    assert [read("x://one"), read("x://many/7")] == ["1", "7"]
    missing = error(api.post(PATH, request("resources/read", {"uri": "x://many/7/8"})))
    assert (missing["code"], missing["data"]) == (-32602, {"uri": "x://many/7/8"})


def test_it_needs_the_required_arguments_of_a_prompt(api: JsonClient) -> None:
    @prompt("greet", arguments=[{"name": "who", "required": True}])
    async def greet(ctx: Any, params: Any) -> types.GetPromptResult:
        hello = types.TextContent(type="text", text=f"Hello {params.arguments['who']}")
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=hello)])

    @completion("greet")
    async def names(ctx: Any, params: Any) -> types.Completion:
        return types.Completion(values=["Ada"])

    missing = api.post(PATH, request("prompts/get", {"name": "greet"}))
    assert error(missing)["code"] == -32602
    given = request("prompts/get", {"name": "greet", "arguments": {"who": "Ada"}})
    assert result(api.post(PATH, given))["messages"][0]["content"]["text"] == "Hello Ada"
    asked = {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "who", "value": "A"},
    }
    found = result(api.post(PATH, request("completion/complete", asked)))
    assert found["completion"]["values"] == ["Ada"]


# --- long calls -----------------------------------------------------------------------------------
def _waiting() -> threading.Event:
    """Registers a tool that waits for ever; the event says that it was cancelled."""
    cancelled = threading.Event()

    async def wait(ctx: Any, params: Any) -> types.CallToolResult:
        await ctx.session.report_progress(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return said("never")

    tool("wait", description="x")(wait)
    return cancelled


@pytest.mark.django_db(transaction=True)
def test_it_cancels_the_handler_of_a_cancelled_request(api: JsonClient) -> None:
    cancelled = _waiting()
    opened = session(api)
    stream = heard(opened.send(call("wait", id=5, token=1)))
    next(stream)
    opened.send(note("notifications/cancelled", {"requestId": "5"}))
    opened.send(note("notifications/cancelled", {"requestId": 5}))
    assert list(stream)[-1]["error"]["code"] == -32800
    assert cancelled.wait(5)


@pytest.mark.django_db(transaction=True)
def test_it_cancels_what_is_under_way_when_the_session_ends(api: JsonClient) -> None:
    cancelled = _waiting()
    opened = session(api)
    stream = heard(opened.send(call("wait", token=1)))
    next(stream)
    api.client.delete(PATH, headers={"Mcp-Session-Id": opened.id})
    assert list(stream)[-1]["error"]["code"] == -32800
    assert cancelled.wait(5)


@pytest.mark.django_db(transaction=True)
def test_it_cancels_the_handler_when_a_client_of_2026_leaves(api: JsonClient) -> None:
    cancelled = _waiting()
    asked = modern("tools/call", {"name": "wait", "arguments": {}}, progressToken=1)
    answer = send_modern(api, asked)
    next(heard(answer))
    answer.close()
    assert cancelled.wait(5)


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_when_a_client_of_the_handshake_era_leaves(api: JsonClient) -> None:
    go, over = threading.Event(), threading.Event()

    async def finish(ctx: Any, params: Any) -> types.CallToolResult:
        await ctx.session.report_progress(1)
        await asyncio.to_thread(go.wait, 5)
        over.set()
        return said("finished")

    tool("finish", description="x")(finish)
    answer = session(api).send(call("finish", token=1))
    next(heard(answer))
    answer.close()
    go.set()
    assert over.wait(5)


@pytest.mark.django_db(transaction=True)
def test_it_answers_others_of_the_session_meanwhile(api: JsonClient) -> None:
    _waiting()
    opened = session(api)
    stream = heard(opened.send(call("wait", id=1, token=1)))
    next(stream)
    assert result(opened.send(request("ping", id=2))) == {}
    opened.send(note("notifications/cancelled", {"requestId": 1}))
    assert list(stream)[-1]["error"]["code"] == -32800


@pytest.mark.django_db(transaction=True)
def test_it_hands_the_clients_error_to_the_handler(api: JsonClient) -> None:
    async def ask(ctx: Any, params: Any) -> types.CallToolResult:
        try:
            await ctx.request.send_raw_request("roots/list", None)
        except MCPError as refused:
            return said(f"{refused.code} {refused.message}")
        return said("answered")

    tool("ask", description="x")(ask)
    opened = session(api, roots={})
    stream = heard(opened.send(call("ask")))
    question = next(stream)
    refusal = {"code": -1, "message": "no"}
    opened.send({"jsonrpc": "2.0", "id": question["id"], "error": refusal})
    assert text_of(list(stream)[-1]["result"]) == "-1 no"


def test_it_asks_no_client_that_did_not_offer_to_answer(api: JsonClient) -> None:
    async def ask(ctx: Any, params: Any) -> Any:
        await ctx.request.send_raw_request("roots/list", None)

    tool("ask", description="x")(ask)
    without_session = error(api.post(PATH, call("ask")))
    not_declared = error(session(api, elicitation={}).send(call("ask")))
    assert {without_session["code"], not_declared["code"]} == {-32600}
