"""What the real clients make of ordinary chats: answers, tools of the server, files, history."""

import pytest

from tests.clients.ai_sdk.conftest import (
    Client,
    Json,
    kinds,
    lists_what_it_holds,
    new_chat,
    request,
    said,
)

pytestmark = pytest.mark.leg("sqlite")  # what clients make of the protocol is the same on both


PIXEL = "data:image/png;base64,iVBORw0KGgo="


def test_it_streams_an_answer(client: Client) -> None:
    step = client.play("demo-echo", {"send": "hello there"}).last
    assert step["status"] == "ready"
    assert said(step) == [("user", "hello there"), ("assistant", "hello there")]
    assert kinds(step)[0] == "start"
    assert kinds(step)[-2:] == ["finish", "[DONE]"]
    assert kinds(step).count("text-delta") > 1


def test_it_lists_exactly_what_the_client_holds(client: Client) -> None:
    for agent in ("demo-echo", "demo-tool", "adds", "thinks", "draws"):
        played = client.play(agent, {"send": "hi"}, {"send": "and again"})
        assert played.last["status"] == "ready"
        assert lists_what_it_holds(played.last), agent
        assert played.valid is True, agent


def test_it_begins_a_new_step_after_a_tool_of_the_server(client: Client) -> None:
    step = client.play("adds", {"send": "add"}, auto="calls").last
    parts = [part["type"] for part in step["messages"][-1]["parts"]]
    assert parts == [
        "step-start", "text", "tool-demo_add", "tool-demo_add", "step-start", "text",
    ]  # fmt: skip
    assert [p["output"] for p in step["messages"][-1]["parts"] if "output" in p] == [5, 50]
    assert len(step["posted"]) == 1


def test_it_does_not_make_the_client_post_for_ever_at_the_limit_of_steps(client: Client) -> None:
    step = client.play("adds-for-ever", {"send": "add"}, auto="calls").last
    assert step["status"] == "ready"
    assert len(step["posted"]) == 1
    assert lists_what_it_holds(step)


def test_it_reports_usage(client: Client) -> None:
    about = client.play("demo-echo", {"send": "hi"}).last["messages"][-1]["metadata"]
    assert about["usage"]["totalTokens"] > 0
    assert about["agentId"] == "demo-echo"


def test_it_shows_an_error_of_the_run(client: Client) -> None:
    step = client.play("demo-error", {"send": "hi"}).last
    assert step["status"] == "error"
    assert "401" in step["error"]
    assert kinds(step)[-2:] == ["error", "[DONE]"]


def test_it_lists_the_half_answer_of_a_run_that_failed(client: Client) -> None:
    step = client.play("fails-late", {"send": "hi"}).last
    assert step["status"] == "error"
    assert said(step)[-1] == ("assistant", "Well, ")
    assert lists_what_it_holds(step)


def test_it_refuses_an_unknown_agent_with_a_text(client: Client) -> None:
    step = client.play("nobody", {"send": "hi"}).last
    assert step["status"] == "error"
    assert "agent not found: nobody" in step["error"]


# --- the history ---------------------------------------------------------------------------------


def test_it_stores_a_history_that_is_sent_again_once(client: Client) -> None:
    played = client.play("demo-echo", {"send": "one"}, {"send": "two"}, {"send": "three"})
    texts = [text for _, text in said(played.last)]
    assert texts == ["one", "one", "two", "two", "three", "three"]
    assert lists_what_it_holds(played.last)


def test_it_keeps_the_ids_of_the_client(client: Client) -> None:
    listed = client.play("demo-echo", {"send": "one", "id": "mine"}).last["listed"]
    assert listed[0]["id"] == "mine"


def test_it_continues_a_thread_of_which_only_the_newest_message_is_sent(client: Client) -> None:
    played = client.play("counts", {"send": "one"}, {"send": "two"}, newest=True)
    assert [len(post["messages"]) for post in played.last["posted"]] == [1]
    assert said(played.last)[-1] == ("assistant", "3 messages, last: two")
    assert lists_what_it_holds(played.last)


def test_it_generates_the_last_answer_anew(client: Client) -> None:
    played = client.play("counts", {"send": "one"}, {"send": "two"}, {"regenerate": True})
    before, after = played.steps[1], played.last
    assert said(after) == said(before)
    assert after["messages"][-1]["id"] != before["messages"][-1]["id"]
    assert lists_what_it_holds(after)


def test_it_generates_an_earlier_answer_anew_and_drops_what_followed(client: Client) -> None:
    chat = new_chat()
    first = client.play("counts", {"send": "one"}, {"send": "two"}, chat=chat)
    answer = first.last["messages"][1]["id"]
    after = client.play(
        "counts", {"reload": True}, {"regenerate": True, "ofId": answer}, chat=chat
    ).last
    assert said(after) == [("user", "one"), ("assistant", "1 messages, last: one")]
    assert lists_what_it_holds(after)


def test_it_generates_anew_after_an_error(client: Client) -> None:
    played = client.play("demo-error", {"send": "hi"}, {"regenerate": True})
    assert [message["role"] for message in played.last["listed"]] == ["user"]
    assert played.last["status"] == "error"


def test_it_edits_a_message_and_drops_what_followed(client: Client) -> None:
    played = client.play(
        "counts",
        {"send": "one", "id": "first"},
        {"send": "two"},
        {"send": "uno", "replace": "first"},
    )
    assert said(played.last) == [("user", "uno"), ("assistant", "1 messages, last: uno")]
    assert played.last["messages"][0]["id"] == "first"
    assert lists_what_it_holds(played.last)


# --- files ---------------------------------------------------------------------------------------


def file(media_type: str, url: str) -> Json:
    return {"type": "file", "mediaType": media_type, "url": url, "filename": "a.bin"}


def test_it_takes_files_and_lists_them(client: Client) -> None:
    played = client.play("demo-echo", {"send": "look", "files": [file("image/png", PIXEL)]})
    assert lists_what_it_holds(played.last)
    assert played.last["listed"][0]["parts"][0]["url"] == PIXEL


def test_it_refuses_files_it_cannot_take(client: Client) -> None:
    files = [file("image/png", "https://x.example/a.png")]
    step = client.play("demo-echo", {"send": "look", "files": files}).last
    assert step["status"] == "error"
    assert "data: URLs only" in step["error"]
    assert step["listed"] == []


# --- the thread ----------------------------------------------------------------------------------


def test_it_writes_a_thread_that_the_native_api_reads(client: Client) -> None:
    chat = new_chat()
    client.play("demo-echo", {"send": "hello"}, chat=chat)
    messages = request(client.base, f"/v1/threads/{chat}/messages")["messages"]
    assert [(m["role"], m["content"][0]["text"]) for m in messages] == [
        ("user", "hello"),
        ("assistant", "hello"),
    ]


def test_it_reads_a_thread_that_the_native_api_wrote(client: Client) -> None:
    chat = new_chat()
    body = {"messages": [{"role": "user", "content": "from elsewhere", "id": "native"}]}
    client.play("demo-echo", {"send": "first"}, chat=chat)
    request(client.base, f"/v1/threads/{chat}/messages", body)
    step = client.play("demo-echo", {"reload": True, "resume": True}, chat=chat).last
    assert ("user", "from elsewhere") in said(step)
    assert step["status"] == "ready"
