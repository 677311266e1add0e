"""``/api/mcp`` past the agents: tools of code, and configured servers; who may, and what fails."""

import asyncio
import threading
from collections.abc import Iterator
from threading import BoundedSemaphore
from types import SimpleNamespace
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core import loops
from agentserver.core.loops import run_sync, submit
from agentserver_mcp import direct
from agentserver_mcp.client import trial
from agentserver_mcp.client.pool import close_here
from agentserver_mcp.external import ExternalCatalogue
from config import registry as registries
from tests.api.conftest import JsonClient, keyed
from tests.api.native_stream import ECHO
from tests.engine_fixture import Engine
from tests.faces.mcp_client_lab import Servers
from tests.faces.mcp_wire import call, error, request, result

OWN = "/api/mcp/agentserver"
OTHER = "/api/mcp/plain"
FORBIDDEN = -32003
SECRET = "sesame-4711"


@pytest.fixture
def shout(engine: Engine) -> str:
    """An agent ``echo``, and a tool that no agent may use."""

    def shout(text: str) -> str:
        """Says it louder."""
        if text == "secret":
            raise ValueError(SECRET)
        return text.upper()

    engine.agent("echo", ECHO)
    return engine.tool(shout)


def named(api: JsonClient, path: str) -> set[str]:
    return {tool["name"] for tool in result(api.post(path, request("tools/list")))["tools"]}


# --- tools of code --------------------------------------------------------------------------------
def test_it_calls_a_tool_without_an_agent_for_those_who_may_configure(
    shout: str, open_access: None
) -> None:
    api = keyed("run", "config")
    assert {"echo", shout} <= named(api, OWN)
    answer = api.post(f"{OWN}/tools/{shout}/execute", {"data": {"text": "hi"}})
    assert answer.json() == {"result": "HI"}


def test_it_lets_nobody_else_around_the_rules_of_agents(shout: str, open_access: None) -> None:
    api = keyed("read", "run")
    assert shout not in named(api, OWN)
    assert error(api.post(OWN, call(shout, text="hi")))["code"] == FORBIDDEN
    answer = api.post(f"{OWN}/tools/{shout}/execute", {"data": {"text": "hi"}})
    assert (answer.status_code, "config" in answer.json()["error"]) == (403, True)
    assert api.get(f"{OWN}/tools/{shout}").status_code == 404


def test_it_answers_503_where_too_many_wait(
    shout: str, open_access: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = keyed("run", "config")
    path = f"{OWN}/tools/{shout}/execute"
    monkeypatch.setattr(direct, "_places", BoundedSemaphore(1))
    for _ in range(2):
        assert api.post(path, {"data": {"text": "hi"}}).status_code == 200
    with direct._places:
        assert api.post(path, {"data": {"text": "hi"}}).status_code == 503


def test_it_asks_agents_for_whoever_may_run(shout: str, open_access: None) -> None:
    answer = keyed("run").post(f"{OWN}/tools/ask_echo/execute", {"data": {"message": "hi"}})
    assert answer.json() == {"result": "hi"}


def test_it_does_not_log_what_a_failing_tool_said(
    shout: str, api: JsonClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api.post(f"{OWN}/tools/{shout}/execute", {"data": {"text": "secret"}})
    assert (answer.status_code, list(answer.json())) == (500, ["error"])
    ours = [record for record in caplog.records if record.name.startswith("agentserver.")]
    assert ours == []


# --- configured servers ---------------------------------------------------------------------------
@pytest.fixture
def plain(servers: Servers, open_access: None) -> Iterator[str]:
    """A configured server whose tools are known; connections of the views end with the test."""
    servers.ready(env={"API_KEY": SECRET})
    yield OTHER
    run_sync(close_here(), 5)


def executed(path: str, tool: str, **arguments: Any) -> Any:
    return keyed("run", "config").post(f"{path}/tools/{tool}/execute", {"data": arguments})


def test_it_passes_calls_on_for_those_who_may_configure(plain: str) -> None:
    assert executed(plain, "echo", message="hi").json() == {"result": "echo: hi"}


def test_it_leaves_configured_servers_to_agents_otherwise(plain: str) -> None:
    api = keyed("read", "run")
    for method in ("tools/list", "resources/list", "prompts/list"):
        assert error(api.post(plain, request(method)))["code"] == FORBIDDEN
    assert error(api.post(plain, call("echo", message="hi")))["code"] == FORBIDDEN
    assert api.get(f"{plain}/tools").status_code == 403
    assert api.post(f"{plain}/resources/read", {"uri": "x://y"}).status_code == 403
    answer = api.post(f"{plain}/tools/echo/execute", {"data": {"message": "hi"}})
    assert (answer.status_code, list(answer.json())) == (403, ["error"])


def test_it_takes_secrets_out_of_what_a_server_says_of_a_failure(plain: str) -> None:
    answer = executed(plain, "broken")
    assert answer.status_code == 500
    assert "the kettle is broken" in answer.json()["error"]
    assert SECRET not in answer.content.decode()


def test_it_says_that_a_server_ended_in_mid_call(plain: str) -> None:
    answer = executed(plain, "die")
    assert answer.status_code == 500
    assert "the call may have taken effect" in answer.json()["error"]


def test_it_tells_a_refusal_of_the_server_from_a_tool_that_is_missing(
    plain: str, servers: Servers
) -> None:
    # It is listed there, and when it is called the server says -32602.
    (servers.folder / "tools").write_text("late_tool")
    executed(plain, "grow")
    answer = _once_known(plain, "late_tool")
    assert (answer.status_code, "refused" in answer.json()["error"]) == (500, True)


def _once_known(path: str, tool: str) -> Any:
    from tests.faces.mcp_client_lab import until

    def known() -> Any:
        answer = executed(path, tool)
        return answer if answer.status_code != 404 else None

    return until(known, "the tool did not become known")


# --- what a waiting call holds --------------------------------------------------------------------
def test_it_holds_no_connection_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    waiting = threading.Event()

    class Watched:
        def __init__(self, coroutine: Any) -> None:
            self._inner = submit(coroutine)

        def result(self, seconds: float) -> None:
            done.append("wait")
            assert seconds < direct.SECONDS
            waiting.set()
            self._inner.result(seconds)

    async def work(exchange: Any, *_: Any) -> None:
        await exchange.database(done.append, "query")
        exchange.desk.dismiss()
        await asyncio.to_thread(waiting.wait, 10)
        exchange.finish({"result": {"a": 1}})

    monkeypatch.setattr(direct, "SECONDS", 20.0)
    monkeypatch.setattr(direct, "SILENCE_SECONDS", 10.0)
    monkeypatch.setattr(direct, "submit", Watched)
    monkeypatch.setattr(direct, "kernel_of", lambda _: None)
    monkeypatch.setattr(direct, "work", work)
    monkeypatch.setattr(direct, "release_database", lambda: done.append("release"))
    assert direct.ask(ExternalCatalogue("x"), ANONYMOUS, "tools/list", {}) == {"a": 1}
    assert done == ["release", "query", "release", "wait"]


def test_it_holds_no_connection_while_a_tool_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    spec = SimpleNamespace(timeout_secs=1)
    known = SimpleNamespace(mcp_server_with_secrets=lambda server_id: spec)

    def run(coroutine: Any, limit: float) -> dict[str, Any]:
        coroutine.close()
        done.append("wait")
        return {}

    monkeypatch.setattr(registries, "current", lambda: known)
    monkeypatch.setattr(loops, "run_sync", run)
    monkeypatch.setattr(trial, "release_database", lambda: done.append("release"))
    assert not trial.try_tool("plain", "echo", {}).error
    assert done == ["release", "wait"]
