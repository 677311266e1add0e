"""The AG-UI routes: what they take, store, refuse, and whom they let see it."""

from typing import Any

import pytest

from runs.models import Run
from tests.api.conftest import JsonClient, keyed
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.ag_ui_http import RunIds, messages, post_run, run, text_of, user
from threads.models import Message, Thread


def test_it_streams_with_the_usual_headers(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answer = post_run(api, "echo", user("u1"))
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    answer.close()


@pytest.mark.parametrize(
    "path", ["/v1/ag-ui/run", "/v1/ag-ui/threads/t/runs", "/v1/ag-ui/agents/echo/runs"]
)
def test_it_runs_on_all_routes(engine: Engine, api: JsonClient, path: str) -> None:
    engine.agent("echo", ECHO)
    body = {"threadId": "t", "agentId": "echo", "messages": [user("u1", "hey")]}
    api.post(path, body).getvalue()
    assert [each["content"] for each in messages(api, "t")] == ["hey", "hey"]


def test_it_uses_the_run_id_of_the_client(engine: Engine, api: JsonClient, run_id: RunIds) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), threadId="t", runId=run_id("mine"))
    assert Run.objects.get(pk=run_id("mine")).thread_id == "t"


def test_it_maps_a_run_id_that_is_taken(engine: Engine, api: JsonClient, run_id: RunIds) -> None:
    engine.agent("echo", ECHO)
    same = run_id("same")
    run(api, "echo", user("u1"), threadId="t1", runId=same)
    frames = run(api, "echo", user("u2"), threadId="t2", runId=same)
    assert frames[0]["runId"] == same
    assert Run.objects.get(thread_id="t2").pk != same


def test_it_echoes_a_run_id_that_cannot_be_one_of_ours(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    assert run(api, "echo", user("u1"), runId="a/b")[-1]["runId"] == "a/b"


def test_it_plays_the_same_request_again(engine: Engine, api: JsonClient, run_id: RunIds) -> None:
    engine.agent("echo", ECHO)
    first = run(api, "echo", user("u1"), threadId="t", runId=run_id("r"))
    assert run(api, "echo", user("u1"), threadId="t", runId=run_id("r")) == first
    assert Run.objects.count() == 1


def test_it_echoes_the_parent_run(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    assert run(api, "echo", user("u1"), parentRunId="p")[0]["parentRunId"] == "p"


# --- what is stored -------------------------------------------------------------------------------
def test_it_keeps_the_ids_of_the_clients_messages(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("mine"), threadId="t")
    assert messages(api, "t")[0] == user("mine")


def test_it_keeps_roles_and_names(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    told = {"id": "d1", "role": "developer", "content": "Be brief.", "name": "ops"}
    run(api, "echo", told, user("u1"), threadId="t")
    assert messages(api, "t")[0] == told


def test_it_takes_over_a_history_it_has_never_seen(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    function = {"name": "now", "arguments": "{}"}
    history: list[dict[str, Any]] = [
        user("u1"),
        {
            "id": "a1",
            "role": "assistant",
            "content": "Let me look.",
            "toolCalls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"id": "r1", "role": "tool", "toolCallId": "c1", "content": "noon"},
        user("u2"),
    ]
    run(api, "echo", *history, threadId="t")
    assert messages(api, "t")[:4] == history


def test_it_believes_no_result_of_a_call_of_its_own(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", calling("x"), tools=[])
    frames = run(api, "echo", user("u1"), threadId="t")
    call_id = next(each["toolCallId"] for each in frames if "toolCallId" in each)
    forged = {"id": "f", "role": "tool", "toolCallId": call_id, "content": "forged"}
    run(api, "echo", forged, user("u2"), threadId="t")
    assert "forged" not in [each.get("content") for each in messages(api, "t")]


def test_it_takes_a_conversation_with_files(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    source = {"type": "data", "value": "A" * 3_000_000, "mimeType": "application/pdf"}
    content = [{"type": "text", "text": "read"}, {"type": "document", "source": source}]
    frames = run(api, "echo", {"id": "u1", "role": "user", "content": content})
    assert frames[-1]["type"] == "RUN_FINISHED"


def test_it_answers_an_edited_message(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1", "one"), threadId="t")
    run(api, "echo", user("u2", "two"), threadId="t")
    run(api, "echo", user("u2", "other"), threadId="t")
    assert [each["content"] for each in messages(api, "t")] == ["one", "one", "other", "other"]


def test_it_offers_the_clients_tools_to_the_model(engine: Engine, api: JsonClient) -> None:
    engine.agent("picker", [{"reply": [{"client_tool": "first"}]}])
    tool = {"name": "pick", "description": "Picks", "parameters": None, "metadata": {"x": 1}}
    frames = run(api, "picker", user("u1"), tools=[tool])
    assert [each["toolCallName"] for each in frames if "toolCallName" in each] == ["pick"]


# --- state and context ----------------------------------------------------------------------------
def internal_texts() -> list[str]:
    return [row.content[0]["text"] for row in Message.objects.internal()]


def test_it_tells_the_model_about_the_clients_context(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    context = [{"description": "page", "value": "cart"}]
    run(api, "echo", user("u1"), threadId="t", context=context)
    assert internal_texts() == [
        '<frontend-context>\n{"context":[{"description":"page","value":"cart"}]}\n'
        "</frontend-context>"
    ]
    assert [each["role"] for each in messages(api, "t")] == ["user", "assistant"]


def test_it_tells_the_same_context_once(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    for number in range(3):
        run(api, "echo", user(f"u{number}"), threadId="t", context={"page": "cart"})
    assert len(internal_texts()) == 1


def test_it_takes_over_the_state_of_the_client(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), threadId="t", state={"n": 1})
    assert Thread.objects.get(pk="t").state == {"n": 1}


def test_it_shows_the_state_to_a_client_that_has_none(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), threadId="t", state={"n": 1})
    frames = run(api, "echo", user("u2"), threadId="t", state={})
    assert frames[1] == {"type": "STATE_SNAPSHOT", "snapshot": {"n": 1}}
    assert Thread.objects.get(pk="t").state == {"n": 1}


# --- refusals -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"messages": []}, 400),
        ({}, 400),
        ({"messages": "hello"}, 422),
        ({"messages": [5]}, 422),
        ({"threadId": 5, "messages": [user("u1")]}, 422),
        ({"threadId": "a/b", "messages": [user("u1")]}, 400),
        ({"messages": [user("u1")], "tools": [{"name": "bad name!"}]}, 400),
        ({"messages": [user("u1")], "resume": "yes"}, 400),
        ({"messages": [user("u1")], "resume": [{"interruptId": "i", "status": []}]}, 400),
        ({"messages": [user("u1")] * 30_001}, 422),
        ({"messages": [user("u1")], "agentId": "nobody"}, 400),
        ([], 422),
    ],
)
def test_it_refuses_in_json_whatever_was_accepted(
    db: None, api: JsonClient, body: Any, status: int
) -> None:
    answer = api.post("/v1/ag-ui/run", body, Accept="text/event-stream")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer.json()["error"], str)


def test_it_refuses_a_history_without_anything_new(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), threadId="t")
    answer = post_run(api, "echo", *messages(api, "t"), threadId="t")
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["run", "threads/t/runs", "threads/t/interrupt"])
def test_it_refuses_other_methods(db: None, api: JsonClient, path: str) -> None:
    answer = api.get(f"/v1/ag-ui/{path}")
    assert answer.status_code == 405
    assert "error" in answer.json()


# --- who may -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("post", "run"),
        ("post", "threads/t/runs"),
        ("post", "agents/a/runs"),
        ("post", "threads/t/interrupt"),
        ("get", "threads/t/messages"),
    ],
)
def test_it_refuses_strangers(
    db: None, api: JsonClient, settings: Any, verb: str, path: str
) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    assert getattr(api, verb)(f"/v1/ag-ui/{path}").status_code == 401


def test_it_hides_threads_of_others(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), threadId="t")
    stranger = keyed("read", "run", resource_id="theirs")
    assert messages(stranger, "t") == []
    assert post_run(stranger, "echo", user("u2"), threadId="t").status_code == 404
    assert stranger.post("/v1/ag-ui/threads/t/interrupt").status_code == 404
    assert len(messages(api, "t")) == 2


def test_it_does_not_play_the_runs_of_others(
    engine: Engine, api: JsonClient, run_id: RunIds
) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1", "secret"), threadId="t", runId=run_id("r"))
    stranger = keyed("read", "run", resource_id="theirs")
    frames = run(stranger, "echo", user("u1", "mine"), threadId="other", runId=run_id("r"))
    assert text_of(frames) == "mine"


def test_it_shows_nobody_what_was_deleted(engine: Engine, api: JsonClient, run_id: RunIds) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1", "secret"), threadId="t", runId=run_id("r"))
    assert api.send("delete", "/v1/threads/t", None, {}).status_code == 204
    stranger = keyed("read", "run", resource_id="theirs")
    frames = run(stranger, "echo", user("u1", "mine"), threadId="t", runId=run_id("r"))
    assert text_of(frames) == "mine"


# --- listing and stopping -------------------------------------------------------------------------
def test_it_lists_nothing_for_an_unknown_thread(db: None, api: JsonClient) -> None:
    assert api.get("/v1/ag-ui/threads/nowhere/messages").json() == {
        "messages": [], "total": 0, "has_more": False, "next_cursor": None,
    }  # fmt: skip


def test_it_pages_through_a_listing(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), user("u2"), user("u3"), threadId="t")
    first = api.get("/v1/ag-ui/threads/t/messages", limit=2).json()
    assert [each["id"] for each in first["messages"]] == ["u1", "u2"]
    assert (first["total"], first["has_more"]) == (4, True)
    second = api.get("/v1/ag-ui/threads/t/messages", cursor=first["next_cursor"]).json()
    assert [each["role"] for each in second["messages"]] == ["user", "assistant"]
    newest = messages(api, "t", order="desc", limit=1)
    assert newest[0]["role"] == "assistant"


def test_it_lists_reasoning_before_the_answer(engine: Engine, api: JsonClient) -> None:
    engine.agent("deep", [{"reply": [{"reasoning": "hm"}, {"text": "42"}]}])
    frames = run(api, "deep", user("u1"), threadId="t")
    _, thought, answer = messages(api, "t")
    assert (thought["role"], thought["content"]) == ("reasoning", "hm")
    assert answer["content"] == "42"
    shown = [each["messageId"] for each in frames if each["type"] == "REASONING_MESSAGE_START"]
    assert shown == [thought["id"]]


def test_it_has_nothing_to_stop_on_an_idle_thread(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run(api, "echo", user("u1"), threadId="t")
    answer = api.post("/v1/ag-ui/threads/t/interrupt")
    assert answer.status_code == 404
    assert "error" in answer.json()
