"""Runs that wait for people or for tools of the client, and the requests that answer them."""

from collections.abc import Iterator
from typing import Any

import pytest

from agentserver.core.clock import now_ms
from runs.models import Run, ToolCall
from tests.api.conftest import JsonClient
from tests.api.native_stream import calling
from tests.engine_fixture import Engine
from tests.faces.ag_ui_http import RunIds, interrupts, messages, resolved, run, text_of, user
from tests.faces.ag_ui_verify import Frame

PERMISSION = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}
PICK = [{"name": "pick", "description": "Picks", "parameters": {"type": "object"}}]


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


@pytest.fixture(autouse=True)
def _ids(run_id: RunIds) -> Iterator[None]:
    _SCOPE.append(run_id)
    yield
    _SCOPE.pop()


_SCOPE: list[RunIds] = []


def first_id() -> str:
    return _SCOPE[-1]("r1")


def second_id() -> str:
    return _SCOPE[-1]("r2")


def ask(api: JsonClient, **body: Any) -> list[Frame]:
    return run(api, "eraser", user("u1"), threadId="t", runId=first_id(), **body)


def answer(api: JsonClient, entry: Any, run_id: str = "", **body: Any) -> list[Frame]:
    return run(
        api, "eraser", user("u1"), threadId="t", runId=run_id or second_id(), resume=[entry], **body
    )


def error_code(frames: list[Frame]) -> str:
    assert [each["type"] for each in frames] == ["RUN_STARTED", "RUN_ERROR"]
    code: str = frames[-1]["code"]
    return code


# --- interrupts -----------------------------------------------------------------------------------
def test_it_runs_what_was_approved(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    frames = answer(api, resolved(ticket, approved=True))
    assert erased == ["a.txt"]
    assert frames[0]["runId"] == frames[-1]["runId"] == second_id()
    assert text_of(frames) == 'It said "a.txt is gone".'
    assert Run.objects.get().pk == first_id()


def test_it_runs_with_edited_arguments(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    answer(api, resolved(ticket, approved=True, editedArgs={"path": "b.txt"}))
    assert erased == ["b.txt"]


def test_it_keeps_rules_that_forbid_against_edited_arguments(
    engine: Engine, api: JsonClient, erased: list[str]
) -> None:
    rules = [{"tool": 'erase(path ~ "secret*")', "behavior": "deny"}, *PERMISSION["rules"]]
    engine.agent(
        "eraser",
        calling("erase", arguments={"path": "a.txt"}),
        tools=["erase"],
        permission={"default_behavior": "allow", "rules": rules},
    )
    (ticket,) = interrupts(ask(api))
    frames = answer(api, resolved(ticket, approved=True, editedArgs={"path": "secret.txt"}))
    assert erased == []
    assert "denied by permission rules" in text_of(frames)


def test_it_does_not_run_what_was_denied(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    frames = answer(api, resolved(ticket, approved=False, reason="no"))
    assert erased == []
    assert text_of(frames) == "It said denied by the user: no."


def test_it_gives_up_what_was_cancelled(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    frames = answer(api, {"interruptId": ticket, "status": "cancelled"})
    assert erased == []
    assert "TOOL_CALL_RESULT" in [each["type"] for each in frames]


def test_it_bears_the_same_answer_twice(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    first = answer(api, resolved(ticket, approved=True))
    assert answer(api, resolved(ticket, approved=True)) == first
    assert erased == ["a.txt"]


def test_it_refuses_another_answer(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    answer(api, resolved(ticket, approved=True))
    frames = answer(api, resolved(ticket, approved=False), "another")
    assert error_code(frames) == "already_decided"


@pytest.mark.parametrize("payload", [{}, {"approved": "true"}, {"approved": 1}])
def test_it_wants_a_real_decision(erased: list[str], api: JsonClient, payload: Any) -> None:
    (ticket,) = interrupts(ask(api))
    assert error_code(answer(api, resolved(ticket, **payload))) == "invalid_resume"
    assert erased == []


def test_it_wants_edited_arguments_to_be_an_object(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    frames = answer(api, resolved(ticket, approved=True, editedArgs="b.txt"))
    assert error_code(frames) == "invalid_resume"


def test_it_refuses_an_unknown_interrupt(erased: list[str], api: JsonClient) -> None:
    ask(api)
    assert error_code(answer(api, resolved("perm_x", approved=True))) == "unknown_interrupt"


def test_it_refuses_an_answer_on_an_unknown_thread(erased: list[str], api: JsonClient) -> None:
    assert error_code(answer(api, resolved("perm_x", approved=True))) == "unknown_interrupt"


def test_it_refuses_an_expired_interrupt(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    call = ToolCall.objects.get()
    call.suspension = {**call.suspension, "expires_at": now_ms() - 1}
    call.save(update_fields=["suspension"])
    assert error_code(answer(api, resolved(ticket, approved=True))) == "expired_interrupt"


def test_it_executes_nothing_after_an_interrupt_was_cancelled(
    erased: list[str], api: JsonClient
) -> None:
    (ticket,) = interrupts(ask(api))
    assert api.post("/v1/ag-ui/threads/t/interrupt").status_code == 202
    assert error_code(answer(api, resolved(ticket, approved=True))) == "expired_interrupt"
    assert erased == []


def test_it_refuses_input_without_an_answer(erased: list[str], api: JsonClient) -> None:
    ask(api)
    frames = run(api, "eraser", user("u2"), threadId="t")
    assert error_code(frames) == "interrupt_pending"
    assert [each["role"] for each in messages(api, "t")] == ["user", "assistant"]


def test_it_wants_an_answer_to_every_interrupt(engine: Engine, api: JsonClient) -> None:
    def erase() -> str:
        """Erases."""
        return "gone"

    engine.tool(erase)
    engine.agent("eraser", calling("erase", "c1", "c2"), tools=["erase"], permission=PERMISSION)
    first, second = interrupts(ask(api))
    assert error_code(answer(api, resolved(first, approved=True))) == "interrupt_pending"
    both = [resolved(first, approved=True), resolved(second, approved=False)]
    frames = run(api, "eraser", user("u1"), threadId="t", resume=both)
    results = [each for each in frames if each["type"] == "TOOL_CALL_RESULT"]
    assert len(results) == 2


def test_it_plays_an_interrupted_run_again(erased: list[str], api: JsonClient) -> None:
    first = ask(api)
    assert ask(api) == first


def test_it_takes_a_message_that_comes_with_the_answer(erased: list[str], api: JsonClient) -> None:
    (ticket,) = interrupts(ask(api))
    run(
        api, "eraser", user("u1"), user("u2", "and hurry"), threadId="t",
        resume=[resolved(ticket, approved=True)],
    )  # fmt: skip
    listed = messages(api, "t")
    assert {each["role"] for each in listed} == {"user", "assistant", "tool"}
    assert "u2" in [each["id"] for each in listed]


def test_it_tells_older_clients_about_interrupts_too(erased: list[str], api: JsonClient) -> None:
    frames = ask(api, protocolVersion=None)
    assert len(interrupts(frames)) == 1
    assert "MESSAGES_SNAPSHOT" not in [each["type"] for each in frames]


# --- tools of the client --------------------------------------------------------------------------
@pytest.fixture
def call_id(engine: Engine, api: JsonClient) -> str:
    """The open call of an agent ``picker`` on the thread ``t``."""
    script: list[dict[str, Any]] = [
        {"when": {"has_tool_result": True}, "reply": [{"text": "You chose {{tool_result}}."}]},
        {"reply": [{"client_tool": "first"}]},
    ]
    engine.agent("picker", script)
    frames = run(api, "picker", user("u1"), threadId="t", runId=first_id(), tools=PICK)
    (pending,) = frames[-1]["outcome"]["pendingToolCallIds"]
    return str(pending)


def result(call_id: str, content: Any = "red", **members: Any) -> dict[str, Any]:
    return {
        "id": "result", "role": "tool", "toolCallId": call_id, "content": content, **members,
    }  # fmt: skip


def test_it_goes_on_with_the_clients_result(call_id: str, api: JsonClient) -> None:
    frames = run(api, "picker", user("u1"), result(call_id), threadId="t", runId=second_id())
    assert text_of(frames) == "You chose red."
    assert messages(api, "t")[2] == result(call_id)


def test_it_shows_the_model_the_very_text_of_the_client(call_id: str, api: JsonClient) -> None:
    frames = run(api, "picker", result(call_id, '{"a":  1}'), threadId="t")
    assert text_of(frames) == 'You chose {"a":  1}.'


def test_it_bears_the_same_result_twice(call_id: str, api: JsonClient) -> None:
    sent = (user("u1"), result(call_id))
    first = run(api, "picker", *sent, threadId="t", runId=second_id())
    assert run(api, "picker", *sent, threadId="t", runId=second_id()) == first


def test_it_reads_a_result_that_came_as_parts(call_id: str, api: JsonClient) -> None:
    parts = [{"type": "text", "text": "red"}]
    assert text_of(run(api, "picker", result(call_id, parts), threadId="t")) == "You chose red."


def test_it_tells_the_model_that_the_client_failed(call_id: str, api: JsonClient) -> None:
    failed = result(call_id, "", error="no screen")
    assert "no screen" in text_of(run(api, "picker", failed, threadId="t"))


def test_it_ignores_results_of_other_calls(call_id: str, api: JsonClient) -> None:
    frames = run(api, "picker", result("other"), user("u2"), threadId="t")
    assert frames[-1]["type"] == "RUN_FINISHED"
    assert "other" not in [each.get("toolCallId") for each in messages(api, "t")]


def test_it_keeps_its_own_id_for_a_result_whose_id_is_taken(call_id: str, api: JsonClient) -> None:
    run(api, "picker", user("u1"), {**result(call_id), "id": "u1-again"}, threadId="t")
    run(api, "picker", user("u2"), threadId="t", tools=PICK)
    listed = messages(api, "t")
    open_call = listed[-1]["toolCalls"][0]["id"]
    frames = run(api, "picker", {**result(open_call), "id": "u1-again"}, threadId="t")
    ids = [each["id"] for each in messages(api, "t")]
    assert frames[-1]["type"] == "RUN_FINISHED"
    assert ids.count("u1-again") == 1
