"""Runs that wait: for a person's approval, for a tool of the client's, until they are stopped."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.ag_ui.conftest import Client, Json, new_thread
from tests.clients.ag_ui.test_ag_ui_runs import plain

pytestmark = pytest.mark.leg("postgres")  # what clients make of the protocol is the same on both


Listing = Callable[[str], Json]

TOOLS: list[dict[str, Any]] = [
    {
        "name": "pick_colour",
        "description": "Lets the user pick a colour",
        "parameters": {"type": "object", "properties": {}},
    }
]
APPROVED = {"resume": {"status": "resolved", "payload": {"approved": True}}}
DENIED = {"resume": {"status": "resolved", "payload": {"approved": False, "reason": "too risky"}}}
CANCELLED = {"resume": {"status": "cancelled"}}
ASK: list[Json] = [{"say": "delete it"}, {"run": {}}]


# --- interrupts -----------------------------------------------------------------------------------
def test_it_interrupts_for_an_approval(client: Client) -> None:
    run = client.play("demo-approval", *ASK).last
    (asked,) = run["finished"]["outcome"]["interrupts"]
    call = run["messages"][-1]["toolCalls"][0]
    assert asked["reason"] == "tool_call"
    assert asked["toolCallId"] == call["id"]
    assert asked["responseSchema"]["required"] == ["approved"]
    assert "TOOL_CALL_END" in run["events"]
    assert "TOOL_CALL_RESULT" not in run["events"]


def test_it_snapshots_the_messages_for_modern_clients_before_it_interrupts(client: Client) -> None:
    events = client.play("demo-approval", *ASK).last["events"]
    assert ("MESSAGES_SNAPSHOT" in events) == client.is_modern


def test_it_goes_on_after_an_approval(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play("demo-approval", *ASK, APPROVED, listing(thread_id), thread_id=thread_id)
    events = played.last["events"]
    assert "TOOL_CALL_START" not in events
    assert events.index("TOOL_CALL_RESULT") < events.index("TEXT_MESSAGE_START")
    assert "is deleted" in played.messages[-1]["content"]
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)
    assert played.last["openInterrupts"] == []
    assert played.warnings == []


def test_it_echoes_the_run_id_of_the_request_that_goes_on(client: Client) -> None:
    run_id = f"resume-{new_thread()}"
    played = client.play("demo-approval", *ASK, {**APPROVED, "run": {"runId": run_id}})
    assert played.last["sent"][0]["runId"] == run_id
    assert played.last["sent"][-1]["runId"] == run_id


def test_it_lets_the_model_answer_a_denial(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play("demo-approval", *ASK, DENIED, listing(thread_id), thread_id=thread_id)
    result = next(each for each in played.messages if each["role"] == "tool")
    assert result["content"] == "denied by the user: too risky"
    assert played.messages[-1]["role"] == "assistant"
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)


def test_it_does_not_run_what_was_cancelled(client: Client) -> None:
    played = client.play("demo-approval", *ASK, CANCELLED)
    result = next(each for each in played.messages if each["role"] == "tool")
    assert "deleted" not in result["content"]
    assert played.last["events"][-1] == "RUN_FINISHED"


def test_it_refuses_other_input_while_it_waits(client: Client) -> None:
    thread_id = new_thread()
    client.play("demo-approval", *ASK, thread_id=thread_id)
    played = client.play("demo-approval", {"say": "hello?"}, {"run": {}}, thread_id=thread_id)
    assert played.last["error"]["code"] == "interrupt_pending"


def test_it_can_be_answered_after_a_reload(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    asked = client.play("demo-approval", *ASK, thread_id=thread_id).last["finished"]
    answers = [
        {"interruptId": each["id"], "status": "resolved", "payload": {"approved": True}}
        for each in asked["outcome"]["interrupts"]
    ]
    played = client.play(
        "demo-approval",
        {"load": True},
        {"run": {"resume": answers, "forwardedProps": {"resume": answers}}},
        listing(thread_id),
        thread_id=thread_id,
    )
    assert "is deleted" in played.messages[-1]["content"]
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)


# --- tools of the client --------------------------------------------------------------------------
def test_it_hands_calls_to_the_client(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-frontend",
        {"say": "which colour?"},
        {"run": {"tools": TOOLS}},
        {"answer": '{"colour": "red"}'},
        {"run": {"tools": TOOLS}},
        listing(thread_id),
        thread_id=thread_id,
    )
    first, second = played.runs
    call_id = first["messages"][-1]["toolCalls"][0]["id"]
    assert first["events"][-1] == "RUN_FINISHED"
    assert "TOOL_CALL_RESULT" not in first["events"]
    if client.is_modern:
        assert first["pendingToolCallIds"] == [call_id]
    assert "TOOL_CALL_START" not in second["events"]
    assert "TOOL_CALL_RESULT" not in second["events"]
    assert played.messages[-1]["content"] == 'Your page answered: {"colour": "red"}'
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)
    assert played.warnings == []


def test_it_takes_the_failure_of_a_clients_tool(client: Client) -> None:
    played = client.play(
        "demo-frontend",
        {"say": "which colour?"},
        {"run": {"tools": TOOLS}},
        {"answer": "the picker is broken", "error": "broken"},
        {"run": {"tools": TOOLS}},
    )
    assert "the picker is broken" in played.messages[-1]["content"]


def test_it_takes_a_message_that_comes_with_the_answer(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-frontend",
        {"say": "which colour?"},
        {"run": {"tools": TOOLS}},
        {"answer": '"red"'},
        {"say": "and hurry"},
        {"run": {"tools": TOOLS}},
        listing(thread_id),
        thread_id=thread_id,
    )
    stored = played.others[0]["body"]["messages"]
    assert plain(stored) == plain(played.messages)
    assert [each["role"] for each in stored] == ["user", "assistant", "tool", "user", "assistant"]


def test_it_moves_on_when_the_client_does_not_run_its_tool(client: Client) -> None:
    played = client.play(
        "demo-frontend",
        {"say": "which colour?"},
        {"run": {"tools": TOOLS}},
        {"say": "never mind"},
        {"run": {}},
    )
    assert played.last["events"][-1] == "RUN_FINISHED"


# --- being stopped --------------------------------------------------------------------------------
def test_it_stops_at_once(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    stop = {"deltas": 3, "post": f"/v1/ag-ui/threads/{thread_id}/interrupt"}
    played = client.play(
        "demo-slow", {"say": "talk"}, {"run": {}, "until": stop}, {"say": "more"}, {"run": {}},
        listing(thread_id), thread_id=thread_id,
    )  # fmt: skip
    stopped = played.runs[0]
    assert stopped["posted"] == 202
    # A fraction of this on an idle machine; undisturbed the answer takes more than four.
    assert stopped["secondsToStop"] < 3
    assert len(stopped["messages"][-1]["content"]) < len(played.messages[-1]["content"])
    if client.is_modern:
        assert stopped["finished"]["outcome"] == {"type": "cancelled"}
    else:
        assert stopped["error"]["code"] == "cancelled"
    assert plain(played.others[0]["body"]["messages"]) == plain(played.messages)


def test_it_goes_on_when_the_client_goes_away(client: Client) -> None:
    thread_id = new_thread()
    played = client.play(
        "demo-slow",
        {"say": "talk", "id": "u1"},
        {"run": {}, "until": {"deltas": 2, "abort": True}},
        {"get": f"/v1/threads/{thread_id}/runs/active"},
        thread_id=thread_id,
    )
    assert played.others[0]["body"]["active_run"]["status"] == "running"


def test_it_cancels_a_run_that_waits_for_an_approval(client: Client, listing: Listing) -> None:
    thread_id = new_thread()
    asked = client.play("demo-approval", *ASK, thread_id=thread_id).last["finished"]
    late = [
        {"interruptId": each["id"], "status": "resolved", "payload": {"approved": True}}
        for each in asked["outcome"]["interrupts"]
    ]
    played = client.play(
        "demo-approval",
        {"post": f"/v1/ag-ui/threads/{thread_id}/interrupt"},
        {"load": True},
        {"run": {"resume": late, "forwardedProps": {"resume": late}}},
        listing(thread_id),
        thread_id=thread_id,
    )
    assert played.others[0]["status"] == 202
    assert played.last["error"]["code"] == "expired_interrupt"
    assert "tool" not in [each["role"] for each in played.others[1]["body"]["messages"]]
