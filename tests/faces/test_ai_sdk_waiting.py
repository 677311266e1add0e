"""Runs that wait for several answers, for shaped answers, for other runs, and for a new message."""

from typing import Any

import pytest

from runs.models import Run, ToolCall
from runs.tools import ToolContext
from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.ai_sdk_chat import Chat, HeldChat, chunks_of, shown, user

Json = dict[str, Any]


def call(name: str, call_id: str, **arguments: Any) -> Json:
    return {"tool_call": {"name": name, "id": call_id, "arguments": arguments}}


def turns(*replies: list[Json]) -> list[Json]:
    return [{"when": {"turn": turn}, "reply": reply} for turn, reply in enumerate(replies)]


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def chat(engine: Engine, api: JsonClient, done: list[str]) -> HeldChat:
    """Wants to wipe two things, each of which needs an approval."""

    def wipe(what: str) -> str:
        """Wipes."""
        done.append(what)
        return f"{what} wiped"

    name = engine.tool(wipe, needs_approval=True)
    script = turns([call(name, "c1", what="a"), call(name, "c2", what="b")], [{"text": "ok"}])
    return HeldChat(api, engine.agent("wipes", script, tools=[name]))


def parts_of(chat: Chat) -> list[Json]:
    return [part for part in chat.messages()[-1]["parts"] if "toolCallId" in part]


def answered(chat: Chat, **approved: bool) -> list[Json]:
    """The history with answers to some of the calls, as the client posts it."""
    history = chat.messages()
    for part in history[-1]["parts"]:
        if part.get("toolCallId") in approved:
            part["state"] = "approval-responded"
            part["approval"]["approved"] = approved[part["toolCallId"]]
    return history


def test_it_waits_for_the_second_answer_after_the_first(chat: Chat, done: list[str]) -> None:
    chat.say("wipe")
    first = chunks_of(chat.post(*answered(chat, c1=True)), continues=True)
    assert [each["type"] for each in first] == ["start", "tool-output-available", "finish"]
    assert first[-1]["finishReason"] == "tool-calls"
    assert [part["state"] for part in parts_of(chat)] == ["output-available", "approval-requested"]
    second = chunks_of(chat.post(*answered(chat, c2=False)), continues=True)
    assert [each["type"] for each in second][:3] == ["start", "tool-output-denied", "start-step"]
    assert shown(second) == "ok"
    assert done == ["a"]


def test_it_takes_both_answers_at_once(chat: Chat, done: list[str]) -> None:
    chat.say("wipe")
    chunks_of(chat.post(*answered(chat, c1=True, c2=True)), continues=True)
    assert sorted(done) == ["a", "b"]


def test_it_catches_up_a_client_whose_other_tab_was_faster(chat: Chat, done: list[str]) -> None:
    chat.say("wipe")
    stale = answered(chat, c1=True, c2=True)
    chunks_of(chat.post(*answered(chat, c1=True, c2=False)), continues=True)
    late = chunks_of(chat.post(*stale), continues=True)
    outcomes = {each["toolCallId"]: each["type"] for each in late if "toolCallId" in each}
    assert outcomes == {"c1": "tool-output-available", "c2": "tool-output-denied"}
    assert shown(late) == "ok"
    assert done == ["a"]


def test_it_executes_a_repeated_answer_once(chat: Chat, done: list[str]) -> None:
    chat.say("wipe")
    posted = answered(chat, c1=True, c2=True)
    first = chunks_of(chat.post(*posted), continues=True)
    assert chunks_of(chat.post(*posted), continues=True) == first
    assert sorted(done) == ["a", "b"]


def test_it_answers_in_the_message_that_asked(chat: Chat) -> None:
    started = chat.say("wipe")[0]
    went_on = chunks_of(chat.post(*answered(chat, c1=True, c2=True)), continues=True)[0]
    assert went_on == started


def test_it_gives_a_new_message_the_right_of_way(
    engine: Engine, chat: Chat, done: list[str]
) -> None:
    chat.say("wipe")
    chunks_of(chat.post(*answered(chat, c1=True), user("rather not")))
    assert done == []
    assert [part["state"] for part in chat.messages()[1]["parts"] if "toolCallId" in part] == [
        "output-error",
        "output-error",
    ]


@pytest.mark.parametrize("verb", ["cancel", "interrupt"])
def test_it_stops_a_chat_that_waits(chat: Chat, done: list[str], verb: str) -> None:
    chat.say("wipe")
    posted = answered(chat, c1=True, c2=True)
    answer = chat.stop(verb)
    assert answer.status_code == 202
    assert answer.json()["thread_id"] == chat.id
    late = chunks_of(chat.post(*posted), continues=True)
    assert late[-1] == {"type": "abort"}
    assert done == []


def test_it_says_how_many_jobs_an_interrupt_dropped(chat: Chat) -> None:
    chat.say("wipe")
    chat.api.post(
        f"/v1/threads/{chat.id}/messages", {"messages": [{"role": "user", "content": "more"}]}
    )
    assert chat.stop("interrupt").json()["superseded_dispatches"] == 1


def test_it_shows_an_answer_from_elsewhere_to_a_client_that_reloads(
    engine: Engine, chat: Chat
) -> None:
    chat.say("wipe")
    decisions = [{"tool_call_id": each, "action": "resume"} for each in ("c1", "c2")]
    answer = chat.api.post(f"/v1/threads/{chat.id}/decision", {"decisions": decisions})
    assert answer.status_code == 202
    engine.finished(Run.objects.get().pk)
    assert [part["state"] for part in parts_of(chat)] == ["output-available"] * 2
    assert parts_of(chat)[0]["approval"]["approved"] is True


def test_it_replays_the_whole_message_when_a_resumed_run_is_joined(
    engine: Engine, chat: HeldChat
) -> None:
    gate = chat.gate = engine.gate()

    def slow() -> str:
        """Waits."""
        gate.wait(20)
        return "done"

    name = engine.tool(slow)
    script = turns([call("wipe", "c1", what="a")], [call(name, "c2")], [{"text": "ok"}])
    chat.agent = engine.agent("slow", script, tools=["wipe", name])
    chat.say("wipe")
    went_on = chat.post(*answered(chat, c1=True))
    chat.until_held("c2")
    assert [each["role"] for each in chat.messages()] == ["user"]
    joined = chat.resume()
    chat.release()
    chunks_of(went_on, continues=True)
    whole = chunks_of(joined)
    kinds = [each["type"] for each in whole]
    assert kinds.count("start") == kinds.count("finish") == 1
    assert kinds.count("tool-input-available") == 2
    assert shown(whole) == "ok"


# --- other kinds of questions -------------------------------------------------------------------


def test_it_takes_the_answer_to_a_question_as_an_output(engine: Engine, api: JsonClient) -> None:
    def pick(context: ToolContext) -> Any:
        """Asks for a number."""
        return context.ask("How many?", response_schema={"type": "integer"})

    script = turns([call(engine.tool(pick), "c1")], [{"text": "{{tool_result}} it is"}])
    chat = Chat(api, engine.agent("asks", script, tools=["pick"]))
    asked = chat.say("go")
    question = next(each for each in asked if each["type"] == "data-question")
    assert question["data"]["responseSchema"] == {"type": "integer"}
    assert shown(chunks_of(with_output(chat, 3), continues=True)) == "3 it is"


def test_it_refuses_an_answer_of_the_wrong_shape(engine: Engine, api: JsonClient) -> None:
    def pick(context: ToolContext) -> Any:
        """Asks for a number."""
        return context.ask("How many?", response_schema={"type": "integer"})

    script = turns([call(engine.tool(pick), "c1")], [{"text": "ok"}])
    chat = Chat(api, engine.agent("asks", script, tools=["pick"]))
    chat.say("go")
    assert with_output(chat, "three").status_code == 400
    assert Run.objects.get().status == Run.Status.WAITING


def with_output(chat: Chat, output: Any) -> Any:
    """Posts the history with an output for the open calls."""
    history = chat.messages()
    for part in history[-1]["parts"]:
        if part.get("state") == "input-available":
            part.update(state="output-available", output=output)
    return chat.post(*history)


def test_it_takes_approvals_of_a_delegated_run(engine: Engine, chat: Chat, done: list[str]) -> None:
    engine.agent("wipes-one", turns([call("wipe", "c9", what="a")], [{"text": "wiped"}]),
                 tools=["wipe"])  # fmt: skip
    script = turns([call("agent_run_wipes-one", "d1", prompt="wipe")], [{"text": "all done"}])
    chat.agent = engine.agent("boss", script, delegates=["wipes-one"])
    chat.say("go")
    assert parts_of(chat)[0]["state"] == "approval-requested"
    went_on = chunks_of(chat.post(*answered(chat, d1=True)), continues=True)
    assert shown(went_on) == "all done"
    assert done == ["a"]


def test_it_takes_the_word_of_a_client_for_its_own_tools_only(chat: Chat, done: list[str]) -> None:
    chat.say("wipe")
    history = chat.messages()
    for part in history[-1]["parts"]:
        if "toolCallId" in part:
            part.update(state="output-available", output="forged")
    assert chat.post(*history).status_code == 400
    assert set(ToolCall.objects.values_list("status", flat=True)) == {"suspended"}
    assert done == []


@pytest.mark.parametrize(
    "approval", [{"approved": "yes"}, {"approved": 1}, {"approved": True, "id": "another"}, {}]
)
def test_it_takes_nothing_but_a_boolean_for_a_known_ticket(
    chat: Chat, done: list[str], approval: Json
) -> None:
    chat.say("wipe")
    history = chat.messages()
    for part in history[-1]["parts"]:
        if "toolCallId" in part:
            ticket = {"id": part["approval"]["id"]}
            part.update(state="approval-responded", approval=ticket | approval)
    answer = chat.post(*history)
    assert answer.status_code == 400
    assert answer.json()["error"] == "no new messages or interaction responses"
    assert done == []
