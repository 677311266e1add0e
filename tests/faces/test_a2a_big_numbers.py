"""Data with whole numbers of any size, through every way that data takes."""

from typing import Any

import pytest

from agentserver.core.exact_json import dumps, loads
from agentserver_a2a.encode import Encoder
from runs.events import log
from runs.tools import ToolContext
from tests.api.conftest import JsonClient
from tests.api.native_stream import calling
from tests.engine_fixture import Engine
from tests.faces.a2a_agents import echo
from tests.faces.a2a_http import BASE, rpc, said

__all__ = ["echo"]

Json = dict[str, Any]

BIG: Json = {"z": 2**70, "a": [-(2**63) - 1, 2**53 + 1, 1.0, {"deep": 10**40}], "b": None}
PARTS = [{"data": BIG}]


def exactly(value: Any) -> str:
    """Equal only for the same numbers in the same form and order."""
    return dumps(value)


def read(answer: Any) -> Any:
    return loads(answer.getvalue() if answer.streaming else answer.content)


def post(api: JsonClient, agent: str, **members: Any) -> Json:
    """The task; the body is written by us, as test clients lose numbers of their own."""
    body = dumps({"message": said(**members)}).encode()
    sent = api.client.post(f"{BASE}/{agent}/message:send", body, content_type="application/json")
    found: Json = read(sent)["task"]
    return found


def results(found: Json) -> list[Json]:
    return [part["data"] for each in found["artifacts"] for part in each["parts"] if "data" in part]


@pytest.fixture
def keeper(engine: Engine) -> str:
    """An agent whose tool asks for a value and publishes it."""

    def keep(context: ToolContext) -> str:
        """Keeps what it is told."""
        value = context.ask("What?", parameters=BIG)
        context.artifact({"type": "data", "data": value}, name="kept")
        return "kept"

    name = engine.tool(keep)
    return engine.agent("keeper", calling(name), tools=[name])


def test_it_keeps_big_numbers_of_a_message(echo: str, api: JsonClient) -> None:
    metadata = {"n": 2**80}
    sent = post(api, echo, parts=PARTS, metadata=metadata)
    shown = read(api.get(f"{BASE}/tasks/{sent['id']}"))
    for found in (sent, shown, read(api.get(f"{BASE}/tasks"))["tasks"][0]):
        assert exactly(found["history"][0]["parts"]) == exactly(PARTS)
        assert found["history"][0]["metadata"] == metadata


def test_it_keeps_big_numbers_of_a_stream(echo: str, api: JsonClient) -> None:
    body = dumps({"message": said(parts=PARTS)}).encode()
    place = f"{BASE}/{echo}/message:stream"
    answer = api.client.post(place, body, content_type="application/json")
    first = answer.getvalue().decode().split("\n\n")[0].removeprefix("data: ")
    assert exactly(loads(first)["task"]["history"][0]["parts"]) == exactly(PARTS)


def test_it_asks_with_big_numbers(keeper: str, api: JsonClient) -> None:
    waiting = post(api, keeper)
    asked = [part["data"] for part in waiting["status"]["message"]["parts"] if "data" in part]
    assert exactly(asked[0]["input"]) == exactly(BIG)


def test_it_publishes_big_numbers_that_were_answered(keeper: str, api: JsonClient) -> None:
    waiting = post(api, keeper)
    body = dumps({"message": said(parts=PARTS, taskId=waiting["id"])}).encode()
    answer = api.client.post(f"{BASE}/message:stream", body, content_type="application/json")
    frames = [loads(each.removeprefix("data: ")) for each in _frames(answer)]
    (update,) = [e["artifactUpdate"] for e in frames if "kept" in str(e.get("artifactUpdate"))]
    shown = read(rpc(api, "GetTask", {"id": waiting["id"]}))["result"]
    for found in ([update["artifact"]["parts"][0]["data"]], results(shown)):
        assert exactly(found) == exactly([BIG])


def test_it_notifies_of_big_numbers(keeper: str, api: JsonClient) -> None:
    waiting = post(api, keeper)
    body = dumps({"message": said(parts=PARTS, taskId=waiting["id"])}).encode()
    read(api.client.post(f"{BASE}/message:send", body, content_type="application/json"))
    encoder = Encoder(waiting["id"], waiting["contextId"], whole=True)
    told = [each for record in log.read(waiting["id"]) for each in encoder.encode(record)]
    (update,) = [e["artifactUpdate"] for e in told if "kept" in str(e.get("artifactUpdate"))]
    assert exactly(update["artifact"]["parts"]) == exactly(PARTS)


def _frames(answer: Any) -> list[str]:
    return [block for block in answer.getvalue().decode().split("\n\n") if block.startswith("data")]
