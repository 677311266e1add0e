"""For every way a run can go: folding its stored events gives exactly its rows."""

from typing import Any

import pytest

from runs.models import Run
from runs.tools import ToolContext, ToolError, ToolResult
from tests.engine.conftest import Offer
from tests.engine.folding import assert_fold
from tests.engine.lab import Lab, call, calls_of, conversation, text, turns


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


PLAIN: dict[str, Any] = {
    "text": turns([text("Hi there", chunks=3)]),
    "silence": turns([{"delay_ms": 0}]),
    "reasoning": turns([{"reasoning": "hmm", "signature": "s1", "chunks": 2}, text("Done")]),
    "file": turns([{"file": {"media_type": "image/png", "data": "AAAA"}}, text("Look")]),
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
    for function in (add, broken, picture, rename):
        offer(function)


@pytest.mark.parametrize("name", PLAIN)
def test_it_folds_to_the_rows(name: str, engine: Lab) -> None:
    engine.agent(PLAIN[name])
    run = engine.end(engine.submit().run)
    assert run.status == Run.Status.DONE
    assert_fold(run)


def test_it_debug(engine: Lab) -> None:
    engine.agent(PLAIN["one call"])
    run = engine.ask()
    assert run.termination_code == "natural"
    assert conversation() == [
        ("user", "hello"),
        ("assistant", ""),
        ("tool", "3"),
        ("assistant", "It is 3"),
    ]
    assert [row.executions for row in calls_of(run)] == [1]
