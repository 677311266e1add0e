"""Requests of A2A: what is read from them, and every complaint at once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agentserver_a2a import wire
from agentserver_a2a.errors import InvalidParams

Json = dict[str, Any]


def request(*parts: Json, **members: Any) -> Json:
    message = {"messageId": "m", "role": "ROLE_USER", "parts": list(parts) or [{"text": "hi"}]}
    return {"message": message, **members}


def broken(data: Any, read: Any = wire.send_request) -> dict[str, str]:
    """What is complained about, by field."""
    with pytest.raises(InvalidParams) as refused:
        read(data)
    return {each.field: each.description for each in refused.value.violations}


def test_it_reads_a_whole_request() -> None:
    asked = request(tenant="a", metadata={"k": 1})
    asked["message"] |= {
        "contextId": "c",
        "taskId": "t",
        "metadata": {"n": 1},
        "extensions": ["https://e"],
        "referenceTaskIds": ["r"],
    }
    asked["configuration"] = {
        "acceptedOutputModes": ["text/plain"],
        "historyLength": 3,
        "returnImmediately": True,
        "taskPushNotificationConfig": {"url": "https://x"},
    }
    assert wire.send_request(asked) == wire.SendRequest(
        tenant="a",
        metadata={"k": 1},
        message=wire.Message(
            message_id="m",
            parts=(wire.Part("text", "hi"),),
            context_id="c",
            task_id="t",
            metadata={"n": 1},
            extensions=("https://e",),
            reference_task_ids=("r",),
        ),
        configuration=wire.Configuration(("text/plain",), 3, True, {"url": "https://x"}),
    )


def test_it_reads_names_with_underscores() -> None:
    asked = {
        "message": {"message_id": "m", "role": "ROLE_USER", "parts": [{"text": "x"}]},
        "configuration": {"history_length": 0, "return_immediately": True},
    }
    read = wire.send_request(asked)
    assert read.message.message_id == "m"
    assert (read.configuration.history_length, read.configuration.return_immediately) == (0, True)


def test_it_reads_the_older_name_of_the_webhook() -> None:
    webhook = {"url": "https://hook.example/"}
    older = request(configuration={"pushNotificationConfig": webhook})
    assert wire.send_request(older).configuration.push_config == webhook


def test_it_ignores_what_it_does_not_know() -> None:
    assert wire.send_request(request({"text": "x", "kind": "text"}, later=1)).message.parts


def test_it_takes_null_for_absent() -> None:
    read = wire.send_request(request({"text": "x", "url": None}, configuration=None, tenant=None))
    assert read.message.parts == (wire.Part("text", "x"),)


@pytest.mark.parametrize("value", [None, 0, False, [], {}, "x", 2**53 + 1, 1.0, {"b": 1, "a": 2}])
def test_it_keeps_any_data_exactly(value: Any) -> None:
    (part,) = wire.send_request(request({"data": value})).message.parts
    assert (part.kind, part.value, type(part.value)) == ("data", value, type(value))


@pytest.mark.parametrize("sent", ["aGk/", "aGk_"])
def test_it_reads_both_alphabets_of_base64(sent: str) -> None:
    assert wire.send_request(request({"raw": sent})).message.parts[0].value == "aGk/"


def test_it_adds_the_padding_that_is_missing() -> None:
    assert wire.send_request(request({"raw": "aGk"})).message.parts[0].value == "aGk="


def test_it_complains_about_everything_at_once() -> None:
    asked = {
        "tenant": 5,
        "message": {
            "role": "ROLE_AGENT",
            "contextId": "a/b",
            "parts": [{"text": "a", "data": 1}, {}, {"raw": "!"}, {"url": "file:///x"}, 7],
            "metadata": [],
            "extensions": [1],
        },
        "configuration": {
            "historyLength": -1,
            "returnImmediately": "yes",
            "taskPushNotificationConfig": {"url": "ftp://x", "authentication": {}},
        },
    }
    assert set(broken(asked)) == {
        "tenant",
        "message.role",
        "message.messageId",
        "message.contextId",
        "message.parts[0]",
        "message.parts[1]",
        "message.parts[2].raw",
        "message.parts[3].url",
        "message.parts[4]",
        "message.metadata",
        "message.extensions[0]",
        "configuration.historyLength",
        "configuration.returnImmediately",
        "configuration.taskPushNotificationConfig.url",
        "configuration.taskPushNotificationConfig.authentication.scheme",
    }


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], ""),
        ({}, "message"),
        ({"message": "hi"}, "message"),
        ({"message": {"messageId": "m", "role": "ROLE_USER"}}, "message.parts"),
        (
            {"message": {"messageId": "m", "role": "ROLE_USER", "parts": []}},
            "message.parts",
        ),
        (
            request()
            | {"message": {"messageId": "", "role": "ROLE_USER", "parts": [{"text": ""}]}},
            "message.messageId",
        ),
        (
            {"message": {"messageId": "m", "parts": [{"text": "x"}]}},
            "message.role",
        ),
        (request({"text": 1}), "message.parts[0].text"),
        (request({"text": "x", "mediaType": 1}), "message.parts[0].mediaType"),
        (request({"text": "x", "metadata": 1}), "message.parts[0].metadata"),
        (request(configuration=1), "configuration"),
        (request(configuration={"acceptedOutputModes": "x"}), "configuration.acceptedOutputModes"),
        (request(metadata=1), "metadata"),
    ],
)
def test_it_names_the_broken_member(data: Any, field: str) -> None:
    assert list(broken(data)) == [field]


# --- other requests -------------------------------------------------------------------------------
def test_it_reads_numbers_and_booleans_of_a_query() -> None:
    query = {
        "contextId": "c",
        "status": "TASK_STATE_WORKING",
        "pageSize": "7",
        "pageToken": "p",
        "historyLength": "0",
        "statusTimestampAfter": "2026-01-02T03:04:05.678Z",
        "includeArtifacts": "true",
    }
    assert wire.list_tasks(query, from_query=True) == wire.ListTasks(
        context_id="c",
        status="TASK_STATE_WORKING",
        page_size=7,
        page_token="p",
        history_length=0,
        status_timestamp_after=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        include_artifacts=True,
    )


def test_it_has_defaults_for_a_list() -> None:
    assert wire.list_tasks({}) == wire.ListTasks(page_size=50)


@pytest.mark.parametrize("name", ["working", "WORKING", "task_state_working", "Working"])
def test_it_reads_short_names_of_states(name: str) -> None:
    assert wire.list_tasks({"status": name}).status == "TASK_STATE_WORKING"


def test_it_reads_a_state_with_a_hyphen() -> None:
    assert wire.list_tasks({"status": "input-required"}).status == "TASK_STATE_INPUT_REQUIRED"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"pageSize": "0"}, "pageSize"),
        ({"pageSize": "101"}, "pageSize"),
        ({"pageSize": "x"}, "pageSize"),
        ({"historyLength": "-1"}, "historyLength"),
        ({"status": "asleep"}, "status"),
        ({"statusTimestampAfter": "yesterday"}, "statusTimestampAfter"),
        ({"includeArtifacts": "perhaps"}, "includeArtifacts"),
        ({"contextId": "a/b"}, "contextId"),
    ],
)
def test_it_refuses_a_query(query: Json, field: str) -> None:
    assert list(broken(query, lambda data: wire.list_tasks(data, from_query=True))) == [field]


def test_it_reads_a_time_whose_plus_became_a_space() -> None:
    read = wire.list_tasks({"statusTimestampAfter": "2026-01-02T05:04:05 02:00"})
    assert read.status_timestamp_after == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_it_reads_numbers_as_protobuf_writes_them() -> None:
    assert wire.get_task({"id": "t", "historyLength": "2"}).history_length == 2
    assert wire.get_task({"id": "t", "historyLength": 2.0}).history_length == 2


def test_it_refuses_a_boolean_as_a_number() -> None:
    assert list(broken({"id": "t", "historyLength": True}, wire.get_task)) == ["historyLength"]


def test_it_needs_the_id_of_a_task() -> None:
    assert list(broken({"metadata": 1}, wire.task_reference)) == ["id", "metadata"]
