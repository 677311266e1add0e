"""Tasks that wait for somebody, and the messages that answer them."""

from collections.abc import Callable
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core.errors import NotFound
from agentserver_a2a.errors import InvalidParams, UnsupportedOperation
from agentserver_a2a.sending import Sent
from runs.services import Decided, Input, submit, submit_decision
from runs.tools import ToolContext
from tests.api.native_stream import calling
from tests.engine_fixture import Engine
from tests.faces.a2a_calls import answer, begin, reply, response, rest, said, state, task, texts
from threads.models import Message
from threads.services import NewMessage

PERMISSION = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}
Json = dict[str, Any]


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


@pytest.fixture
def twice(engine: Engine, erased: list[str]) -> str:
    script = calling("erase", "c1", "c2", arguments={"path": "b"})
    return engine.agent("twice", script, tools=["erase"], permission=PERMISSION)


@pytest.fixture
def asker(engine: Engine) -> Callable[..., str]:
    """Makes an agent that asks a question with a schema for its answer."""

    def make(schema: Json | None = None) -> str:
        def choose(context: ToolContext) -> str:
            return repr(context.ask("Which one?", response_schema=schema))

        name = engine.tool(choose)
        return engine.agent("asker", calling(name), tools=[name])

    return make


def waiting(agent: str = "eraser") -> Sent:
    sent = begin(agent, "go")
    assert state(rest(sent)) in {"AUTH_REQUIRED", "INPUT_REQUIRED"}
    return sent


def approve(**more: Any) -> Json:
    return {"data": {"decision": "approve", **more}}


# --- leave ----------------------------------------------------------------------------------------
def test_it_asks_for_leave(erased: list[str]) -> None:
    found = rest(begin("eraser", "go"))
    assert state(found) == "AUTH_REQUIRED"
    parts = found["status"]["message"]["parts"]
    assert texts(parts) == ["Permission required for tool 'erase'"]
    (data,) = [part["data"] for part in parts if "data" in part]
    assert (data["toolName"], data["input"]) == ("erase", {"path": "a.txt"})
    assert data["toolCallId"] == "c1"
    assert erased == []


@pytest.mark.parametrize("word", ["approve", "Approved", " yes ", "OK"])
def test_it_goes_on_after_a_clear_yes(erased: list[str], word: str) -> None:
    sent = waiting()
    done = rest(reply(sent, word))
    assert done["id"] == sent.task_id
    assert (state(done), erased) == ("COMPLETED", ["a.txt"])
    assert response(done) == 'It said "a.txt is gone".'


def test_it_goes_on_after_a_decision_in_data(erased: list[str]) -> None:
    assert state(rest(reply(waiting(), approve(toolCallId="c1")))) == "COMPLETED"
    assert erased == ["a.txt"]


@pytest.mark.parametrize("word", ["no", "Deny", "reject"])
def test_it_refuses_the_call_after_a_clear_no(erased: list[str], word: str) -> None:
    done = rest(reply(waiting(), word))
    assert (state(done), response(done)) == ("COMPLETED", "It said denied by the user.")
    assert erased == []


@pytest.mark.parametrize("text", ["yes, but only the old one", "go ahead", "not ok"])
def test_it_takes_any_other_text_as_a_refusal_with_feedback(erased: list[str], text: str) -> None:
    assert response(rest(reply(waiting(), text))) == f"It said denied by the user: {text}."
    assert erased == []


def test_it_tells_the_agent_why_a_decision_refuses(erased: list[str]) -> None:
    refusal = {"data": {"decision": "reject"}}
    done = rest(reply(waiting(), refusal, "keep it"))
    assert response(done) == "It said denied by the user: keep it."


def test_it_goes_by_the_decision_not_by_the_text_beside_it(erased: list[str]) -> None:
    rest(reply(waiting(), "yes", {"data": {"decision": "reject"}}))
    assert erased == []


@pytest.mark.parametrize(
    "part",
    [
        {"data": {"decision": "maybe"}},
        {"data": {"decision": True}},
        {"data": {"approve": True}},
        {"url": "https://x.example/yes"},
        approve(toolCallId="another"),
        approve(toolCallId={"id": "c1"}),
        approve(toolCallId=["c1"]),
    ],
)
def test_it_needs_a_decision_it_understands(erased: list[str], part: Json) -> None:
    sent = waiting()
    with pytest.raises(InvalidParams):
        reply(sent, part)
    assert state(task(sent.task_id)) == "AUTH_REQUIRED"


def test_it_keeps_the_answer_in_the_history(erased: list[str]) -> None:
    done = rest(reply(waiting(), "approve", messageId="my-answer"))
    assert said(done) == [
        ("USER", "go"),
        ("USER", "approve"),
        ("AGENT", 'It said "a.txt is gone".'),
    ]
    assert done["history"][1]["messageId"] == "my-answer"


def test_it_shows_a_decision_that_came_another_way(erased: list[str], engine: Engine) -> None:
    sent = waiting()
    decision = Decided(reference="c1", action="resume")
    submit_decision(
        principal=ANONYMOUS, any_id=sent.task_id, decided=decision, missing=NotFound("gone")
    )
    engine.finished(sent.task_id)
    assert state(task(sent.task_id)) == "COMPLETED"


def test_it_answers_one_call_after_the_other(twice: str, erased: list[str]) -> None:
    sent = waiting("twice")
    between = rest(reply(sent, approve(toolCallId="c2")))
    assert state(between) == "AUTH_REQUIRED"
    assert len(erased) == 1
    assert state(rest(reply(sent, "yes"))) == "COMPLETED"
    assert len(erased) == 2


def test_it_works_as_soon_as_it_was_answered(engine: Engine, erased: list[str]) -> None:
    sent = waiting()
    engine.stop()
    again = reply(sent, "yes")
    assert state(again.task) == state(task(sent.task_id)) == "WORKING"
    with pytest.raises(UnsupportedOperation, match="busy"):
        reply(sent, "yes")


# --- questions ------------------------------------------------------------------------------------
def test_it_asks_for_input(asker: Callable[..., str]) -> None:
    found = rest(begin(asker(), "go"))
    assert state(found) == "INPUT_REQUIRED"
    assert texts(found["status"]["message"]["parts"]) == ["Which one?"]


def test_it_hands_a_text_to_the_tool_that_asked(asker: Callable[..., str]) -> None:
    assert "blue" in str(_results(rest(reply(waiting(asker()), "blue"))))


def test_it_hands_data_to_the_tool_that_asked(asker: Callable[..., str]) -> None:
    sent = waiting(asker({"type": "object", "required": ["n"]}))
    assert "\"{'n': 1}\"" in _results(rest(reply(sent, {"data": {"n": 1, "toolCallId": "c1"}})))


def test_it_reads_json_where_only_that_fits(asker: Callable[..., str]) -> None:
    assert "7" in str(_results(rest(reply(waiting(asker({"type": "integer"})), "7"))))


def test_it_refuses_an_answer_that_does_not_fit(asker: Callable[..., str]) -> None:
    sent = waiting(asker({"type": "integer"}))
    with pytest.raises(InvalidParams) as refused:
        reply(sent, "seven")
    assert [each.field for each in refused.value.violations] == ["message.parts"]
    assert state(task(sent.task_id)) == "INPUT_REQUIRED"


def test_it_declines_a_question(asker: Callable[..., str]) -> None:
    sent = waiting(asker())
    assert "denied by the user" in str(_results(rest(reply(sent, {"data": {"decision": "no"}}))))


def _results(done: Json) -> list[str]:
    """What the tools of the task came to: the agent may have said it, or read it."""
    rows = Message.objects.filter(run_id=done["id"], role="tool")
    assert state(done) in {"COMPLETED", "INPUT_REQUIRED"}
    return [row.content[0]["text"] for row in rows]


# --- delegates ------------------------------------------------------------------------------------
def test_it_answers_what_a_delegate_asks(engine: Engine, erased: list[str]) -> None:
    script: Any = [
        {"when": {"has_tool_result": True}, "reply": [{"text": "The helper: {{tool_result}}"}]},
        {"reply": [{"tool_call": {"name": "agent_run_eraser", "arguments": {"prompt": "do"}}}]},
    ]
    engine.agent("boss", script, delegates=["eraser"], tools=None)
    sent = waiting("boss")
    done = rest(reply(sent, "yes"))
    assert (state(done), erased) == ("COMPLETED", ["a.txt"])
    assert response(done).startswith("The helper:")


def test_it_asks_about_each_thing_that_a_delegate_asks(engine: Engine, erased: list[str]) -> None:
    steps = [{"tool_call": {"name": "erase", "arguments": {"path": path}}} for path in ("a", "b")]
    script = [{"when": {"turn": turn}, "reply": [step]} for turn, step in enumerate(steps)]
    ended = {"reply": [{"text": "erased"}]}
    engine.agent("clerk", [*script, ended], tools=["erase"], permission=PERMISSION)
    prompt = {"name": "agent_run_clerk", "arguments": {"prompt": "erase"}}
    done = {"when": {"has_tool_result": True}, "reply": [{"text": "done"}]}
    engine.agent("boss", [done, {"reply": [{"tool_call": prompt}]}], delegates=["clerk"])
    sent = begin("boss", "go")
    for path, known in (("a", []), ("b", ["a"])):
        found = rest(sent)
        asked = [part["data"] for part in found["status"]["message"]["parts"] if "data" in part]
        assert (state(found), asked[0]["input"], erased) == (
            "INPUT_REQUIRED",
            {"path": path},
            known,
        )
        sent = reply(sent, "yes")
    assert (state(rest(sent)), erased) == ("COMPLETED", ["a", "b"])


# --- time -----------------------------------------------------------------------------------------
def test_it_answers_with_the_task_when_the_time_is_up(engine: Engine) -> None:
    gate = engine.gate()

    def wait() -> str:
        gate.wait()
        return "ok"

    name = engine.tool(wait)
    sent = begin(engine.agent("slow", calling(name), tools=[name]), "go")
    engine.running(sent.task_id)
    assert state(answer(sent, seconds=0.01)["task"]) == "WORKING"


# --- tools of the client --------------------------------------------------------------------------
@pytest.fixture
def locating(engine: Engine) -> str:
    """The id of a task that another face began, and that waits for a tool of its client."""
    agent = engine.agent("locator", calling("locate"), tools=None)
    message = NewMessage(role="user", content=[{"type": "text", "text": "Where am I?"}])
    tools = {"frontend_tools": [{"name": "locate", "parameters": {"type": "object"}}]}
    run = submit(
        Input(principal=ANONYMOUS, thread_id=None, messages=[message], agent_id=agent, extras=tools)
    ).run
    engine.suspended(run.pk)
    return run.pk


def test_it_asks_for_the_result_of_a_client_tool(locating: str) -> None:
    found = task(locating)
    assert state(found) == "INPUT_REQUIRED"
    assert texts(found["status"]["message"]["parts"]) == ["The tool 'locate' waits for its result."]


@pytest.mark.parametrize(
    ("part", "said_by_tool"),
    [("Paris", "Paris"), ({"data": {"city": "Paris"}}, '{"city":"Paris"}'), ({"data": 7}, "7")],
)
def test_it_takes_the_result_of_a_client_tool(locating: str, part: Any, said_by_tool: str) -> None:
    done = rest(begin(None, part, taskId=locating))
    assert response(done) == f"It said {said_by_tool}."


# --- order ----------------------------------------------------------------------------------------
def test_it_shows_an_answer_behind_the_question_at_once(
    engine: Engine, asker: Callable[..., str]
) -> None:
    asker()
    done, call = calling("choose")
    script = [done, {"reply": [{"text": "Tell me."}, *call["reply"]]}]
    sent = waiting(engine.agent("talker", script, tools=["choose"]))
    engine.stop()
    again = reply(sent, "blue")
    assert said(again.task) == [("USER", "go"), ("AGENT", "Tell me."), ("USER", "blue")]


def test_it_does_not_take_an_answer_twice(asker: Callable[..., str], engine: Engine) -> None:
    sent = waiting(asker())
    engine.stop()
    reply(sent, "blue")
    with pytest.raises(UnsupportedOperation):
        reply(sent, "red")
    assert said(task(sent.task_id)) == [("USER", "go"), ("USER", "blue")]
