"""Errors of the A2A face: one table for both bindings, told in the binding's own form."""

from typing import Any

import pytest
from a2a.utils.errors import A2A_ERROR_MAPPING, JSON_RPC_ERROR_CODE_MAP
from django.test import Client

from agentserver.core.errors import ApiError, BadRequest, NotFound, PayloadTooLarge
from agentserver_a2a import errors
from agentserver_a2a.api import negotiation
from agentserver_a2a.errors import A2AError, Violation, details_of, rest_body, rpc_error
from agentserver_a2a.versions import require_supported
from tests.api.conftest import JsonClient, keyed
from tests.faces.a2a_http import BASE, fields_of, refused, rpc, rpc_refused, said

pytestmark = [pytest.mark.django_db, pytest.mark.leg("sqlite")]

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, A2AError) and each is not A2AError
]
# What the SDK has as well, by reason: (HTTP status, name, JSON-RPC code).
SDK = {
    mapping.reason: (mapping.http_code, mapping.grpc_status, JSON_RPC_ERROR_CODE_MAP[kind])
    for kind, mapping in A2A_ERROR_MAPPING.items()
    if kind in JSON_RPC_ERROR_CODE_MAP
}
# Ours on purpose: what is not offered at all is 501, a body of another type is 415.
DEVIATIONS = {errors.ExtendedCardDisabled, errors.RequestTypeNotSupported}


@pytest.fixture(autouse=True)
def agents(api: JsonClient) -> None:
    from tests.access.walk import build

    build()


# --- the table ------------------------------------------------------------------------------------
def test_it_knows_every_error_of_the_specification() -> None:
    reasons = {each.reason for each in CLASSES}
    assert reasons >= set(SDK) - {"INTERNAL_ERROR"}


@pytest.mark.parametrize("kind", [each for each in CLASSES if each not in DEVIATIONS])
def test_it_agrees_with_the_sdk(kind: type[A2AError]) -> None:
    if kind is errors.MalformedJson:
        assert kind.rpc_code == -32700
        return
    assert (kind.status, kind.status_name, kind.rpc_code) == SDK[kind.reason]


def test_it_tells_every_violation_at_once() -> None:
    error = errors.invalid([Violation("a", "is required"), Violation("b[0]", "must be a text")])
    assert error.message == "invalid request: a: is required; b[0]: must be a text"
    assert fields_of(rest_body(error)["error"]["details"]) == ["a", "b[0]"]
    assert fields_of(rpc_error(error)["data"]) == ["a", "b[0]"]


def test_it_keeps_its_own_reasons_apart_from_those_of_the_protocol() -> None:
    (info,) = details_of(NotFound("no such path"))
    assert (info["reason"], info["domain"]) == ("NOT_FOUND", "agentserver")


def test_it_takes_a_bad_request_from_below_for_invalid_params() -> None:
    error = BadRequest("invalid Idempotency-Key", code="bad_key")
    (info,) = rest_body(error)["error"]["details"]
    assert (info["reason"], info["metadata"]) == ("INVALID_PARAMS", {"code": "bad_key"})
    assert rpc_error(error)["code"] == -32602


def test_it_keeps_what_went_wrong_inside_to_itself() -> None:
    (info,) = rest_body(ApiError("internal server error"))["error"]["details"]
    assert info["reason"] == "INTERNAL_ERROR"


@pytest.mark.parametrize(
    ("error", "code"), [(ApiError("internal"), -32603), (PayloadTooLarge("too large"), -32600)]
)
def test_it_has_a_code_for_errors_from_below(error: ApiError, code: int) -> None:
    assert rpc_error(error)["code"] == code


@pytest.mark.parametrize("version", ["", " ", "1.0", "1.0.0", "1.0.17", " 1.0 "])
def test_it_speaks_every_release_of_its_version(version: str) -> None:
    require_supported(version)


@pytest.mark.parametrize(
    "version", ["0.3", "1", "1.1", "2.0", "10.0", "v1.0", "1.0-beta", "x" * 99]
)
def test_it_speaks_no_other_version(version: str) -> None:
    with pytest.raises(errors.VersionNotSupported):
        require_supported(version)


# --- over REST ------------------------------------------------------------------------------------
def test_it_refuses_another_version(api: JsonClient) -> None:
    by_header = api.client.get(f"{BASE}/tasks", headers={"A2A-Version": "0.3"})
    assert refused(by_header, 400, "VERSION_NOT_SUPPORTED")["status"] == "FAILED_PRECONDITION"
    refused(api.get(f"{BASE}/tasks", **{"A2A-Version": "2.0"}), 400, "VERSION_NOT_SUPPORTED")


def test_it_takes_its_own_version_and_unknown_extensions(api: JsonClient) -> None:
    headers = {"A2A-Version": "1.0", "A2A-Extensions": "https://example.org/unknown"}
    assert api.client.get(f"{BASE}/tasks", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/at/all",
        "/tasks/x/pushNotificationConfigs/a/b",
        "/a/b",
        "/tasks/",
        "/message:send/",
        "/extendedAgentCard/",
    ],
)
def test_it_says_of_an_unknown_path_in_its_own_form_that_it_is_unknown(
    api: JsonClient, path: str
) -> None:
    error = refused(api.get(BASE + path), 404, "NOT_FOUND")
    assert error["status"] == "NOT_FOUND"
    # Never mistaken for a call over JSON-RPC, which would answer 200.
    refused(api.post(BASE + path, {}), 404, "NOT_FOUND")


def test_it_names_the_methods_that_are_allowed(api: JsonClient) -> None:
    answer = api.client.delete(f"{BASE}/tasks")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer["Allow"] == "GET"


def test_it_refuses_a_body_of_another_type(api: JsonClient) -> None:
    answer = api.client.post(f"{BASE}/message:send", "hello", content_type="text/plain")
    refused(answer, 415, "CONTENT_TYPE_NOT_SUPPORTED")


@pytest.mark.parametrize("body", ["{", "[1,", '{"a": NaN}', "\xff"])
def test_it_refuses_what_is_no_json(api: JsonClient, body: str) -> None:
    answer = api.client.post(f"{BASE}/message:send", body, content_type="application/json")
    refused(answer, 400, "JSON_PARSE_ERROR")


def test_it_refuses_json_that_is_no_object(api: JsonClient) -> None:
    error = refused(api.post(f"{BASE}/message:send", [1]), 400, "INVALID_PARAMS")
    assert error["message"] == "invalid request: must be an object"


def test_it_refuses_a_body_that_is_too_large(
    api: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(negotiation, "MAX_BODY_BYTES", 100)
    answer = api.post(f"{BASE}/message:send", {"message": said("x" * 200)})
    refused(answer, 413, "PAYLOAD_TOO_LARGE")


def test_it_names_everything_that_is_wrong_with_a_message(api: JsonClient) -> None:
    message = {"role": "user", "parts": [{}, {"text": 1}]}
    error = refused(api.post(f"{BASE}/message:send", {"message": message}), 400, "INVALID_PARAMS")
    assert sorted(fields_of(error["details"])) == [
        "message.messageId",
        "message.parts[0]",
        "message.parts[1].text",
        "message.role",
    ]


def test_it_refuses_callers_without_a_key(api: JsonClient, settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    answer = api.get(f"{BASE}/tasks")
    assert refused(answer, 401, "UNAUTHENTICATED")["status"] == "UNAUTHENTICATED"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_it_refuses_a_key_that_may_only_read() -> None:
    answer = keyed("read").post(f"{BASE}/message:send", {"message": said()})
    refused(answer, 403, "INSUFFICIENT_SCOPE")


@pytest.mark.parametrize("verb", ["get", "post"])
@pytest.mark.parametrize("path", ["nobody/tasks", "nobody/tasks/x:subscribe"])
def test_it_has_no_tenant_that_is_no_agent(api: JsonClient, verb: str, path: str) -> None:
    if path.endswith("tasks") and verb == "post":
        path = "nobody/message:send"
    answer = api.send(verb, f"{BASE}/{path}", {"message": said()} if verb == "post" else None, {})
    refused(answer, 404, "NOT_FOUND")


def test_it_refuses_a_body_for_another_tenant(api: JsonClient) -> None:
    body = {"message": said(), "tenant": "other"}
    error = refused(api.post(f"{BASE}/assistant/message:send", body), 400, "INVALID_PARAMS")
    assert fields_of(error["details"]) == ["tenant"]


def test_it_never_takes_a_word_of_the_protocol_for_a_tenant(api: JsonClient) -> None:
    refused(api.get(f"{BASE}/tasks/message:send"), 404, "TASK_NOT_FOUND")
    refused(api.get(f"{BASE}/tasks/tasks"), 404, "TASK_NOT_FOUND")


@pytest.mark.parametrize("word", ["tasks", "message:send", "message:stream", "extendedAgentCard"])
def test_it_lets_no_agent_have_the_name_of_an_address(api: JsonClient, word: str) -> None:
    document = {"id": word, "model_id": "assistant", "system_prompt": ""}
    answer = api.post("/v1/config/agents", document)
    assert answer.status_code == 400
    assert "reserved" in answer.json()["error"]


def test_it_lets_a_model_have_such_a_name(api: JsonClient) -> None:
    document = {"id": "tasks", "provider_id": "scripted", "upstream_model": "assistant"}
    assert api.post("/v1/config/models", document).status_code in {200, 201}


def test_it_answers_in_its_own_media_type_to_who_names_it(api: JsonClient) -> None:
    asked = api.client.get(f"{BASE}/tasks", headers={"Accept": "application/a2a+json"})
    assert asked["Content-Type"] == "application/a2a+json"
    sent = api.client.post(
        f"{BASE}/message:send", "{}", content_type="application/a2a+json; charset=utf-8"
    )
    refused(sent, 400, "INVALID_PARAMS")
    assert sent["Content-Type"] == "application/a2a+json"
    assert api.get(f"{BASE}/tasks")["Content-Type"] == "application/json"


def test_it_limits_callers_in_its_own_form(api: JsonClient, settings: Any) -> None:
    settings.AGENTSERVER_RATE_LIMIT = 1
    settings.MIDDLEWARE = ["agentserver.access.throttling.RateLimit", *settings.MIDDLEWARE]
    client = Client(raise_request_exception=False)
    client.get(f"{BASE}/tasks")
    refused(client.get(f"{BASE}/tasks"), 429, "RATE_LIMITED")
    refused(client.get(f"{BASE}/no/such/path"), 429, "RATE_LIMITED")


# --- over JSON-RPC --------------------------------------------------------------------------------
def test_it_does_not_know_other_methods(api: JsonClient) -> None:
    rpc_refused(rpc(api, "message/send"), -32601, "METHOD_NOT_FOUND")


def test_it_refuses_another_version_over_rpc(api: JsonClient) -> None:
    answer = rpc(api, "ListTasks", headers={"A2A-Version": "0.3"})
    rpc_refused(answer, -32009, "VERSION_NOT_SUPPORTED")
    assert answer.json()["id"] == 1


def test_it_refuses_text_over_rpc(api: JsonClient) -> None:
    answer = api.client.post(BASE, "{}", content_type="text/plain")
    rpc_refused(answer, -32005, "CONTENT_TYPE_NOT_SUPPORTED")


def test_it_refuses_what_is_no_json_over_rpc(api: JsonClient) -> None:
    answer = api.client.post(BASE, "{", content_type="application/json")
    rpc_refused(answer, -32700, "JSON_PARSE_ERROR")
    assert answer.json()["id"] is None


def test_it_tells_an_unknown_task_by_its_code(api: JsonClient) -> None:
    rpc_refused(rpc(api, "GetTask", {"id": "nothing"}), -32001, "TASK_NOT_FOUND")


def test_it_tells_every_violation_over_rpc(api: JsonClient) -> None:
    error = rpc_refused(rpc(api, "SendMessage", {}), -32602, "INVALID_PARAMS")
    assert fields_of(error["data"]) == ["message"]


def test_it_refuses_callers_without_a_key_over_rpc(api: JsonClient, settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    answer = rpc(api, "ListTasks")
    rpc_refused(answer, -32600, "UNAUTHENTICATED", status=401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_it_asks_for_the_scope_of_the_method() -> None:
    reader = keyed("read")
    assert "result" in rpc(reader, "ListTasks").json()
    answer = rpc(reader, "SendMessage", {"message": said()})
    rpc_refused(answer, -32600, "INSUFFICIENT_SCOPE", status=403)


def test_it_takes_only_posts_over_rpc(api: JsonClient) -> None:
    rpc_refused(api.get(BASE), -32600, "METHOD_NOT_ALLOWED", status=405)
