"""Chats that wait: for a person's approval, for a tool of the page."""

import pytest

from tests.clients.ai_sdk.conftest import (
    Client,
    Json,
    Played,
    kinds,
    lists_what_it_holds,
    new_chat,
    request,
    said,
)

ASK: Json = {"send": "delete it"}
TOOLS = {
    "tools": [
        {
            "name": "pick_colour",
            "description": "Lets the user pick a colour",
            "parameters": {"type": "object", "properties": {}},
        }
    ]
}


def call_part(step: Json) -> Json:
    return next(part for part in step["messages"][-1]["parts"] if "toolCallId" in part)


def same_message(played: Played) -> bool:
    """Whether all steps went into one assistant message."""
    return all(len(step["messages"]) == 2 for step in played.steps)


# --- approvals -----------------------------------------------------------------------------------


def test_it_asks_for_an_approval(client: Client) -> None:
    step = client.play("demo-approval", ASK).last
    assert step["status"] == "ready"
    assert call_part(step)["state"] == "approval-requested"
    assert kinds(step)[-3:] == ["finish-step", "finish", "[DONE]"]
    assert step["chunks"][-2]["finishReason"] == "tool-calls"


def test_it_goes_on_in_the_same_message_after_an_approval(client: Client) -> None:
    played = client.play("demo-approval", ASK, {"approve": True}, auto="approvals")
    assert same_message(played)
    assert call_part(played.last)["state"] == "output-available"
    assert "is deleted" in said(played.last)[-1][1]
    assert len(played.last["posted"]) == 1
    assert lists_what_it_holds(played.last)
    assert played.valid is True


def test_it_lets_the_model_answer_a_denial(client: Client) -> None:
    answer = {"approve": False, "reason": "too risky"}
    played = client.play("demo-approval", ASK, answer, auto="approvals")
    assert same_message(played)
    assert call_part(played.last)["state"] == "output-denied"
    assert "too risky" in said(played.last)[-1][1]
    assert len(played.last["posted"]) == 1
    assert lists_what_it_holds(played.last)
    assert played.valid is True


def test_it_takes_an_approval_after_a_reload(client: Client) -> None:
    steps: list[Json] = [ASK, {"reload": True, "resume": True}, {"approve": True}]
    played = client.play("demo-approval", *steps, auto="approvals")
    assert same_message(played)
    assert call_part(played.steps[1])["state"] == "approval-requested"
    assert played.steps[1]["chunks"] == []
    assert call_part(played.last)["state"] == "output-available"
    assert lists_what_it_holds(played.last)


def test_it_takes_an_approval_that_is_posted_by_hand(client: Client) -> None:
    played = client.play("demo-approval", ASK, {"approve": True}, {"repost": True})
    assert played.steps[1]["posted"] == []
    assert call_part(played.last)["state"] == "output-available"
    assert same_message(played)


def test_it_shows_what_came_of_an_approval_given_elsewhere(client: Client) -> None:
    chat = new_chat()
    asked = client.play("demo-approval", ASK, chat=chat).last
    elsewhere = {"tool_call_id": call_part(asked)["toolCallId"], "action": "cancel"}
    decide: Json = {"post": f"/v1/threads/{chat}/decision", "body": elsewhere}
    load: Json = {"reload": True, "resume": True}
    played = client.play("demo-approval", load, decide, {"approve": True}, chat=chat,
                         auto="approvals")  # fmt: skip
    assert played.steps[1]["status"] == 202
    assert call_part(played.last)["state"] == "output-denied"
    assert len(played.last["messages"]) == 2
    assert said(played.last)[-1][1].startswith("I need your approval")
    assert "answered" in said(played.last)[-1][1]


def test_it_executes_nothing_for_a_late_approval(client: Client) -> None:
    chat = new_chat()
    cancel: Json = {"post": f"/v1/ai-sdk/threads/{chat}/cancel"}
    played = client.play(
        "demo-approval", ASK, cancel, {"approve": True}, auto="approvals", chat=chat
    )
    assert played.steps[1]["status"] == 202
    assert "output" not in call_part(played.last)
    assert len(played.last["posted"]) == 1
    assert request(client.base, f"/v1/threads/{chat}/runs/latest")["status"] == "done"


def test_it_gives_up_an_approval_for_a_new_message(client: Client) -> None:
    played = client.play("demo-approval", ASK, {"send": "never mind"})
    assert played.last["status"] == "ready"
    assert [message["role"] for message in played.last["listed"]] == [
        "user", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert played.valid is True


# --- tools of the page ---------------------------------------------------------------------------


@pytest.mark.parametrize("by_hand", [True, False])
def test_it_takes_the_output_of_a_tool_of_the_page(client: Client, by_hand: bool) -> None:
    steps: list[Json] = [{"send": "which?"}]
    steps += [{"output": {"colour": "red"}}] if by_hand else []
    outputs = {} if by_hand else {"pick_colour": {"colour": "red"}}
    played = client.play(
        "demo-frontend", *steps, body=TOOLS, auto="calls", tools=outputs
    )  # fmt: skip
    assert played.last["status"] == "ready"
    assert same_message(played)
    assert call_part(played.last)["output"] == {"colour": "red"}
    assert "red" in said(played.last)[-1][1]
    assert lists_what_it_holds(played.last)


def test_it_takes_the_failure_of_a_tool_of_the_page(client: Client) -> None:
    failed = {"outputError": "no colours left"}
    played = client.play("demo-frontend", {"send": "which?"}, failed, body=TOOLS, auto="calls")
    assert call_part(played.last)["state"] == "output-error"
    assert call_part(played.last)["errorText"] == "no colours left"
    assert "no colours left" in said(played.last)[-1][1]
    assert lists_what_it_holds(played.last)
    assert same_message(played)


def test_it_takes_an_output_after_a_reload(client: Client) -> None:
    steps: list[Json] = [{"send": "which?"}, {"reload": True, "resume": True}, {"output": "blue"}]
    played = client.play("demo-frontend", *steps, body=TOOLS, auto="calls")
    assert call_part(played.steps[1])["state"] == "input-available"
    assert "blue" in said(played.last)[-1][1]
    assert same_message(played)
