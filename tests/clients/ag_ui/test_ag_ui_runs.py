"""What the real clients make of ordinary runs: text, tools of the server, errors, listings."""

from collections.abc import Callable
from typing import Any

from tests.clients.ag_ui.conftest import Client, Json, new_thread

Listing = Callable[[str], Json]


def plain(messages: list[Json]) -> list[tuple[Any, ...]]:
    """Ids, order, roles, texts, calls and what they answer."""
    return [
        (
            each["id"],
            each["role"],
            each.get("content") or "",
            [(call["id"], call["function"]) for call in each.get("toolCalls") or []],
            each.get("toolCallId"),
        )
        for each in messages
    ]


def turns(*texts: str) -> list[Json]:
    steps: list[Json] = []
    for text in texts:
        steps += [{"say": text}, {"run": {}}]
    return steps


def test_it_streams_text(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-echo", {"say": "hello there", "id": "u1"}, {"run": {}}, listing(thread_id),
        thread_id=thread_id,
    )  # fmt: skip
    run = played.last
    assert run["events"][0] == "RUN_STARTED"
    assert run["events"][-1] == "RUN_FINISHED"
    assert [each["role"] for each in run["messages"]] == ["user", "assistant"]
    assert run["messages"][1]["content"] == "hello there"
    assert played.others[0]["body"]["total"] == 2
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)
    assert played.warnings == []


def test_it_echoes_the_ids_and_declares_its_version(client: Client) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-echo", {"say": "hi"}, {"run": {"runId": f"run-{thread_id}"}}, thread_id=thread_id
    )
    started, finished = played.last["sent"][0], played.last["sent"][-1]
    ids = {"threadId": thread_id, "runId": f"run-{thread_id}"}
    assert {name: started[name] for name in ids} == ids
    assert {name: finished[name] for name in ids} == ids
    assert started.get("protocolVersion") == ("1.0" if client.is_modern else None)


def test_it_reports_usage(client: Client) -> None:
    played = client.play("demo-echo", {"say": "hi"}, {"run": {}})
    (usage,) = played.last["finished"]["usage"]
    assert usage["inputTokens"] > 0
    assert usage["outputTokens"] > 0


def test_it_runs_tools_of_the_server(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-tool", {"say": "add"}, {"run": {}}, listing(thread_id), thread_id=thread_id
    )
    held = played.messages
    assert [each["role"] for each in held] == ["user", "assistant", "tool", "assistant"]
    assert held[2]["content"] == "5"
    assert held[2]["toolCallId"] == held[1]["toolCalls"][0]["id"]
    assert held[3]["content"] == "2 + 3 = 5"
    assert plain(played.others[0]["body"]["messages"]) == plain(held)
    assert played.warnings == []


def test_it_stores_a_history_that_is_sent_again_once(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-tool", *turns("one", "two", "three"), listing(thread_id), thread_id=thread_id
    )
    stored = played.others[0]["body"]["messages"]
    assert plain(stored) == plain(played.messages)
    assert len(stored) == len({each["id"] for each in stored}) == 12
    assert played.warnings == []


def test_it_goes_on_with_a_loaded_history(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    client.play("demo-tool", {"say": "add"}, {"run": {}}, thread_id=thread_id)
    played = client.play(
        "demo-echo", {"load": True}, {"say": "and you?"}, {"run": {}}, listing(thread_id),
        thread_id=thread_id,
    )  # fmt: skip
    assert played.messages[-1]["content"] == "and you?"
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)
    assert len(played.messages) == 6


def test_it_continues_the_thread_of_a_client_that_sends_only_what_is_new(
    client: Client, listing: Listing
) -> None:
    thread_id = new_thread()
    client.play("demo-echo", {"say": "one"}, {"run": {}}, thread_id=thread_id)
    played = client.play(
        "demo-echo", {"say": "two"}, {"run": {}}, listing(thread_id), thread_id=thread_id
    )
    texts = [each["content"] for each in played.others[0]["body"]["messages"]]
    assert texts == ["one", "one", "two", "two"]


def test_it_answers_again_when_the_answer_was_dropped(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    steps = [*turns("one", "two"), {"drop": "user"}, {"run": {}}]
    played = client.play("demo-echo", *steps, listing(thread_id), thread_id=thread_id)
    stored = played.others[0]["body"]["messages"]
    assert plain(stored) == plain(played.messages)
    assert [each["content"] for each in stored] == ["one", "one", "two", "two"]
    assert stored[-1]["id"] != played.runs[1]["messages"][-1]["id"]


def test_it_tells_the_error_of_a_run(client: Client) -> None:
    played = client.play("demo-error", {"say": "hi"}, {"run": {}})
    assert played.last["events"][-1] == "RUN_ERROR"
    assert played.last["error"]["message"]
    assert played.last["error"]["code"]


def test_it_refuses_an_unknown_agent(client: Client) -> None:
    played = client.play("nobody", {"say": "hi"}, {"run": {}})
    rejected = played.last["rejected"]
    assert 400 <= rejected["status"] < 500
    assert isinstance(rejected["payload"]["error"], str)


def test_it_refuses_an_input_without_messages(client: Client) -> None:
    played = client.play("demo-echo", {"run": {}})
    assert played.last["rejected"]["status"] == 400
    assert played.last["rejected"]["payload"]["error"] == "at least one message is required"


def test_it_takes_the_thread_from_the_path(client: Client) -> None:
    thread_id = new_thread()
    played = client.play(
        "", {"say": "hi"}, {"run": {"forwardedProps": {"agentId": "demo-echo"}}},
        path=f"/v1/ag-ui/threads/{thread_id}/runs",
    )  # fmt: skip
    assert played.last["sent"][0]["threadId"] == thread_id
    assert played.messages[-1]["content"] == "hi"


def test_it_takes_files_from_the_client(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    picture = {
        "type": "image",
        "source": {"type": "data", "value": "aGVsbG8=", "mimeType": "image/png"},
    }
    said = [{"type": "text", "text": "look"}, picture]
    played = client.play(
        "demo-echo", {"say": said}, {"run": {}}, {"say": "again"}, {"run": {}}, listing(thread_id),
        thread_id=thread_id,
    )  # fmt: skip
    stored = played.others[0]["body"]["messages"]
    assert stored[0]["content"] == said
    assert len(stored) == 4


def test_it_knows_another_thread_than_the_native_api_wrote(
    client: Client, listing: Listing
) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-tool",
        {"say": "add"},
        {"run": {}},
        {"get": f"/v1/threads/{thread_id}/messages"},
        thread_id=thread_id,
    )
    native = played.others[0]["body"]["messages"]
    assert [each["id"] for each in native] == [each["id"] for each in played.messages]
    assert [each["role"] for each in native] == [each["role"] for each in played.messages]
