"""Questions that reach an MCP client from behind a delegate, one after the other."""

import pytest

from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.mcp_wire import (
    Json,
    call,
    heard,
    modern,
    result,
    send_modern,
    session,
)

ASKING = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}


@pytest.fixture
def erased(engine: Engine) -> list[str]:
    """An agent ``boss`` whose delegate asks for leave twice; the paths that were erased."""
    paths: list[str] = []

    def erase(path: str) -> str:
        """Erases a file."""
        paths.append(path)
        return f"{path} is gone"

    name = engine.tool(erase)
    steps = [{"tool_call": {"name": name, "arguments": {"path": path}}} for path in ("a", "b")]
    script = [{"when": {"turn": turn}, "reply": [step]} for turn, step in enumerate(steps)]
    engine.agent(
        "clerk", [*script, {"reply": [{"text": "erased"}]}], tools=[name], permission=ASKING
    )
    prompt = {"name": "agent_run_clerk", "arguments": {"prompt": "erase"}}
    done = {"when": {"has_tool_result": True}, "reply": [{"text": "done"}]}
    engine.agent("boss", [done, {"reply": [{"tool_call": prompt}]}], delegates=["clerk"])
    return paths


def test_it_asks_a_client_with_a_session_about_each(erased: list[str], api: JsonClient) -> None:
    opened = session(api, elicitation={})
    stream = heard(opened.send(call("boss", message="x")))
    for known in ([], ["a"]):
        question = next(each for each in stream if each.get("method") == "elicitation/create")
        assert erased == known
        reply = {"action": "accept", "content": {"decision": "approve"}}
        opened.send({"jsonrpc": "2.0", "id": question["id"], "result": reply})
    assert list(stream)[-1]["result"]["isError"] is False
    assert erased == ["a", "b"]


def test_it_asks_a_client_of_2026_about_each(erased: list[str], api: JsonClient) -> None:
    def ask(**more: Json | str) -> Json:
        params = {"name": "boss", "arguments": {"message": "x"}, **more}
        sent = modern("tools/call", params, capabilities={"elicitation": {}})
        return result(send_modern(api, sent))

    answer = ask()
    for known in ([], ["a"]):
        assert (answer["resultType"], erased) == ("input_required", known)
        approval = {"action": "accept", "content": {"decision": "approve"}}
        responses: Json = dict.fromkeys(answer["inputRequests"], approval)
        answer = ask(inputResponses=responses, requestState=answer["requestState"])
    assert (answer["resultType"], erased) == ("complete", ["a", "b"])
