"""Remote agents that need a person: their questions here, the answers there."""

import pytest

from runs.models import ToolCall
from tests.faces.a2a_remote import chunk, completed, remote, status
from tests.faces.a2a_remote_agent import Far, decide, far

__all__ = ["far", "remote"]


def test_it_hands_a_question_to_a_person_and_the_answer_back(far: Far) -> None:
    far.remote.play(chunk("Hm. "), status("INPUT_REQUIRED", "Which one?", options=["a", "b"]))
    far.remote.play(chunk("You chose b."), completed())
    run = far.engine.suspended(far.begin())
    assert run.status == "waiting"
    ticket = ToolCall.objects.get(run=run).suspension
    assert (ticket["kind"], ticket["message"]) == ("question", "Which one?")
    assert ticket["parameters"] == {"options": ["a", "b"]}
    decide(far, run, action="resume", payload="b")
    assert far.engine.finished(run.pk).final_output == "You chose b."
    task = next(iter(far.remote.tasks.values()))
    second = far.remote.sent("message:stream", 2)[1].body["message"]
    assert (second["taskId"], second["parts"]) == (task.id, [{"text": "b"}])


def test_it_sends_an_answer_that_is_an_object_as_data(far: Far) -> None:
    far.remote.play(status("INPUT_REQUIRED", "Where?"))
    far.remote.play(completed("There."))
    run = far.engine.suspended(far.begin())
    decide(far, run, action="resume", payload={"city": "Ulm"})
    assert far.engine.finished(run.pk).final_output == "There."
    second = far.remote.sent("message:stream", 2)[1].body["message"]
    assert second["parts"] == [{"data": {"city": "Ulm"}}]


@pytest.mark.parametrize(("action", "word"), [("resume", "approve"), ("cancel", "reject")])
def test_it_asks_for_leave_as_for_a_tool(far: Far, action: str, word: str) -> None:
    far.remote.play(status("AUTH_REQUIRED", "May I?"))
    far.remote.play(completed("Right."))
    run = far.engine.suspended(far.begin())
    assert ToolCall.objects.get(run=run).suspension["kind"] == "permission"
    decide(far, run, action=action)
    assert far.engine.finished(run.pk).final_output == "Right."
    second = far.remote.sent("message:stream", 2)[1].body["message"]
    assert second["parts"] == [{"text": word}]


def test_it_sends_new_words_to_the_task_that_waits(far: Far) -> None:
    far.remote.play(status("INPUT_REQUIRED", "Which one?"))
    far.remote.play(completed("Fine."))
    run = far.engine.suspended(far.begin())
    message = {"role": "user", "content": "never mind"}
    body = {"agent_id": "far", "messages": [message], "mode": "resume"}
    far.api.post(f"/v1/threads/{run.thread_id}/messages", body)
    assert far.engine.finished(run.pk).final_output == "Fine."
    second = far.remote.sent("message:stream", 2)[1].body["message"]
    assert second["parts"] == [{"text": "never mind"}]
    assert second["taskId"] == next(iter(far.remote.tasks))


def test_it_goes_on_when_the_question_was_answered_over_there(far: Far) -> None:
    far.remote.play(status("INPUT_REQUIRED", "Which one?"))
    run = far.engine.suspended(far.begin())
    task = next(iter(far.remote.tasks.values()))
    for update in (chunk("Settled."), completed()):
        far.remote.tell(task, update)
    decide(far, run, action="resume", payload="b")
    assert far.engine.finished(run.pk).final_output == "Settled."
    assert len(far.remote.sent("message:stream")) == 1
