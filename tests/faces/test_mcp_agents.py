"""Agents as tools of ``/v1/mcp``: listed, called, watched, answered and stopped."""

from collections.abc import Iterator
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver_mcp.models import McpCall
from runs.models import Run
from runs.services import cancel_run
from tests.api.conftest import JsonClient, keyed
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.mcp_wire import (
    PATH,
    Json,
    call,
    error,
    frames,
    heard,
    modern,
    note,
    request,
    result,
    send_modern,
    session,
    text_of,
)

PERMISSION = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}
WAITS: list[Json] = [{"reply": [{"text": "Wait. " * 200, "chunks": 200, "delay_ms": 100}]}]


@pytest.fixture
def erased(engine: Engine) -> list[str]:
    """An agent ``eraser`` whose tool asks for permission; the paths that were erased."""
    paths: list[str] = []

    def erase(path: str = "default") -> str:
        """Erases a file."""
        paths.append(path)
        return f"{path} is gone"

    name = engine.tool(erase)
    script = calling(name, arguments={"path": "a.txt"})
    engine.agent("eraser", script, tools=[name], permission=PERMISSION)
    return paths


def tools(api: JsonClient) -> dict[str, Json]:
    return {tool["name"]: tool for tool in result(api.post(PATH, request("tools/list")))["tools"]}


def progress_of(messages: list[Json]) -> list[Json]:
    return [each["params"] for each in messages if each.get("method") == "notifications/progress"]


def logs_of(messages: list[Json]) -> list[Json]:
    return [each["params"] for each in messages if each.get("method") == "notifications/message"]


# --- what is listed -------------------------------------------------------------------------------
def test_it_offers_agents_as_tools(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO, description="Repeats.")
    found = tools(api)["echo"]
    assert found["description"] == "Repeats."
    assert found["inputSchema"]["required"] == ["message"]
    assert found["annotations"] == {"openWorldHint": True}


def test_it_describes_an_agent_by_its_prompt_else_its_id(engine: Engine, api: JsonClient) -> None:
    engine.agent("prompted", ECHO, system_prompt="Be kind. " * 50)
    engine.agent("bare", ECHO, system_prompt="")
    assert tools(api)["prompted"]["description"] == ("Be kind. " * 50)[:200].strip()
    assert tools(api)["bare"]["description"] == "Agent bare"


def test_it_makes_names_that_clients_take(engine: Engine, api: JsonClient) -> None:
    engine.agent("große Köchin", ECHO)
    engine.agent("gro_e K_chin", ECHO)
    engine.agent("a" * 100, ECHO)
    names = [name for name in tools(api) if name.startswith(("gro", "aaa"))]
    assert len(names) == 3
    assert all(len(name) <= 64 and " " not in name and "ö" not in name for name in names)


def test_it_offers_a_new_agent_in_an_open_session(engine: Engine, api: JsonClient) -> None:
    engine.agent("first", ECHO)
    opened = session(api)
    engine.agent("second", ECHO)
    names = {tool["name"] for tool in result(opened.send(request("tools/list")))["tools"]}
    assert {"first", "second"} <= names


# --- a call ---------------------------------------------------------------------------------------
def test_it_answers_with_what_the_agent_said(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    found = result(api.post(PATH, call("echo", message="hello")))
    assert found["content"] == [{"type": "text", "text": "hello"}]
    assert found["isError"] is False


def test_it_makes_a_run_like_any_other(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    meta = result(api.post(PATH, call("echo", message="hello")))["_meta"]
    run = Run.objects.get(pk=meta["agentserver/runId"])
    assert (run.origin, run.agent_id, run.thread_id) == (
        "Mcp",
        "echo",
        meta["agentserver/threadId"],
    )
    assert run.thread_id.startswith("mcp-")
    assert run.pk in api.get("/v1/runs").content.decode()


def test_it_continues_a_conversation(engine: Engine, api: JsonClient) -> None:
    engine.agent("counter", [{"reply": [{"text": "{{message_count}}"}]}])
    first = result(api.post(PATH, call("counter", message="one")))
    thread_id = first["_meta"]["agentserver/threadId"]
    again = result(api.post(PATH, call("counter", message="two", threadId=thread_id)))
    assert again["_meta"]["agentserver/threadId"] == thread_id
    assert int(text_of(again)) > int(text_of(first))


def test_it_hides_conversations_of_others(engine: Engine, open_access: None) -> None:
    engine.agent("echo", ECHO)
    hers, his = keyed("run", resource_id="hers"), keyed("run", resource_id="his")
    made = result(hers.post(PATH, call("echo", message="hello")))
    thread_id = made["_meta"]["agentserver/threadId"]
    refused = result(his.post(PATH, call("echo", message="hello", threadId=thread_id)))
    unknown = result(his.post(PATH, call("echo", message="hello", threadId="nowhere")))
    assert text_of(refused).replace(thread_id, "nowhere") == text_of(unknown)
    assert refused["isError"] is True


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({}, "message"), ({"message": ""}, "message"), ({"message": "x", "threadId": 1}, "threadId")],
)
def test_it_names_the_argument_that_is_wrong(
    engine: Engine, api: JsonClient, arguments: Json, named: str
) -> None:
    engine.agent("echo", ECHO)
    found = result(api.post(PATH, call("echo", **arguments)))
    assert found["isError"] is True
    assert named in text_of(found)
    assert not Run.objects.exists()


def test_it_does_not_know_every_tool(engine: Engine, api: JsonClient) -> None:
    answer = api.post(PATH, call("nobody", message="x"))
    assert error(answer) == {"code": -32602, "message": "Unknown tool: nobody"}
    assert answer.status_code == 200
    body = modern("tools/call", {"name": "nobody", "arguments": {}})
    assert send_modern(api, body).status_code == 400


def test_it_reports_a_failed_run_to_the_model(engine: Engine, api: JsonClient) -> None:
    engine.agent("broken", [{"reply": [{"error": {"status": 401, "message": "no"}}]}])
    found = result(api.post(PATH, call("broken", message="x")))
    assert found["isError"] is True
    assert text_of(found).startswith("agent run failed: ")


def test_it_reports_an_agent_that_says_nothing(engine: Engine, api: JsonClient) -> None:
    engine.agent("silent", [{"reply": [{"text": ""}]}])
    assert text_of(result(api.post(PATH, call("silent", message="x")))) == "(no response)"


# --- meanwhile ------------------------------------------------------------------------------------
@pytest.mark.parametrize("token", ["p1", 7])
def test_it_reports_progress_under_the_callers_token(
    engine: Engine, api: JsonClient, token: Any
) -> None:
    engine.agent("echo", ECHO)
    told = progress_of(frames(api.post(PATH, call("echo", token=token, message="hello"))))
    assert {each["progressToken"] for each in told} == {token}
    counts = [each["progress"] for each in told]
    assert counts == sorted(set(counts))
    assert "step 1" in [each["message"] for each in told]


def test_it_reports_no_progress_unasked(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    assert progress_of(frames(api.post(PATH, call("echo", message="hello")))) == []


def test_it_logs_steps_and_tools(engine: Engine, api: JsonClient) -> None:
    def look() -> str:
        """Looks."""
        return "nothing"

    engine.agent("looker", calling("look"), tools=[engine.tool(look)])
    told = logs_of(frames(api.post(PATH, call("looker", message="x"))))
    said = [each["data"] for each in told]
    assert said == [
        "started",
        "step 1",
        "calling tool: look",
        "tool look completed",
        "step 2",
    ]
    assert {each["logger"] for each in told} == {"agent/looker"}


def test_it_logs_no_more_than_the_session_wants(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    opened = session(api)
    opened.send(request("logging/setLevel", {"level": "error"}))
    assert logs_of(frames(opened.send(call("echo", message="hello")))) == []


def test_it_logs_in_2026_when_the_request_says_so(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    asked = {"name": "echo", "arguments": {"message": "hello"}}
    silent = frames(send_modern(api, modern("tools/call", asked)))
    level = {"io.modelcontextprotocol/logLevel": "info"}
    talking = frames(send_modern(api, modern("tools/call", asked, **level)))
    assert (logs_of(silent), bool(logs_of(talking))) == ([], True)


# --- stopped --------------------------------------------------------------------------------------
def test_it_stops_the_run_of_a_cancelled_request(engine: Engine, api: JsonClient) -> None:
    engine.agent("slow", WAITS)
    opened = session(api)
    answer = opened.send(call("slow", id="c-1", token=1, message="x"))
    stream = heard(answer)
    next(stream)
    sent = opened.send(note("notifications/cancelled", {"requestId": "c-1"}))
    assert sent.status_code == 202
    assert list(stream)[-1]["error"]["code"] == -32800
    assert engine.finished(Run.objects.get().pk).termination_code == "cancelled"
    assert not McpCall.objects.exists()


def test_it_lets_no_stranger_cancel(engine: Engine, open_access: None) -> None:
    engine.agent("echo", ECHO)
    opened = session(keyed("run"))
    stranger = session(keyed("run"))
    stranger.id = opened.id
    sent = stranger.send(note("notifications/cancelled", {"requestId": 1}))
    assert sent.status_code == 404


def test_it_goes_on_when_a_client_of_the_handshake_era_leaves(
    engine: Engine, api: JsonClient
) -> None:
    engine.agent("short", [{"reply": [{"text": "abcdef", "chunks": 6, "delay_ms": 50}]}])
    answer = session(api).send(call("short", token=1, message="x"))
    next(heard(answer))
    answer.close()
    assert engine.finished(Run.objects.get().pk).termination_code == "natural"


def test_it_stops_when_a_client_of_2026_leaves(engine: Engine, api: JsonClient) -> None:
    engine.agent("slow", WAITS)
    asked = {"name": "slow", "arguments": {"message": "x"}}
    answer = send_modern(api, modern("tools/call", asked, progressToken=1))
    next(heard(answer))
    answer.close()
    assert engine.finished(Run.objects.get().pk).termination_code == "cancelled"


def test_it_stops_no_run_when_the_time_of_a_stream_is_over(
    engine: Engine, api: JsonClient, settings: Any
) -> None:
    engine.agent("short", [{"reply": [{"text": "abcdef", "chunks": 6, "delay_ms": 50}]}])
    settings.AGENTSERVER_STREAM_SECONDS = 0
    asked = {"name": "short", "arguments": {"message": "x"}}
    answer = send_modern(api, modern("tools/call", asked, progressToken=1))
    assert error(answer)["code"] == -32603
    assert engine.finished(Run.objects.get().pk).termination_code == "natural"


def test_it_tells_when_somebody_else_stops_the_run(engine: Engine, api: JsonClient) -> None:
    engine.agent("slow", WAITS)
    answer = api.post(PATH, call("slow", token=1, message="x"))
    stream = heard(answer)
    next(stream)
    cancel_run(principal=ANONYMOUS, run_id=Run.objects.get().pk)
    ended = list(stream)[-1]["result"]
    assert ended["isError"] is True
    assert text_of(ended).startswith("agent run failed: ")


# --- waiting for a decision -----------------------------------------------------------------------
def asked_of(stream: Iterator[Json]) -> Json:
    return next(each for each in stream if each.get("method") == "elicitation/create")


def test_it_names_the_way_to_decide_to_a_client_that_cannot_be_asked(
    erased: list[str], api: JsonClient
) -> None:
    found = result(api.post(PATH, call("eraser", message="x")))
    run_id = Run.objects.get().pk
    assert found["isError"] is True
    assert f"/v1/runs/{run_id}/decision" in text_of(found)


@pytest.mark.parametrize(
    ("content", "files"), [({"decision": "approve"}, ["a.txt"]), ({"decision": "reject"}, [])]
)
def test_it_asks_a_client_with_a_session(
    erased: list[str], api: JsonClient, content: Json, files: list[str]
) -> None:
    opened = session(api, elicitation={})
    stream = heard(opened.send(call("eraser", message="x")))
    question = asked_of(stream)
    assert question["params"]["requestedSchema"]["required"] == ["decision"]
    reply = {"action": "accept", "content": content}
    opened.send({"jsonrpc": "2.0", "id": question["id"], "result": reply})
    ended = list(stream)[-1]["result"]
    assert (ended["isError"], erased) == (False, files)


def test_it_takes_a_declined_question_for_a_refusal(erased: list[str], api: JsonClient) -> None:
    opened = session(api, elicitation={})
    stream = heard(opened.send(call("eraser", message="x")))
    declined = {"jsonrpc": "2.0", "id": asked_of(stream)["id"], "result": {"action": "decline"}}
    opened.send(declined)
    assert list(stream)[-1]["result"]["isError"] is False
    assert erased == []


ASKED = {"name": "eraser", "arguments": {"message": "x"}}


def rounds(api: JsonClient, responses: Json | None = None, state: str = "", **changed: Any) -> Any:
    params = {**ASKED, **changed}
    if state:
        params |= {"inputResponses": responses or {}, "requestState": state}
    capable: Json = {"elicitation": {}}
    return send_modern(api, modern("tools/call", params, capabilities=capable))


def accepted(first: Json, decision: str) -> Json:
    content = {"action": "accept", "content": {"decision": decision}}
    return dict.fromkeys(first["inputRequests"], content)


@pytest.mark.parametrize(("decision", "files"), [("approve", ["a.txt"]), ("reject", [])])
def test_it_asks_a_client_of_2026_by_returning(
    erased: list[str], api: JsonClient, decision: str, files: list[str]
) -> None:
    first = result(rounds(api))
    assert first["resultType"] == "input_required"
    ended = result(rounds(api, accepted(first, decision), first["requestState"]))
    assert (ended["resultType"], ended["isError"], erased) == ("complete", False, files)
    assert Run.objects.count() == 1


def test_it_asks_again_when_an_answer_is_missing(erased: list[str], api: JsonClient) -> None:
    first = result(rounds(api))
    again = result(rounds(api, {"other": {"action": "accept"}}, first["requestState"]))
    assert again["resultType"] == "input_required"
    assert again["inputRequests"].keys() == first["inputRequests"].keys()
    assert erased == []


def test_it_refuses_a_changed_state(erased: list[str], api: JsonClient) -> None:
    first = result(rounds(api))
    state = first["requestState"]
    for forged in (state[:-2] + "AA", "nonsense"):
        answer = rounds(api, accepted(first, "approve"), forged)
        assert (answer.status_code, error(answer)["code"]) == (400, -32602)
    assert erased == []


def test_it_refuses_a_state_with_other_arguments_or_of_another_caller(
    erased: list[str], api: JsonClient
) -> None:
    first = result(rounds(api))
    responses, state = accepted(first, "approve"), first["requestState"]
    others = {"arguments": {"message": "another"}}
    assert error(rounds(api, responses, state, **others))["code"] == -32602
    assert error(rounds(keyed("run"), responses, state))["code"] == -32602
    assert erased == []


def test_it_opens_a_state_that_was_sealed_with_an_earlier_key(
    erased: list[str], api: JsonClient, settings: Any
) -> None:
    from agentserver_mcp.server import kernel_of

    first = result(rounds(api))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key that is used from now on, as after a rotation"
    kernel_of.cache_clear()
    ended = result(rounds(api, accepted(first, "approve"), first["requestState"]))
    kernel_of.cache_clear()
    assert (ended["isError"], erased) == (False, ["a.txt"])
