import asyncio
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from runs.tools import Tool, ToolContext, ToolError, ToolResult
from runs.tools.decorator import build_tool
from runs.tools.errors import CallCancelled
from runs.tools.invoke import invoke
from runs.tools.result import Outcome
from tests.tools.calls import Call, run, thread

SHORT = 0.01


def both(function: Callable[..., Any], **options: Any) -> list[Tool]:
    """The same behaviour as a sync and as an async tool."""

    async def asynchronous(context: ToolContext, x: int = 0) -> Any:
        return function(context, x)

    def synchronous(context: ToolContext, x: int = 0) -> Any:
        return function(context, x)

    return [build_tool(synchronous, **options), build_tool(asynchronous, **options)]


def raising(error: BaseException) -> list[Tool]:
    def fail(context: ToolContext, x: int) -> NoReturn:
        raise error

    return both(fail)


def test_it_returns_the_normalised_result() -> None:
    for tool in both(lambda context, x: ToolResult({"x": x}, message=f"x is {x}")):
        outcome = run(tool, {"x": 3})
        assert outcome.status == "succeeded"
        assert outcome.text_for_model() == "x is 3"


def test_it_does_not_run_a_tool_with_invalid_arguments() -> None:
    ran: list[int] = []
    for tool in both(lambda context, x: ran.append(x)):
        outcome = run(tool, {"x": "three"})
        assert (outcome.status, outcome.reason) == ("failed", "invalid_arguments")
        assert "x: 'three' is not of type 'integer'" in outcome.text_for_model()
    assert ran == []


def test_it_shows_the_model_the_message_of_an_expected_failure() -> None:
    for tool in raising(ToolError("no such city")):
        outcome = run(tool)
        assert (outcome.status, outcome.error, outcome.reason) == (
            "failed",
            "no such city",
            "tool_error",
        )


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("city"), "KeyError: 'city'"),
        (ValueError(), "ValueError"),
        (SystemExit(1), "SystemExit: 1"),
        (StopIteration(), "StopIteration"),
        (TimeoutError("upstream"), "TimeoutError: upstream"),
        (UnprintableError(), "UnprintableError"),
    ],
)
def test_it_turns_any_exception_into_its_class_and_message(error: Exception, text: str) -> None:
    [synchronous, asynchronous] = raising(error)
    outcome = run(synchronous)
    assert (outcome.status, outcome.error, outcome.reason) == ("failed", text, "exception")
    if not isinstance(error, StopIteration):  # a coroutine cannot raise it
        assert run(asynchronous).error == text


def test_it_shows_no_traceback_and_bounds_the_message() -> None:
    for tool in raising(RuntimeError("x" * 10_000)):
        error = run(tool).error or ""
        assert len(error) <= 2000
        assert "Traceback" not in error


def test_it_fails_a_call_whose_result_has_no_json_form() -> None:
    for tool in both(lambda context, x: object()):
        outcome = run(tool)
        assert outcome.status == "failed"
        assert "no JSON form" in outcome.text_for_model()


def test_it_suspends_when_the_tool_asks() -> None:
    for tool in both(lambda context, x: context.ask("Sure?")):
        outcome = run(tool)
        assert outcome.status == "suspended"
        assert outcome.suspension is not None
        assert outcome.suspension.message == "Sure?"


def test_it_suspends_when_one_of_several_tasks_asks() -> None:
    async def group(context: ToolContext) -> None:
        async def ask() -> None:
            context.ask("Sure?")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask())

    assert run(build_tool(group)).status == "suspended"


def test_it_fails_a_call_whose_tasks_fail() -> None:
    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(int, "x"))

    outcome = run(build_tool(group))
    assert (outcome.status, outcome.reason) == ("failed", "exception")


def test_it_ends_cancelled_when_the_tool_gives_up_itself() -> None:
    for tool in both(lambda context, x: context.raise_if_cancelled()):
        assert run(tool, call=Call(is_cancelled=lambda: True)).status == "cancelled"
    for tool in raising(CallCancelled()):
        assert run(tool).status == "cancelled"


def test_it_fails_a_call_when_something_the_tool_awaited_was_cancelled() -> None:
    async def stumble() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    outcome = run(build_tool(stumble))
    assert (outcome.status, outcome.reason) == ("failed", "exception")


def test_it_stops_an_async_tool_at_its_time_limit() -> None:
    stopped: list[bool] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    outcome = run(build_tool(wait, timeout_seconds=SHORT))
    assert (outcome.status, outcome.reason, outcome.error) == (
        "failed",
        "timeout",
        "timed out after 0.01 s",
    )
    assert stopped == [True]


def test_it_abandons_a_sync_tool_at_its_time_limit_and_no_longer_hears_it() -> None:
    release, ended = threading.Event(), threading.Event()
    seen: list[bool] = []

    def wait(context: ToolContext) -> None:
        release.wait(10)
        context.output("too late")
        seen.append(context.cancelled)
        ended.set()

    call = Call()
    tool = build_tool(wait, timeout_seconds=SHORT)

    async def check() -> Outcome:
        outcome = await invoke(tool, {}, call.context, run_sync=thread)
        release.set()
        return outcome

    outcome = asyncio.run(check())
    assert ended.wait(10)
    assert (outcome.reason, outcome.error) == (
        "timeout",
        "timed out after 0.01 s; it may still take effect",
    )
    assert seen == [True]
    assert call.events == []


def test_it_never_starts_a_sync_tool_that_was_given_up_while_queued() -> None:
    ran: list[bool] = []
    queued: list[Callable[[], Outcome]] = []

    async def never_free(work: Callable[[], Outcome]) -> Outcome:
        queued.append(work)
        nobody: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        return await nobody

    def effect() -> None:
        ran.append(True)

    tool = build_tool(effect, timeout_seconds=SHORT)
    outcome = asyncio.run(invoke(tool, {}, Call().context, run_sync=never_free))
    assert outcome.reason == "timeout"
    assert queued[0]().status == "cancelled"
    assert ran == []


def test_it_waits_for_a_tool_without_a_time_limit() -> None:
    for tool in both(lambda context, x: x, timeout_seconds=None):
        assert run(tool, {"x": 1}).status == "succeeded"


async def _cancel_when_started(tool: Tool, call: Call, started: threading.Event) -> None:
    task = asyncio.create_task(invoke(tool, {}, call.context, run_sync=thread))
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    await task


def test_it_passes_the_cancellation_of_its_caller_through_an_async_tool() -> None:
    started = threading.Event()

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_cancel_when_started(build_tool(wait), Call(), started))


def test_it_passes_the_cancellation_of_its_caller_and_abandons_the_thread() -> None:
    started, noticed = threading.Event(), threading.Event()

    def poll(context: ToolContext) -> None:
        started.set()
        while not context.cancelled:
            threading.Event().wait(0.001)
        noticed.set()

    call = Call()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_cancel_when_started(build_tool(poll), call, started))
    assert noticed.wait(10)


def test_it_closes_the_context_when_the_call_has_ended() -> None:
    for tool in both(lambda context, x: context.output("in time")):
        call = Call()
        run(tool, call=call)
        call.context.output("too late")
        assert len(call.events) == 1


def test_it_calls_a_tool_of_a_source_with_context_and_json_arguments() -> None:
    async def remote(context: ToolContext, arguments: dict[str, Any]) -> Any:
        return [context.call_id, arguments]

    tool = Tool(name="remote", function=remote, is_async=True, source="mcp")
    outcome = run(tool, {"any": {"thing": 1}})
    assert outcome.result is not None
    assert outcome.result.data == ["call-1", {"any": {"thing": 1}}]
