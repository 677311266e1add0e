"""The REST binding: each route with and without a tenant, and answers that come late."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from agentserver.core.api import late
from agentserver.core.api.late import LateJson
from agentserver.core.errors import ApiError
from agentserver_a2a.api import render
from agentserver_a2a.api.operations import Json, Later, Stream
from agentserver_a2a.streams import Events
from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.a2a_agents import asking, echo
from tests.faces.a2a_http import (
    BASE,
    body_of,
    events_of,
    fields_of,
    listed,
    place,
    refused,
    said,
    send,
    stream,
    task,
    texts,
)
from tests.faces.a2a_oracle import EVENT, PUSH_CONFIG, PUSH_CONFIGS, TASK, judge

__all__ = ["asking", "echo"]


@pytest.fixture(params=["", "echo"])
def tenant(request: pytest.FixtureRequest, echo: str) -> str:
    """Without and with a tenant in the path."""
    found: str = request.param
    return found


@pytest.fixture(params=["", "asking"])
def asked(request: pytest.FixtureRequest, asking: str) -> str:
    found: str = request.param
    return found


# --- messages -------------------------------------------------------------------------------------
def test_it_answers_when_the_task_has_ended(engine: Engine, api: JsonClient, tenant: str) -> None:
    sent = send(api, said("you"), tenant=tenant)["task"]
    assert sent["status"]["state"] == "TASK_STATE_COMPLETED"
    assert texts(sent["artifacts"][0]["parts"]) == "Yes, you"
    assert task(api, sent["id"], tenant=tenant) == sent
    assert listed(api, tenant=tenant)["totalSize"] == 1


def test_it_answers_when_the_task_waits(engine: Engine, api: JsonClient, asked: str) -> None:
    sent = send(api, said(), tenant=asked)["task"]
    assert sent["status"]["state"] == "TASK_STATE_AUTH_REQUIRED"
    assert "look" in texts(sent["status"]["message"]["parts"])


def test_it_goes_on_with_a_task(engine: Engine, api: JsonClient, asked: str) -> None:
    first = send(api, said(), tenant=asked)["task"]
    second = send(api, said("yes", taskId=first["id"]), tenant=asked)["task"]
    assert second["id"] == first["id"]
    assert second["status"]["state"] == "TASK_STATE_COMPLETED"


def test_it_answers_at_once_when_asked_to(engine: Engine, api: JsonClient, asked: str) -> None:
    body = {"message": said(), "configuration": {"returnImmediately": True}}
    answer = api.post(f"{place(asked)}/message:send", body)
    assert not answer.streaming
    started = answer.json()["task"]
    assert started["status"]["state"] in {"TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"}
    engine.suspended(started["id"])


def test_it_leaves_the_history_out_when_asked_to(
    engine: Engine, api: JsonClient, echo: str
) -> None:
    sent = send(api, said("you"), historyLength=0)["task"]
    assert "history" not in sent
    assert len(task(api, sent["id"])["history"]) == 2
    assert len(task(api, sent["id"], historyLength=1)["history"]) == 1
    answer = api.get(f"{BASE}/tasks/{sent['id']}", historyLength=-1)
    assert fields_of(refused(answer, 400, "INVALID_PARAMS")["details"]) == ["historyLength"]


def test_it_keeps_numbers_as_they_were_sent(engine: Engine, api: JsonClient, echo: str) -> None:
    data = {"z": 2**80, "a": 1.50, "m": 1, "big": 12345678901234567890}
    sent = send(api, said(parts=[{"data": data}]), historyLength=1)["task"]
    kept = task(api, sent["id"])["history"][0]["parts"][0]["data"]
    assert list(kept.items()) == list(data.items())
    assert [type(value) for value in kept.values()] == [int, float, int, int]


def test_it_repeats_nothing_that_has_a_key(engine: Engine, api: JsonClient, echo: str) -> None:
    body = {"message": said("you")}
    first, second = (
        body_of(api.post(f"{BASE}/message:send", body, **{"Idempotency-Key": "once"}))["task"]
        for _ in range(2)
    )
    assert first["id"] == second["id"]
    assert listed(api)["totalSize"] == 1


def event_in(frame: bytes) -> Json:
    found: Json = json.loads(frame.decode().removeprefix("data: "))
    return found


# --- streams --------------------------------------------------------------------------------------
def test_it_streams_a_task(engine: Engine, api: JsonClient, tenant: str) -> None:
    events = stream(api, said("you"), tenant=tenant)
    assert "task" in events[0]
    assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_it_refuses_a_stream_as_json(engine: Engine, api: JsonClient, tenant: str) -> None:
    headers = {"Accept": "text/event-stream"}
    answer = api.post(f"{place(tenant)}/message:stream", {}, **headers)
    refused(answer, 400, "INVALID_PARAMS")
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("verb", ["get", "post"])
def test_it_follows_a_task(engine: Engine, api: JsonClient, asked: str, verb: str) -> None:
    sent = send(api, said(), tenant=asked)["task"]
    path = f"{place(asked)}/tasks/{sent['id']}:subscribe"
    headers = {"Accept": "text/event-stream"}
    call: Any = getattr(api.client, verb)
    frames = iter(call(path, headers=headers))
    first = judge(EVENT, event_in(next(frames)))
    assert first["task"]["status"]["state"] == "TASK_STATE_AUTH_REQUIRED"
    send(api, said("yes", taskId=sent["id"]), tenant=asked)
    # What comes together is sent in one piece.
    told = b"".join(frames).split(b"\n\n")
    events = [judge(EVENT, event_in(frame)) for frame in told if frame]
    assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    refused(call(path, headers=headers), 400, "UNSUPPORTED_OPERATION")


def test_it_sends_what_proxies_should_not_keep(
    engine: Engine, api: JsonClient, tenant: str
) -> None:
    answer = api.post(f"{place(tenant)}/message:stream", {"message": said()})
    assert answer["Cache-Control"] == "no-cache"
    assert answer["X-Accel-Buffering"] == "no"
    answer.getvalue()


# --- tasks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", ["", "{}", '{"metadata": {"why": "late"}}'])
def test_it_cancels(engine: Engine, api: JsonClient, asked: str, body: str) -> None:
    sent = send(api, said(), tenant=asked)["task"]
    path = f"{place(asked)}/tasks/{sent['id']}:cancel"
    answer = api.client.post(path, body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert judge(TASK, answer.json())["status"]["state"] == "TASK_STATE_CANCELED"
    refused(api.post(path, {}), 400, "TASK_NOT_CANCELABLE")


def test_it_keeps_the_tasks_of_agents_apart(
    engine: Engine, api: JsonClient, echo: str, asking: str
) -> None:
    sent = send(api, said(), tenant=echo)["task"]
    path = f"{BASE}/{asking}/tasks/{sent['id']}"
    refused(api.get(path), 404, "TASK_NOT_FOUND")
    refused(api.post(f"{path}:cancel"), 404, "TASK_NOT_FOUND")
    refused(api.get(f"{path}:subscribe"), 404, "TASK_NOT_FOUND")
    refused(api.get(f"{path}/pushNotificationConfigs"), 404, "TASK_NOT_FOUND")
    assert listed(api, tenant=asking)["tasks"] == []
    assert listed(api)["totalSize"] == 1


def test_it_pages_through_tasks(engine: Engine, api: JsonClient, echo: str) -> None:
    sent = [send(api, said())["task"]["id"] for _ in range(3)]
    first = listed(api, pageSize=2)
    rest = listed(api, pageSize=2, pageToken=first["nextPageToken"])
    assert (first["totalSize"], first["pageSize"], rest["nextPageToken"]) == (3, 2, "")
    assert [each["id"] for each in first["tasks"] + rest["tasks"]] == sent[::-1]
    assert not any("artifacts" in each for each in first["tasks"])
    assert all("artifacts" in each for each in listed(api, includeArtifacts="true")["tasks"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pageSize", 0),
        ("pageSize", 101),
        ("pageSize", "many"),
        ("pageToken", "nonsense"),
        ("status", "SLEEPING"),
        ("statusTimestampAfter", "yesterday"),
        ("includeArtifacts", "maybe"),
        ("historyLength", -1),
    ],
)
def test_it_refuses_a_list_it_does_not_understand(api: JsonClient, name: str, value: Any) -> None:
    answer = api.get(f"{BASE}/tasks", **{name: value})
    assert fields_of(refused(answer, 400, "INVALID_PARAMS")["details"]) == [name]


# --- push configurations --------------------------------------------------------------------------
@pytest.fixture
def hooks(settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = ["127.0.0.1"]
    settings.AGENTSERVER_EGRESS_HTTP = True


def test_it_keeps_push_configurations(
    engine: Engine, api: JsonClient, asked: str, hooks: None
) -> None:
    sent = send(api, said(), tenant=asked)["task"]
    path = f"{place(asked)}/tasks/{sent['id']}/pushNotificationConfigs"
    body = {"id": "hook", "taskId": "another", "url": "http://127.0.0.1:9/hook"}
    made = judge(PUSH_CONFIG, api.post(path, body).json())
    assert (made["id"], made["taskId"]) == ("hook", sent["id"])
    assert judge(PUSH_CONFIG, api.get(f"{path}/hook").json()) == made
    assert judge(PUSH_CONFIGS, api.get(path).json())["configs"] == [made]
    for _ in range(2):
        gone = api.client.delete(f"{path}/hook")
        assert (gone.status_code, gone.json()) == (200, {})
    refused(api.get(f"{path}/hook"), 404, "TASK_NOT_FOUND")


# --- answers that come late, streams that break ---------------------------------------------------
def read(response: LateJson) -> list[bytes]:
    async def parts() -> list[bytes]:
        return [part async for part in response]

    found: list[bytes] = async_to_sync(parts)()
    return found


def test_it_keeps_the_connection_alive_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "KEEP_ALIVE_SECONDS", 0.001)
    ready = asyncio.Event()

    async def document() -> Json:
        await ready.wait()
        return {"a": 1}

    async def parts() -> list[bytes]:
        found = []
        async for part in LateJson(document):
            found.append(part)
            ready.set()
        return found

    *spaces, last = async_to_sync(parts)()
    assert set(spaces) == {b" "}
    assert last == b'{"a":1}'


def test_it_stops_waiting_when_the_client_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "KEEP_ALIVE_SECONDS", 0.001)
    stopped = asyncio.Event()

    async def document() -> Json:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    async def leave() -> None:
        body = aiter(LateJson(document))
        assert await anext(body) == b" "
        await body.aclose()
        await asyncio.wait_for(stopped.wait(), 5)

    async_to_sync(leave)()


def test_it_breaks_off_when_the_document_fails(client: Client) -> None:
    async def document() -> Json:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError):
        read(LateJson(document))


def broken_events() -> Stream:
    async def events() -> Events:
        yield None
        yield [{"task": {"id": "t"}}]
        raise ApiError("the log is gone")

    return Stream(events())


def test_it_says_in_the_stream_that_it_broke(rf: Any) -> None:
    frames = b"".join(read(render.rest(broken_events(), rf.get("/"))))  # type: ignore[arg-type]
    heartbeat, first, last = [part for part in frames.decode().split("\n\n") if part]
    assert heartbeat.startswith(":")
    assert first == 'data: {"task":{"id":"t"}}'
    assert last.startswith('event: error\ndata: {"error":{"code":500,"status":"INTERNAL"')


def test_it_says_in_the_stream_of_rpc_that_it_broke(rf: Any) -> None:
    answer = render.rpc(broken_events(), rf.post("/"), 7)
    answers = events_of(answer)
    assert answers[0] == {"jsonrpc": "2.0", "id": 7, "result": {"task": {"id": "t"}}}
    assert (answers[1]["id"], answers[1]["error"]["code"]) == (7, -32603)


def test_it_says_that_a_late_answer_failed(rf: Any) -> None:
    async def fails() -> Json:
        raise ApiError("the log is gone")

    answer = body_of(render.rest(Later(fails), rf.get("/")))
    assert answer["error"]["status"] == "INTERNAL"


def test_it_says_over_rpc_that_a_late_answer_failed(rf: Any) -> None:
    async def fails() -> Json:
        raise ApiError("the log is gone")

    answer = body_of(render.rpc(Later(fails), rf.post("/"), 7))
    assert (answer["id"], answer["error"]["code"]) == (7, -32603)
