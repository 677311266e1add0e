from typing import Any

import pytest

from runs.tools import ToolContext, ToolError
from runs.tools.decorator import build_tool
from runs.tools.errors import SuspendCall
from runs.tools.questions import Decision, answer_problems
from tests.tools.calls import Call, run

YES_OR_NO: dict[str, Any] = {
    "type": "object",
    "properties": {"yes": {"type": "boolean"}},
    "required": ["yes"],
}


def test_it_suspends_with_everything_a_face_needs() -> None:
    call = Call(arguments={"amount": 5})
    with pytest.raises(SuspendCall) as raised:
        call.context.ask("Pay?", response_schema=YES_OR_NO, parameters={"to": "Bob"})
    assert raised.value.suspension.model_dump() == {
        "ticket_id": "ask_call-1",
        "kind": "question",
        "action": "tool:probe",
        "message": "Pay?",
        "parameters": {"to": "Bob"},
        "response_schema": YES_OR_NO,
        "pending_id": "call-1",
        "pending_name": "probe",
        "pending_arguments": {"amount": 5},
        "resume_mode": "pass_decision_to_tool",
        "expires_at": None,
    }


@pytest.mark.parametrize("ticket_id", [None, "ask_call-1"])
def test_it_returns_the_answer_when_executed_again(ticket_id: str | None) -> None:
    decision = Decision("resume", {"yes": True}, ticket_id)
    answer = Call(decision=decision).context.ask("Pay?", response_schema=YES_OR_NO)
    assert answer == {"yes": True}


def test_it_takes_an_answer_without_a_schema_as_it_is() -> None:
    assert Call(decision=Decision("resume", None)).context.ask("Pay?") is None


def test_it_does_not_take_an_approval_for_an_answer() -> None:
    approved = Call(decision=Decision("resume", {"yes": True}, "perm_call-1"))
    with pytest.raises(SuspendCall) as raised:
        approved.context.ask("Pay?", response_schema=YES_OR_NO)
    assert raised.value.answers == []


def test_it_fails_the_call_when_the_answer_does_not_fit() -> None:
    context = Call(decision=Decision("resume", {"yes": "maybe"})).context
    with pytest.raises(ToolError, match="yes: 'maybe' is not of type 'boolean'"):
        context.ask("Pay?", response_schema=YES_OR_NO)


def test_it_fails_the_call_when_the_question_was_declined() -> None:
    context = Call(decision=Decision("cancel", ticket_id="ask_call-1")).context
    with pytest.raises(ToolError, match="declined"):
        context.ask("Pay?")


def test_it_refuses_a_question_with_a_broken_schema() -> None:
    with pytest.raises(ValueError, match="not a JSON Schema"):
        Call().context.ask("Pay?", response_schema={"type": "perhaps"})


def test_it_carries_earlier_answers_to_the_next_question() -> None:
    def survey(context: ToolContext) -> list[Any]:
        return [context.ask("First?"), context.ask("Second?")]

    tool = build_tool(survey)
    first = run(tool)
    assert (first.suspension and first.suspension.message, first.answers) == ("First?", [])

    second = run(tool, call=Call(decision=Decision("resume", 1, "ask_call-1")))
    assert second.suspension is not None
    assert second.suspension.message == "Second?"
    assert second.answers == [{"ticket_id": "ask_call-1", "payload": 1}]

    decision = Decision("resume", 2, second.suspension.ticket_id)
    done = run(tool, call=Call(decision=decision, answers=second.answers))
    assert done.result is not None
    assert done.result.data == [1, 2]


def test_it_survives_a_broad_except_in_the_tool() -> None:
    def careless(context: ToolContext) -> str:
        try:
            return str(context.ask("Sure?"))
        except Exception:
            return "swallowed"

    assert run(build_tool(careless)).status == "suspended"


def test_it_lets_a_service_check_an_answer_before_it_is_stored() -> None:
    assert answer_problems(None, "anything") == []
    assert answer_problems(YES_OR_NO, {"yes": True}) == []
    assert answer_problems(YES_OR_NO, {}) == ["answer: 'yes' is a required property"]
