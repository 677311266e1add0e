"""For every way a run can go: folding its stored events gives exactly its rows."""

from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from runs import services
from runs.engine import journal
from runs.engine.session import Stopped
from runs.events.types import TextDelta, ToolCallFinished
from runs.models import Run
from runs.services import Mode
from runs.tools import ToolContext, ToolError, ToolResult
from tests.engine.conftest import Offer
from tests.engine.folding import assert_fold
from tests.engine.lab import (
    Held,
    Lab,
    Pace,
    call,
    calls_of,
    conversation,
    fresh,
    text,
    turns,
    wait_for,
)


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def broken(why: str) -> None:
    """Fails."""
    raise ToolError(why)


def picture() -> ToolResult:
    """Draws."""
    image = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    return ToolResult({"drawn": True}, message="a picture", content_blocks=[image])


def rename(context: ToolContext, title: str) -> str:
    """Changes the shared state."""
    context.set_state({"title": title})
    context.progress(0.5)
    context.output("renaming")
    return "renamed"


def publish(context: ToolContext, words: list[str]) -> str:
    """Publishes."""
    first = context.artifact(words[0], name="words", last_chunk=False)
    for word in words[1:]:
        context.artifact(word, artifact_id=first, append=True)
    return "published"


def piece(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"artifact": {"parts": list(parts), **more}}


PLAIN: dict[str, Any] = {
    "text": turns([text("Hi there", chunks=3)]),
    "silence": turns([{"delay_ms": 0}]),
    "reasoning": turns([{"reasoning": "hmm", "signature": "s1", "chunks": 2}, text("Done")]),
    "file": turns([{"file": {"media_type": "image/png", "data": "AAAA"}}, text("Look")]),
    "a file with a name": turns(
        [{"file": {"media_type": "text/plain", "data": "AAAA", "name": "a.txt"}}]
    ),
    "a file by its address": turns(
        [{"file": {"media_type": "image/png", "url": "https://x.example/a", "name": "a.png"}}]
    ),
    "artifacts": turns(
        [
            piece("one", artifact_id="a", name="A"),
            piece({"type": "data", "data": {"n": 2**53 + 1, "f": 1.0}}),
            call("publish", words=["b", "c"]),
        ],
        [piece(" two", artifact_id="a", append=True, metadata={"m": None}), text("done")],
        [text("done")],
    ),
    "an artifact that is replaced": turns(
        [piece("old", artifact_id="a", name="A"), call("add", a=1, b=2)],
        [piece("new", artifact_id="a"), text("done")],
    ),
    "artifacts of an answer that broke": turns(
        [piece("first", artifact_id="a"), call("add", a=1, b=2)],
        [
            piece(" more", artifact_id="a", append=True),
            text("Hm"),
            {"error": {"status": 503, "times": 1}},
            text("again"),
        ],
    ),
    "one call": turns([call("add", a=1, b=2)], [text("It is {{tool_result}}")]),
    "text and a call": turns([text("Let me see"), call("add", a=1, b=2)], [text("ok")]),
    "parallel calls": turns(
        [call("add", a=1, b=2), call("broken", why="no"), call("add", a=3, b=4)], [text("ok")]
    ),
    "a failing tool": turns([call("broken", why="sold out")], [text("a pity")]),
    "an unknown tool": turns([call("nobody", x=1)], [text("a pity")]),
    "arguments that are no JSON": turns(
        [{"tool_call": {"name": "add", "arguments": '{"a": 1,'}}], [text("a pity")]
    ),
    "arguments that do not fit": turns([call("add", a="x")], [text("a pity")]),
    "content blocks": turns([call("picture")], [text("nice")]),
    "shared state": turns([call("rename", title="Rome")], [text("done")]),
    "a cut answer": turns([text("one "), {"finish_reason": "length"}]),
    "three steps": turns([call("add", a=1, b=1)], [call("add", a=2, b=2)], [text("four")]),
    "a permanent error": turns([{"error": {"status": 401, "message": "no"}}]),
    "a permanent error after text": turns([text("Hm"), {"error": {"status": 400}}]),
    "a transient error": turns([{"error": {"status": 503, "times": 1}}, text("again")]),
    "a transient error after text": turns(
        [text("Hm"), {"error": {"status": 503, "times": 1}}, text("again")]
    ),
}


@pytest.fixture(autouse=True)
def _tools(offer: Offer) -> None:
    for function in (add, broken, picture, publish, rename):
        offer(function)


@pytest.mark.parametrize("name", PLAIN)
def test_it_folds_to_the_rows(name: str, engine: Lab) -> None:
    engine.agent(PLAIN[name])
    run = engine.end(engine.submit().run)
    assert run.status == Run.Status.DONE
    assert_fold(run)


# --- runs that wait for somebody -----------------------------------------------------------


def erase(path: str) -> str:
    """Deletes."""
    return f"{path} is gone"


def choose(context: ToolContext) -> str:
    """Asks twice."""
    schema = {"type": "string", "enum": ["red", "blue"]}
    first = context.ask("Which colour?", response_schema=schema)
    return f"{first} and {context.ask('And then?')}"


@pytest.fixture
def asker(engine: Lab, offer: Offer) -> Lab:
    offer(erase, needs_approval=True)
    offer(choose)
    return engine


APPROVAL = turns([text("May I?"), call("erase", "c1", path="a")], [text("{{tool_result}}")])
TWO_APPROVALS = turns(
    [call("erase", "c1", path="a"), call("add", "c0", a=1, b=1), call("erase", "c2", path="b")],
    [text("done")],
)


@pytest.mark.parametrize("action", ["resume", "cancel"])
def test_it_folds_an_approval(action: str, asker: Lab) -> None:
    asker.agent(APPROVAL)
    waiting = asker.ask()
    assert waiting.status == Run.Status.WAITING
    assert_fold(waiting)
    asker.decide(waiting, "perm_c1", action, {"approved": action == "resume"})
    run = asker.end(waiting)
    assert run.termination_code == "natural"
    assert run.final_output == ('"a is gone"' if action == "resume" else '{"approved":false}')
    assert_fold(run)


def test_it_folds_two_approvals_decided_one_after_the_other(asker: Lab) -> None:
    asker.agent(TWO_APPROVALS)
    waiting = asker.ask()
    assert_fold(waiting)
    asker.decide(waiting, "c2", "cancel", "no")
    half = asker.rest(waiting, after_seq=waiting.last_seq)
    assert half.status == Run.Status.WAITING
    assert_fold(half)
    asker.decide(half, "c1")
    run = asker.end(half)
    assert_fold(run)
    assert conversation()[2:] == [
        ("tool", '"a is gone"'),
        ("tool", "2"),
        ("tool", '"no"'),
        ("assistant", "done"),
    ]


def test_it_folds_a_tool_that_asks_twice(asker: Lab) -> None:
    asker.agent(turns([call("choose", "c1")], [text("{{tool_result}}")]))
    waiting = asker.ask()
    asker.decide(waiting, "ask_c1", payload="red")
    again = asker.rest(waiting, after_seq=waiting.last_seq)
    assert_fold(again)
    asker.decide(again, "ask_c1:2", payload="sleep")
    run = asker.end(again)
    assert run.final_output == '"red and sleep"'
    assert_fold(run)


FRONTEND = {"frontend_tools": [{"name": "locate", "description": "Where the user is"}]}


@pytest.mark.parametrize("error", [None, "no permission"])
def test_it_folds_a_client_tool(error: str | None, engine: Lab) -> None:
    engine.agent(turns([call("locate", "c1")], [text("{{tool_result}}")]))
    waiting = engine.ask(extras=FRONTEND)
    assert [row.client_side for row in calls_of(waiting)] == [True]
    assert_fold(waiting)
    engine.decide(waiting, "c1", payload={"city": "Rome"}, error=error)
    run = engine.end(waiting)
    assert conversation()[2] == ("tool", error or '{"city":"Rome"}')
    assert_fold(run)


def test_it_folds_a_denied_call(engine: Lab) -> None:
    rules = [{"tool": "add", "behavior": "deny"}]
    section = {"permission": {"default_behavior": "allow", "rules": rules}}
    engine.agent(
        turns([call("add", a=1, b=1), call("broken", why="x")], [text("never")]),
        plugin_ids=["permission"],
        sections=section,
    )
    run = engine.ask()
    assert (run.status, run.termination_detail) == (
        "done",
        "Tool 'add' denied by permission rules",
    )
    assert [row.executions for row in calls_of(run)] == [0, 0]
    assert conversation()[2:] == [
        ("tool", "Tool 'add' denied by permission rules"),
        ("tool", "[Tool execution was interrupted]"),
    ]
    assert_fold(run)


# --- runs that are stopped -----------------------------------------------------------------


def test_it_folds_a_cancel_in_the_middle_of_an_answer(engine: Lab, pace: Pace) -> None:
    pace.silent_after(2)
    engine.agent(turns([text("one two three", chunks=13, delay_ms=1)]))
    run = engine.submit().run
    engine.seen(run, TextDelta)
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    run = engine.end(run)
    assert (run.status, run.termination_code, run.steps) == ("done", "cancelled", 0)
    assert conversation() == [("user", "hello")]
    assert_fold(run)


def test_it_folds_a_cancel_in_the_middle_of_a_continuation(engine: Lab, pace: Pace) -> None:
    pace.silent_after(2)
    slow = {"text": "two three", "chunks": 9, "delay_ms": 1}
    continued = {"when": {"last_user": "cut off"}, "reply": [slow]}
    engine.agent([continued, {"reply": [text("one"), {"finish_reason": "length"}]}])
    run = engine.submit().run
    engine.seen(run, TextDelta, times=3)
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    run = engine.end(run)
    assert run.termination_code == "cancelled"
    assert_fold(run)


def test_it_folds_a_cancel_in_the_middle_of_tools(engine: Lab, offer: Offer) -> None:
    held = Held()

    def wait() -> str:
        held.hold()
        return "late"

    offer(wait)
    engine.agent(turns([call("wait"), call("add", a=1, b=1)], [text("never")]))
    run = engine.submit().run
    held.wait_until_entered()
    engine.seen(run, ToolCallFinished)
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    run = engine.end(run)
    held.release()
    assert run.termination_code == "cancelled"
    assert [row.status for row in calls_of(run)] == ["cancelled", "succeeded"]
    assert_fold(run)


def test_it_folds_a_cancel_in_the_middle_of_a_commit(
    engine: Lab, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, commit = Held(), Held()
    original = journal.save

    def wait() -> str:
        tool.hold()
        return "late"

    def save(*given: Any) -> None:
        original(*given)
        commit.hold()

    offer(wait)
    monkeypatch.setattr(journal, "save", save)
    engine.agent(turns([call("wait"), call("add", a=1, b=1)], [text("never")]))
    run = engine.submit().run
    commit.wait_until_entered()
    wait_for(told_to_stop(engine))
    commit.release()
    run = engine.end(run)
    tool.release()
    assert run.termination_code == "cancelled"
    assert_fold(run)


async def told_to_stop(lab: Lab) -> None:
    assert lab.host
    for session in lab.host._sessions.values():
        session.stop(Stopped)


def test_it_folds_a_cancel_while_it_waits(asker: Lab) -> None:
    asker.agent(TWO_APPROVALS)
    waiting = asker.ask()
    services.cancel_run(principal=ANONYMOUS, run_id=waiting.pk)
    run = asker.end(waiting)
    assert (run.status, run.termination_code) == ("done", "cancelled")
    assert_fold(run)


def test_it_folds_a_run_that_never_began(lab: Lab) -> None:
    lab.agent(PLAIN["text"])
    run = lab.submit().run
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    run = fresh(run)
    assert (run.status, run.termination_code) == ("done", "cancelled")
    summary_of_nothing = lab.events(run)
    assert [event.type for event in summary_of_nothing] == ["run_finished"]


def test_it_folds_a_waiting_run_that_new_input_continues(asker: Lab) -> None:
    asker.agent([{"when": {"last_user": "forget"}, "reply": [text("fine")]}, *APPROVAL])
    waiting = asker.ask()
    resumed = asker.submit("forget it", mode=Mode.RESUME)
    assert resumed.run.pk == waiting.pk
    run = asker.end(waiting)
    assert_fold(run)
    assert conversation()[2] == ("tool", "[Superseded by new input]")


def test_it_folds_steering(engine: Lab, offer: Offer) -> None:
    held = Held()

    def wait() -> str:
        held.hold()
        return "late"

    offer(wait)
    engine.agent(turns([call("wait")], [text("{{last_user}}")]))
    run = engine.submit("first").run
    held.wait_until_entered()
    assert engine.steer("second").steered
    held.release()
    run = engine.end(run)
    assert run.final_output == "second"
    assert_fold(run)


def test_it_folds_a_run_whose_attempts_are_used_up(engine: Lab) -> None:
    engine.agent(turns([text("Hm"), {"error": {"status": 503}}]))
    run = engine.end(engine.submit().run)
    assert run.error_payload
    assert_fold(run)
