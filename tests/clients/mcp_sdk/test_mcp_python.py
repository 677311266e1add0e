"""The Python client of MCP, in both eras, against a live server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest
from mcp import Client, MCPError, types

from tests.clients.ai_sdk.conftest import request
from tests.live.server import LiveServer, StartServer

pytestmark = pytest.mark.leg("postgres")  # what clients make of the protocol is the same on both


T = TypeVar("T")
Json = dict[str, Any]
GivingUp = Callable[["asyncio.Task[Any]"], Awaitable[None]]
ERAS = {"handshake": "legacy", "2026": "2026-07-28", "probing": "auto"}
SECONDS = 60


@pytest.fixture(params=ERAS)
def mode(request: pytest.FixtureRequest) -> str:
    return ERAS[request.param]


def speak(
    server: LiveServer, mode: str, talk: Callable[[Client], Awaitable[T]], **options: Any
) -> T:
    """What ``talk`` returns, with a client that is connected to the server."""

    async def connected() -> T:
        url = f"{server.url}/v1/mcp"
        async with (
            asyncio.timeout(SECONDS),
            Client(url, mode=mode, cache=None, **options) as client,
        ):
            return await talk(client)

    return asyncio.run(connected())


@pytest.fixture(scope="module")
def brief(server: LiveServer) -> str:
    """An agent that talks for three quarters of a second."""
    said = {"text": "Wait. " * 5, "chunks": 5, "delay_ms": 150}
    options = {"script": [{"reply": [said]}]}
    provider = {"id": "brief", "adapter": "scripted", "adapter_options": options}
    model = {"id": "brief", "provider_id": "brief", "upstream_model": "brief"}
    agent = {"id": "brief", "model_id": "brief", "system_prompt": ""}
    for namespace, document in (("providers", provider), ("models", model), ("agents", agent)):
        request(server.url, f"/v1/config/{namespace}", document)
    return "brief"


def text_of(result: types.CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


def run_of(server: LiveServer, result: types.CallToolResult) -> Json:
    assert result.meta
    return request(server.url, f"/v1/runs/{result.meta['agentserver/runId']}")


def newest_runs(server: LiveServer) -> list[Json]:
    """The list begins with the oldest, and other tests have left theirs."""
    total = request(server.url, "/v1/runs?limit=1")["total"]
    page = request(server.url, f"/v1/runs?limit=200&offset={max(total - 200, 0)}")
    return list(page["items"])


async def until_ended(server: LiveServer, agent_id: str) -> Json:
    """The only run of an agent, once it is done."""
    async with asyncio.timeout(30):
        while True:
            listed = await asyncio.to_thread(newest_runs, server)
            found = [each for each in listed if each["agent_id"] == agent_id]
            if found and found[0]["status"] == "done":
                return dict(found[0])
            await asyncio.sleep(0.1)


def test_it_lists_and_calls(server: LiveServer, mode: str) -> None:
    async def talk(client: Client) -> tuple[set[str], types.CallToolResult]:
        names = {tool.name for tool in (await client.list_tools()).tools}
        return names, await client.call_tool("demo-echo", {"message": "hello"})

    names, result = speak(server, mode, talk)
    assert {"assistant", "demo-echo"} <= names
    assert (text_of(result), result.is_error) == ("hello", False)


def test_it_makes_eight_calls_at_once(server: LiveServer, mode: str) -> None:
    async def talk(client: Client) -> list[str]:
        calls = [client.call_tool("demo-echo", {"message": f"m{n}"}) for n in range(8)]
        return [text_of(each) for each in await asyncio.gather(*calls)]

    assert speak(server, mode, talk) == [f"m{n}" for n in range(8)]


def test_it_hears_of_progress_while_the_agent_works(
    server: LiveServer, brief: str, mode: str
) -> None:
    heard: list[float] = []

    async def talk(client: Client) -> int:
        first = asyncio.Event()

        async def heard_of(progress: float, total: float | None, message: str | None) -> None:
            heard.append(progress)
            first.set()

        call = asyncio.create_task(
            client.call_tool(brief, {"message": "x"}, progress_callback=heard_of)
        )
        await first.wait()
        before_the_end = len(heard) if not call.done() else 0
        await call
        return before_the_end

    assert speak(server, mode, talk) > 0
    assert heard == sorted(set(heard))


def test_it_reads_failures(server: LiveServer, mode: str) -> None:
    async def talk(client: Client) -> list[types.CallToolResult]:
        return [
            await client.call_tool("demo-error", {"message": "x"}),
            await client.call_tool("demo-echo", {"text": "x"}),
        ]

    failed, wrong = speak(server, mode, talk)
    assert failed.is_error
    assert text_of(failed).startswith("agent run failed")
    assert wrong.is_error
    assert "message" in text_of(wrong)


def test_it_is_told_of_unknown_tools(server: LiveServer, mode: str) -> None:
    async def talk(client: Client) -> int:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("nobody", {})
        return refused.value.code

    assert speak(server, mode, talk) == -32602


async def cancelled(call: "asyncio.Task[Any]") -> None:
    call.cancel()
    await asyncio.wait([call])


async def timed_out(call: "asyncio.Task[Any]") -> None:
    with pytest.raises(MCPError) as over:
        await call
    assert over.value.code == types.REQUEST_TIMEOUT


def talks_for_a_minute(server: LiveServer, name: str) -> str:
    """An agent that nobody outwaits by accident."""
    script = [{"reply": [{"text": "x" * 600, "chunks": 600, "delay_ms": 100}]}]
    options = {"adapter": "scripted", "adapter_options": {"scripts": {name: script}}}
    request(server.url, "/v1/config/providers", {"id": name, **options})
    model = {"id": name, "provider_id": name, "upstream_model": name}
    request(server.url, "/v1/config/models", model)
    request(server.url, "/v1/config/agents", {"id": name, "model_id": name, "system_prompt": ""})
    return name


@pytest.mark.parametrize(("give_up", "patience"), [(cancelled, None), (timed_out, 1.0)])
def test_it_stops_the_run_of_a_call_that_is_given_up(
    server: LiveServer, mode: str, give_up: GivingUp, patience: float | None
) -> None:
    agent_id = talks_for_a_minute(server, f"{give_up.__name__}-{mode}")

    async def talk(client: Client) -> tuple[Json, str]:
        started = asyncio.Event()

        async def heard_of(progress: float, total: float | None, message: str | None) -> None:
            started.set()

        call = asyncio.create_task(
            client.call_tool(
                agent_id,
                {"message": "x"},
                progress_callback=heard_of,
                read_timeout_seconds=patience,
            )
        )
        await started.wait()
        await give_up(call)
        ended = await until_ended(server, agent_id)
        return ended, text_of(await client.call_tool("demo-echo", {"message": "still here"}))

    ended, said = speak(server, mode, talk)
    assert ended["termination_reason"]["type"] == "cancelled"
    assert said == "still here"


def test_it_answers_for_a_person(server: LiveServer, mode: str) -> None:
    asked: list[str] = []

    async def elicit(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"decision": "approve"})

    async def talk(client: Client) -> str:
        return text_of(await client.call_tool("demo-approval", {"message": "x"}))

    said = speak(server, mode, talk, elicitation_callback=elicit)
    assert len(asked) == 1
    assert "is deleted" in said


def test_it_sees_agents_come_and_go_in_an_open_connection(server: LiveServer, mode: str) -> None:
    agent = {"id": f"new-{mode}", "model_id": "demo-echo", "system_prompt": ""}

    async def until_offered(client: Client, wanted: bool) -> bool:
        async with asyncio.timeout(8):
            while (agent["id"] in {tool.name for tool in (await client.list_tools()).tools}) != (
                wanted
            ):
                pass
        return wanted

    async def talk(client: Client) -> list[bool]:
        seen = [await until_offered(client, False)]
        await asyncio.to_thread(request, server.url, "/v1/config/agents", agent)
        seen.append(await until_offered(client, True))
        await asyncio.to_thread(httpx.delete, f"{server.url}/v1/config/agents/{agent['id']}")
        seen.append(await until_offered(client, False))
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool(agent["id"], {"message": "x"})
        return seen

    assert speak(server, mode, talk) == [False, True, False]


def test_it_is_told_that_the_list_changed(server: LiveServer) -> None:
    agent = {"id": "listened-for", "model_id": "demo-echo", "system_prompt": ""}

    async def talk(client: Client) -> str:
        async with client.listen(tools_list_changed=True) as changes:
            await asyncio.to_thread(request, server.url, "/v1/config/agents", agent)
            async for change in changes:
                return type(change).__name__
        return "nothing"

    assert speak(server, "2026-07-28", talk) == "ToolsListChanged"


@pytest.mark.leg("postgres")
def test_it_speaks_with_several_processes_at_once(start_server: StartServer) -> None:
    """Sessions, questions and changes reach whichever process has to know of them."""
    server = start_server(web_processes=3, env={"AGENTSERVER_APPS": "tests.mcp_fixtures"})

    async def elicit(context: Any, params: Any) -> types.ElicitResult:
        content = {"username": "u", "email": "e@example.org", "decision": "approve"}
        return types.ElicitResult(action="accept", content=content)

    async def ask(client: Client) -> list[str]:
        calls = [client.call_tool("test_elicitation", {"message": "x"}) for _ in range(6)]
        calls += [client.call_tool("demo-approval", {"message": "x"}) for _ in range(3)]
        return [text_of(each) for each in await asyncio.gather(*calls)]

    async def listen(client: Client) -> list[str]:
        async with client.listen(tools_list_changed=True) as changes:
            heard = []
            for _ in range(3):
                await client.call_tool("test_trigger_tool_change", {})
                heard.append(type(await anext(aiter(changes))).__name__)
            return heard

    answered = speak(server, "legacy", ask, elicitation_callback=elicit)
    assert all("action=accept" in each for each in answered[:6])
    assert all("is deleted" in each for each in answered[6:])
    assert speak(server, "2026-07-28", listen) == ["ToolsListChanged"] * 3
