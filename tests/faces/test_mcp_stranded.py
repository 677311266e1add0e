"""No call of ``/v1/mcp`` leaves its run behind: odd answers, failures, sessions that end."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core.errors import Conflict
from agentserver_mcp import runs_of_calls
from agentserver_mcp.endpoint import _frames
from agentserver_mcp.exchange import Exchange
from agentserver_mcp.models import McpCall
from agentserver_mcp.protocol import Message
from agentserver_mcp.turns import _Turn
from runs.models import Run
from runs.services import Decided
from runs.tools import ToolContext
from tests.api.conftest import JsonClient
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.mcp_wire import PATH, Json, call, error, heard, session, text_of

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TICKET: Json = {"ticket_id": "t"}


@pytest.fixture
def counter(engine: Engine) -> str:
    """An agent whose tool asks for a number."""

    def count(context: ToolContext) -> str:
        """Counts."""
        return str(context.ask("How many?", response_schema=NUMBER))

    name = engine.tool(count)
    return engine.agent("counter", calling(name), tools=[name])


def answered(api: JsonClient, **reply: Any) -> Json:
    """The result of a call of ``counter`` whose question is answered like this."""
    opened = session(api, elicitation={})
    stream = heard(opened.send(call("counter", message="x")))
    question = next(each for each in stream if each.get("method") == "elicitation/create")
    opened.send({"jsonrpc": "2.0", "id": question["id"], **reply})
    return _ending(stream)


def _ending(stream: Iterator[Json]) -> Json:
    last: Json = list(stream)[-1]
    assert "result" in last, last
    found: Json = last["result"]
    return found


# --- answers --------------------------------------------------------------------------------------
def test_it_takes_an_error_in_place_of_an_answer_for_a_refusal(
    counter: str, api: JsonClient
) -> None:
    ended = answered(api, error={"code": -32603, "message": "no window to ask in"})
    assert ended["isError"] is False
    assert Run.objects.get().status == Run.Status.DONE
    assert not McpCall.objects.exists()


def test_it_names_the_run_when_an_answer_does_not_fit(counter: str, api: JsonClient) -> None:
    ended = answered(api, result={"action": "accept", "content": {"n": "many"}})
    run = Run.objects.get()
    assert ended["isError"] is True
    assert f"/v1/runs/{run.pk}/decision" in text_of(ended)
    assert run.status == Run.Status.WAITING
    assert not McpCall.objects.exists()


@pytest.mark.parametrize(("code", "matters"), [("already_decided", False), ("conflict", True)])
def test_it_lets_an_answer_be_that_somebody_else_gave(
    monkeypatch: pytest.MonkeyPatch, code: str, matters: bool
) -> None:
    def late(**_: Any) -> None:
        raise Conflict("late", code=code)

    monkeypatch.setattr(runs_of_calls, "open_tickets", lambda run_id: [TICKET])
    monkeypatch.setattr(runs_of_calls, "submit_decisions", late)
    try:
        runs_of_calls.decide(ANONYMOUS, "r", [Decided(reference="t", action="cancel")])
    except Conflict:
        assert matters
    else:
        assert not matters


# --- failures and ends ----------------------------------------------------------------------------
def test_it_forgets_a_call_that_failed(
    engine: Engine, api: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(turn: _Turn, place: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(_Turn, "_follow", broken)
    engine.agent("echo", ECHO)
    assert error(session(api).send(call("echo", message="x")))["code"] == -32603
    assert not McpCall.objects.exists()


def test_it_starts_no_run_that_it_could_not_cancel(
    engine: Engine, api: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(runs_of_calls, "remember_call", broken)
    engine.agent("echo", ECHO)
    assert error(session(api).send(call("echo", message="x")))["code"] == -32603
    assert not Run.objects.exists()


def test_it_stops_with_the_session_what_nobody_listens_to(engine: Engine, api: JsonClient) -> None:
    engine.agent("slow", [{"reply": [{"text": "Wait. " * 200, "chunks": 200, "delay_ms": 100}]}])
    opened = session(api)
    answer = opened.send(call("slow", token=1, message="x"))
    next(heard(answer))
    answer.close()
    ended = api.client.delete(PATH, headers={"Mcp-Session-Id": opened.id})
    assert ended.status_code == 204
    assert engine.finished(Run.objects.get().pk).termination_code == "cancelled"


# --- the end of a stream's time -------------------------------------------------------------------
def framed(exchange: Exchange) -> bytes:
    async def read() -> bytes:
        return b"".join([piece or b"" async for piece in _frames(exchange, 0)])

    return asyncio.run(read())


def asked() -> Exchange:
    return Exchange(Message("request", {}, 1), principal=ANONYMOUS, headers={})


def test_it_hands_over_a_reply_that_comes_with_the_end_of_the_time(settings: Any) -> None:
    settings.AGENTSERVER_STREAM_SECONDS = 0
    exchange = asked()
    exchange.finish({"jsonrpc": "2.0", "id": 1, "result": {"just": "in time"}})
    frames = framed(exchange)
    assert b"in time" in frames
    assert b"error" not in frames


def test_it_hands_over_what_was_said_before_the_time_was_over(settings: Any) -> None:
    settings.AGENTSERVER_STREAM_SECONDS = 0
    exchange = asked()
    exchange.outbox.put({"jsonrpc": "2.0", "method": "said/before"})
    frames = framed(exchange)
    assert 0 < frames.index(b"said/before") < frames.index(b"time of this stream is over")
