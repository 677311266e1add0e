"""A remote agent that works for one of ours and needs a person: the question climbs up, the answer
goes all the way down."""

import json
from typing import Any

import pytest

from runs.models import Run
from tests.api.conftest import JsonClient
from tests.faces.a2a_http import said, send, task
from tests.faces.a2a_remote import chunk, completed, remote, status
from tests.faces.a2a_remote_agent import Far, far

__all__ = ["far", "remote"]


@pytest.fixture
def boss(far: Far) -> Far:
    """The agent ``boss`` asks ``far`` and repeats what it says."""
    call = {"name": "agent_run_far", "arguments": {"prompt": "do it"}}
    script: list[Any] = [
        {"when": {"has_tool_result": True}, "reply": [{"text": "got {{tool_result}}"}]},
        {"reply": [{"tool_call": call}]},
    ]
    far.engine.agent("boss", script, delegates=["far"], tools=None)
    return far


def waiting(boss: Far) -> Run:
    return boss.engine.suspended(boss.begin("go", agent="boss"))


def asked(shown: dict[str, Any]) -> str:
    return " ".join(part["text"] for part in shown["status"]["message"]["parts"] if "text" in part)


def test_it_hands_a_question_to_the_parent_and_the_answer_down(boss: Far, api: JsonClient) -> None:
    boss.remote.play(status("INPUT_REQUIRED", "Which one?"))
    boss.remote.play(chunk("You chose b."), completed())
    run = waiting(boss)
    shown = task(api, run.pk)
    assert shown["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert "Which one?" in asked(shown)
    done = send(api, said("b", taskId=run.pk))["task"]
    assert boss.engine.finished(run.pk).final_output == "got You chose b."
    assert done["status"]["state"] == "TASK_STATE_COMPLETED"
    second = boss.remote.sent("message:stream", 2)[1].body["message"]
    assert second["taskId"] == next(iter(boss.remote.tasks))
    assert second["parts"] == [{"text": "b"}]


@pytest.mark.parametrize(("word", "sent"), [("yes", "approve"), ("no", "reject")])
def test_it_asks_for_leave_through_the_parent(
    boss: Far, api: JsonClient, word: str, sent: str
) -> None:
    boss.remote.play(status("AUTH_REQUIRED", "May I?"))
    boss.remote.play(completed("Right."))
    run = waiting(boss)
    shown = task(api, run.pk)
    # The parent waits for its delegate, whatever that one waits for.
    assert shown["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert "May I?" in json.dumps(shown["status"]["message"]["parts"])
    send(api, said(word, taskId=run.pk))
    assert boss.engine.finished(run.pk).final_output == "got Right."
    second = boss.remote.sent("message:stream", 2)[1].body["message"]
    assert second["parts"][0] == {"text": sent}
