"""One thread, several protocols: what was written over one is readable over the others."""

from typing import Any

import pytest

from tests.api.conftest import JsonClient
from tests.api.native_stream import calling, run_to_end
from tests.engine_fixture import Engine
from tests.faces.ag_ui_http import messages, run, user


@pytest.fixture
def agent(engine: Engine) -> str:
    def add() -> int:
        """Adds."""
        return 5

    engine.tool(add)
    return engine.agent("adder", calling("add"), tools=["add"])


def native(api: JsonClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/v1/threads/t/messages").json()["messages"]
    return found


def ai_sdk(api: JsonClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/v1/ai-sdk/threads/t/messages").json()["messages"]
    return found


def test_it_shows_a_native_thread_to_ag_ui_clients(agent: str, api: JsonClient) -> None:
    run_to_end(api, agent, "add", threadId="t")
    listed = messages(api, "t")
    assert [each["role"] for each in listed] == ["user", "assistant", "tool", "assistant"]
    assert [each["id"] for each in listed] == [each["id"] for each in native(api)]
    assert listed[1]["toolCalls"][0]["id"] == listed[2]["toolCallId"]
    assert listed[3]["content"] == "It said 5."


def test_it_shows_an_ag_ui_thread_to_the_other_faces(agent: str, api: JsonClient) -> None:
    run(api, agent, user("u1", "add"), threadId="t")
    assert [each["role"] for each in native(api)] == ["user", "assistant", "tool", "assistant"]
    asked, answered = ai_sdk(api)
    assert asked["id"] == "u1"
    assert asked["parts"] == [{"type": "text", "text": "add"}]
    assert "It said 5." in [part.get("text") for part in answered["parts"]]


def test_it_goes_on_in_ag_ui_with_a_native_thread(agent: str, api: JsonClient) -> None:
    run_to_end(api, agent, "add", threadId="t")
    history = messages(api, "t")
    run(api, agent, *history, user("u2", "again"), threadId="t")
    assert [each["id"] for each in messages(api, "t")][:5] == [
        *[each["id"] for each in history], "u2",
    ]  # fmt: skip
