"""The JSON-RPC binding: envelopes, ids, and every operation as REST has it."""

from typing import Any

import pytest

from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.a2a_agents import asking, echo
from tests.faces.a2a_http import (
    BASE,
    body_of,
    events_of,
    result,
    rpc,
    rpc_refused,
    said,
    texts,
)
from tests.faces.a2a_oracle import (
    EVENT,
    LIST,
    PUSH_CONFIG,
    PUSH_CONFIGS,
    SENT,
    TASK,
    Json,
    judge,
)

__all__ = ["asking", "echo"]


def post(api: JsonClient, body: Any) -> Any:
    return api.post(BASE, body)


# --- envelopes ------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("request_id", ["text", "", 0, 7, -1, 1.5, 2**70, None])
def test_it_answers_with_the_id_of_the_request(api: JsonClient, request_id: Any) -> None:
    body = {"jsonrpc": "2.0", "id": request_id, "method": "ListTasks"}
    answer = post(api, body)
    assert answer.status_code == 200
    assert answer.json()["id"] == request_id
    assert "result" in answer.json()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "broken",
    [
        {"id": 1, "method": "ListTasks"},
        {"jsonrpc": "1.0", "id": 1, "method": "ListTasks"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
    ],
)
def test_it_refuses_what_is_no_request(api: JsonClient, broken: Json) -> None:
    answer = post(api, broken)
    rpc_refused(answer, -32600, "INVALID_REQUEST")
    assert answer.json()["id"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize("request_id", [True, [], {}])
def test_it_refuses_an_id_of_another_kind(api: JsonClient, request_id: Any) -> None:
    answer = post(api, {"jsonrpc": "2.0", "id": request_id, "method": "ListTasks"})
    rpc_refused(answer, -32600, "INVALID_REQUEST")
    assert answer.json()["id"] is None


@pytest.mark.django_db
def test_it_refuses_notifications(api: JsonClient) -> None:
    answer = post(api, {"jsonrpc": "2.0", "method": "ListTasks"})
    rpc_refused(answer, -32600, "INVALID_REQUEST")


@pytest.mark.django_db
@pytest.mark.parametrize("batch", [[], [{"jsonrpc": "2.0", "id": 1, "method": "ListTasks"}]])
def test_it_refuses_batches(api: JsonClient, batch: Any) -> None:
    rpc_refused(post(api, batch), -32600, "INVALID_REQUEST")


@pytest.mark.django_db
def test_it_refuses_params_by_position(api: JsonClient) -> None:
    answer = post(api, {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": ["x"]})
    rpc_refused(answer, -32602, "INVALID_PARAMS")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/v1/a2a", "/v1/a2a/"])
def test_it_does_not_mind_a_slash_at_the_end(api: JsonClient, address: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}
    answer = api.post(address, body)
    judge(LIST, answer.json()["result"])


# --- operations -----------------------------------------------------------------------------------
def test_it_sends_gets_and_lists(engine: Engine, api: JsonClient, echo: str) -> None:
    sent = judge(SENT, result(api, "SendMessage", {"message": said("you")}))["task"]
    assert sent["status"]["state"] == "TASK_STATE_COMPLETED"
    assert texts(sent["artifacts"][0]["parts"]) == "Yes, you"
    assert judge(TASK, result(api, "GetTask", {"id": sent["id"]})) == sent
    found = judge(LIST, result(api, "ListTasks", {"contextId": sent["contextId"]}))
    assert [task["id"] for task in found["tasks"]] == [sent["id"]]


def test_it_takes_the_tenant_from_params_or_path(
    engine: Engine, api: JsonClient, echo: str, asking: str
) -> None:
    params = {"tenant": echo, "message": said("you")}
    sent = judge(SENT, result(api, "SendMessage", params))["task"]
    assert sent["status"]["state"] == "TASK_STATE_COMPLETED"
    body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}
    assert api.post(f"{BASE}/{echo}", body).json()["result"]["totalSize"] == 1
    assert api.post(f"{BASE}/{asking}/", body).json()["result"]["totalSize"] == 0
    answer = rpc(api, "GetTask", {"tenant": asking, "id": sent["id"]})
    rpc_refused(answer, -32001, "TASK_NOT_FOUND")
    other = {**body, "params": {"tenant": asking}}
    rpc_refused(api.post(f"{BASE}/{echo}", other), -32602, "INVALID_PARAMS")
    rpc_refused(rpc(api, "ListTasks", {"tenant": "nobody"}), -32602, "NOT_FOUND")


def test_it_streams_answers_in_envelopes(engine: Engine, api: JsonClient, echo: str) -> None:
    answers = events_of(rpc(api, "SendStreamingMessage", {"message": said("you")}))
    assert {(each["jsonrpc"], each["id"]) for each in answers} == {("2.0", 1)}
    events = [judge(EVENT, each["result"]) for each in answers]
    assert "task" in events[0]
    assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    parts = [
        part
        for event in events
        if "artifactUpdate" in event
        for part in event["artifactUpdate"]["artifact"]["parts"]
    ]
    assert texts(parts) == "Yes, you"


def test_it_refuses_a_stream_before_it_begins(engine: Engine, api: JsonClient, echo: str) -> None:
    task = result(api, "SendMessage", {"message": said()})["task"]
    answer = rpc(api, "SubscribeToTask", {"id": task["id"]})
    assert answer["Content-Type"] == "application/json"
    rpc_refused(answer, -32004, "UNSUPPORTED_OPERATION")
    rpc_refused(rpc(api, "SendStreamingMessage", {}), -32602, "INVALID_PARAMS")


def test_it_answers_at_once_when_asked_to(engine: Engine, api: JsonClient, asking: str) -> None:
    params = {"message": said(), "configuration": {"returnImmediately": True}}
    answer = rpc(api, "SendMessage", params)
    assert not answer.streaming
    task = judge(SENT, body_of(answer)["result"])["task"]
    engine.suspended(task["id"])


def test_it_cancels(engine: Engine, api: JsonClient, asking: str) -> None:
    task = result(api, "SendMessage", {"message": said()})["task"]
    assert task["status"]["state"] == "TASK_STATE_AUTH_REQUIRED"
    canceled = judge(TASK, result(api, "CancelTask", {"id": task["id"]}))
    assert canceled["status"]["state"] == "TASK_STATE_CANCELED"
    rpc_refused(rpc(api, "CancelTask", {"id": task["id"]}), -32002, "TASK_NOT_CANCELABLE")


def test_it_keeps_push_configurations(
    engine: Engine, api: JsonClient, asking: str, settings: Any
) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = ["127.0.0.1"]
    settings.AGENTSERVER_EGRESS_HTTP = True
    task = result(api, "SendMessage", {"message": said()})["task"]
    config = {"taskId": task["id"], "id": "hook", "url": "http://127.0.0.1:9/hook"}
    made = judge(PUSH_CONFIG, result(api, "CreateTaskPushNotificationConfig", config))
    assert made["id"] == "hook"
    names = {"taskId": task["id"], "id": "hook"}
    assert judge(PUSH_CONFIG, result(api, "GetTaskPushNotificationConfig", names)) == made
    listed = result(api, "ListTaskPushNotificationConfigs", {"taskId": task["id"]})
    assert judge(PUSH_CONFIGS, listed)["configs"] == [made]
    assert result(api, "DeleteTaskPushNotificationConfig", names) is None
    assert result(api, "DeleteTaskPushNotificationConfig", names) is None
    missing = rpc(api, "GetTaskPushNotificationConfig", names)
    rpc_refused(missing, -32001, "TASK_NOT_FOUND")
