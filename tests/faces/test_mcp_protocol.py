"""The wire of ``/v1/mcp``: JSON-RPC, both eras, sessions, origins, whom it lets in."""

from datetime import timedelta
from typing import Any

import pytest

from agentserver.core.clock import now
from agentserver_mcp.models import McpSession
from tests.api.conftest import JsonClient, keyed
from tests.faces.mcp_wire import (
    MODERN,
    PATH,
    Session,
    error,
    modern,
    note,
    opening,
    request,
    result,
    send_modern,
    session,
)

pytestmark = pytest.mark.django_db


# --- JSON-RPC -------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", ["{", "nonsense", "[" * 5000])
def test_it_refuses_what_is_not_json(api: JsonClient, body: str) -> None:
    answer = api.client.generic("POST", PATH, body, "application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32700
    assert answer.json()["id"] is None


@pytest.mark.parametrize(
    "body",
    [
        [request("ping")],
        7,
        {"id": 1, "method": "ping"},
        {"jsonrpc": "1.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": True, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]},
        {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}},
        {"jsonrpc": "2.0", "id": "x" * 201, "method": "ping"},
        {"jsonrpc": "2.0", "id": '"' * 150, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"clientInfo": {"a": "\0"}}},
    ],
)
def test_it_refuses_what_is_no_message(api: JsonClient, body: Any) -> None:
    answer = api.post(PATH, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600


def test_it_answers_a_ping(api: JsonClient) -> None:
    assert api.post(PATH, request("ping", id="p")).json() == {
        "jsonrpc": "2.0",
        "id": "p",
        "result": {},
    }


def test_it_takes_a_notification_without_a_word(api: JsonClient) -> None:
    answer = api.post(PATH, note("notifications/initialized"))
    assert (answer.status_code, answer.content) == (202, b"")


def test_it_does_not_know_every_method(api: JsonClient) -> None:
    answer = api.post(PATH, request("tools/dance"))
    assert answer.status_code == 200
    assert error(answer)["code"] == -32601


def test_it_refuses_params_that_do_not_fit(api: JsonClient) -> None:
    answer = api.post(PATH, request("tools/call", {"name": 7}))
    assert (answer.status_code, error(answer)["code"]) == (200, -32602)


# --- HTTP -----------------------------------------------------------------------------------------
def test_it_has_no_stream_to_listen_to(api: JsonClient) -> None:
    answer = api.get(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, DELETE")


def test_it_takes_json_only(api: JsonClient) -> None:
    answer = api.client.generic("POST", PATH, "{}", "text/plain")
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, -32600)


def test_it_refuses_a_client_that_takes_no_streams(api: JsonClient) -> None:
    answer = api.post(PATH, request("ping"), Accept="application/json")
    assert (answer.status_code, error(answer)["code"]) == (406, -32600)


def test_it_takes_four_mebibytes_and_not_more(api: JsonClient) -> None:
    padding = "x" * (4 * 1024 * 1024)
    assert api.post(PATH, request("ping", {"_meta": {"a": padding[:-500]}})).status_code == 200
    assert api.post(PATH, request("ping", {"_meta": {"a": padding}})).status_code == 413


# --- who may --------------------------------------------------------------------------------------
def test_it_challenges_a_caller_without_a_key(api: JsonClient, settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    answer = api.post(PATH, request("ping"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["error"]["code"] == -32600


def test_it_needs_the_scope_run(api: JsonClient) -> None:
    assert keyed("read").post(PATH, request("ping")).status_code == 403
    assert keyed("run").post(PATH, request("ping")).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost.evil.example", "http://[", ""]
)
def test_it_refuses_pages_it_does_not_know(api: JsonClient, origin: str) -> None:
    answer = api.post(PATH, request("ping"), Origin=origin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, -32600)


def test_it_refuses_a_page_whose_name_was_made_to_lead_here(api: JsonClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    evil = {"Origin": "http://evil.example", "Host": "evil.example"}
    assert api.post(PATH, request("ping"), **evil).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://[::1]:8000", "https://app.example"]
)
def test_it_lets_pages_of_its_own_in(api: JsonClient, settings: Any, origin: str) -> None:
    settings.AGENTSERVER_MCP_ORIGINS = ["https://app.example"]
    assert api.post(PATH, request("ping"), Origin=origin).status_code == 200


# --- sessions -------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_it_speaks_the_clients_version(api: JsonClient, version: str) -> None:
    assert result(api.post(PATH, opening(version)))["protocolVersion"] == version


@pytest.mark.parametrize("version", ["2026-07-28", "1999-01-01", "nonsense"])
def test_it_answers_unknown_versions_with_its_newest(api: JsonClient, version: str) -> None:
    assert result(api.post(PATH, opening(version)))["protocolVersion"] == "2025-11-25"


def test_it_promises_no_change_notices_to_clients_that_cannot_get_them(api: JsonClient) -> None:
    capabilities = result(api.post(PATH, opening()))["capabilities"]
    changes = {capabilities[name]["listChanged"] for name in ("tools", "prompts", "resources")}
    assert changes == {False}


def test_it_knows_a_session_until_it_is_ended(api: JsonClient) -> None:
    opened = session(api)
    assert opened.send(request("ping")).status_code == 200
    ended = api.client.delete(PATH, headers={"Mcp-Session-Id": opened.id})
    assert ended.status_code == 204
    assert _lost(opened.send(request("ping")))
    again = api.client.delete(PATH, headers={"Mcp-Session-Id": opened.id})
    assert again.status_code == 404


def test_it_forgets_a_session_that_nobody_used(api: JsonClient, settings: Any) -> None:
    opened = session(api)
    idle = now() - timedelta(seconds=settings.AGENTSERVER_MCP_SESSION_SECONDS + 1)
    McpSession.objects.filter(pk=opened.id).update(last_seen_at=idle)
    assert _lost(opened.send(request("ping")))
    session(api)
    assert not McpSession.objects.filter(pk=opened.id).exists()


def test_it_keeps_a_session_that_is_used(api: JsonClient) -> None:
    opened = session(api)
    before = now() - timedelta(seconds=600)
    McpSession.objects.filter(pk=opened.id).update(last_seen_at=before)
    opened.send(request("ping"))
    assert McpSession.objects.get(pk=opened.id).last_seen_at > before


def test_it_keeps_sessions_apart(api: JsonClient) -> None:
    opened = session(keyed("run"))
    stranger = Session(keyed("run"), opened.id)
    assert _lost(stranger.send(request("ping")))


def test_it_keeps_so_many_sessions_of_a_caller(api: JsonClient, settings: Any) -> None:
    settings.AGENTSERVER_MCP_SESSIONS = 2
    first, second, third = (session(api) for _ in range(3))
    assert _lost(first.send(request("ping")))
    assert second.send(request("ping")).status_code == 200
    assert third.send(request("ping")).status_code == 200


def test_it_serves_clients_without_a_session(api: JsonClient) -> None:
    assert result(api.post(PATH, request("tools/list")))["tools"] is not None


def test_it_needs_a_session_to_take_an_answer(api: JsonClient) -> None:
    answer = api.post(PATH, {"jsonrpc": "2.0", "id": "q", "result": {}})
    assert (answer.status_code, error(answer)["code"]) == (400, -32600)


def test_it_refuses_an_answer_that_cannot_be_stored(api: JsonClient) -> None:
    answered = {"jsonrpc": "2.0", "id": "q", "result": {"content": [{"\0": 1}]}}
    answer = session(api).send(answered)
    assert (answer.status_code, error(answer)["code"]) == (400, -32600)


def test_it_keeps_the_level_of_logging(api: JsonClient) -> None:
    opened = session(api)
    assert result(opened.send(request("logging/setLevel", {"level": "error"}))) == {}
    assert McpSession.objects.get(pk=opened.id).log_level == "error"


# --- 2026 -----------------------------------------------------------------------------------------
def test_it_says_what_it_can(api: JsonClient) -> None:
    found = result(send_modern(api, modern("server/discover")))
    assert found["supportedVersions"] == [MODERN]
    assert found["resultType"] == "complete"
    assert (found["ttlMs"], found["cacheScope"]) == (0, "private")
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "agentserver"


def test_it_opens_no_session_in_2026(api: JsonClient) -> None:
    assert "Mcp-Session-Id" not in send_modern(api, modern("tools/list")).headers


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Mcp-Method": "tools/call"}, 400, -32020),
        ({"MCP-Protocol-Version": "2027-01-01"}, 400, -32020),
        ({"Mcp-Method": "tools/list, tools/list"}, 400, -32020),
    ],
)
def test_it_refuses_headers_that_say_something_else(
    api: JsonClient, headers: dict[str, str], status: int, code: int
) -> None:
    answer = send_modern(api, modern("tools/list", id=9), **headers)
    assert (answer.status_code, error(answer)["code"]) == (status, code)
    assert answer.json()["id"] == 9


def test_it_refuses_a_request_without_its_envelope(api: JsonClient) -> None:
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"}
    answer = api.post(PATH, request("tools/list", {}), **headers)
    assert (answer.status_code, error(answer)["code"]) == (400, -32602)


def test_it_names_the_versions_it_serves(api: JsonClient) -> None:
    body = modern("tools/list")
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2027-01-01"
    answer = send_modern(api, body, **{"MCP-Protocol-Version": "2027-01-01"})
    assert (answer.status_code, error(answer)["code"]) == (400, -32022)
    assert error(answer)["data"] == {"supported": [MODERN], "requested": "2027-01-01"}


@pytest.mark.parametrize("method", ["ping", "logging/setLevel", "initialize", "nonsense"])
def test_it_does_not_find_removed_methods(api: JsonClient, method: str) -> None:
    answer = send_modern(api, modern(method))
    assert (answer.status_code, error(answer)["code"]) == (404, -32601)


def test_it_drops_notifications_of_2026(api: JsonClient) -> None:
    headers = {"MCP-Protocol-Version": MODERN}
    answer = api.post(PATH, note("notifications/whatever"), **headers)
    assert (answer.status_code, answer.content) == (202, b"")


def test_it_has_no_session_to_end_in_2026(api: JsonClient) -> None:
    answer = api.send("delete", PATH, None, {"MCP-Protocol-Version": MODERN})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_it_takes_no_responses_in_2026(api: JsonClient) -> None:
    headers = {"MCP-Protocol-Version": MODERN}
    answer = api.post(PATH, {"jsonrpc": "2.0", "id": 1, "result": {}}, **headers)
    assert (answer.status_code, error(answer)["code"]) == (400, -32600)


def test_it_reads_names_that_had_to_be_encoded(api: JsonClient) -> None:
    body = modern("tools/call", {"name": "größe", "arguments": {}})
    encoded = {"Mcp-Name": "=?base64?Z3LDtsOfZQ==?="}
    answer = send_modern(api, body, **encoded)
    assert error(answer) == {"code": -32602, "message": "Unknown tool: größe"}


def _lost(answer: Any) -> bool:
    return bool(answer.status_code == 404 and error(answer)["code"] == -32600)
