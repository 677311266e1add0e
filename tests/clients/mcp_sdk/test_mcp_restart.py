"""What outlives the process that answered: sessions, and what clients carry back to us."""

import json
from typing import Any

import httpx
import pytest

from tests.clients.mcp_sdk.conformance import SERVERS, serving
from tests.faces.mcp_wire import Json, mirrored, modern, opening, request
from tests.live.server import LiveServer, StartServer

ACCEPT = {"Accept": "application/json, text/event-stream"}
ASKED: Json = {"name": "demo-approval", "arguments": {"message": "x"}}


def post(http: httpx.Client, body: Json, **headers: str) -> httpx.Response:
    return http.post("/v1/mcp", json=body, headers={**ACCEPT, **headers})


def result_of(answer: httpx.Response) -> Any:
    last = [line for line in answer.text.splitlines() if "result" in line][-1]

    return json.loads(last.removeprefix("data: "))["result"]


def asking(server: LiveServer) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=30, trust_env=False)


def test_it_takes_up_where_a_server_stopped_that_was_started_again(
    start_server: StartServer,
) -> None:
    server = start_server()
    with asking(server) as http:
        session = post(http, opening()).headers["Mcp-Session-Id"]
        body = modern("tools/call", ASKED, capabilities={"elicitation": {}})
        first = result_of(post(http, body, **mirrored(body)))
    assert first["resultType"] == "input_required"
    server.restart()
    content = {"action": "accept", "content": {"decision": "approve"}}
    answers = dict.fromkeys(first["inputRequests"], content)
    again = {**ASKED, "inputResponses": answers, "requestState": first["requestState"]}
    with asking(server) as http:
        assert post(http, request("ping"), **{"Mcp-Session-Id": session}).status_code == 200
        body = modern("tools/call", again, id=2, capabilities={"elicitation": {}})
        ended = result_of(post(http, body, **mirrored(body)))
    assert (ended["resultType"], ended["isError"]) == ("complete", False)
    assert "is deleted" in ended["content"][0]["text"]


@pytest.mark.leg("sqlite")
def test_it_gives_the_threads_of_clients_back_that_left_under_wsgi(server: LiveServer) -> None:
    """Two threads, two streams that say nothing: whoever comes next needs one of them."""
    body = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    headers = {**ACCEPT, **mirrored(body)}
    command = tuple(part.replace("16", "2") for part in SERVERS["gunicorn wsgi"])
    with serving(command, server.environment) as url, httpx.Client(timeout=20) as http:
        for _ in range(2):
            with http.stream("POST", url, json=body, headers=headers) as listening:
                assert "acknowledged" in next(listening.iter_text())
        assert http.post(url, json=request("ping"), headers=ACCEPT).status_code == 200
