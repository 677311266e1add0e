"""Servers behind OAuth: tokens by client credentials (RFC 6749, section 4.4)."""

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote

import httpx2
import orjson
import pytest
from asgiref.sync import async_to_sync

from agentserver.access.principal import ANONYMOUS
from agentserver_mcp.client.oauth import auth_for
from agentserver_mcp.models import ServerCatalog
from config.specs import McpServerSpec
from runs import services
from tests.faces.mcp_client_lab import Servers, connected, http, in_state, put_server, until
from tests.processes import free_port
from tests.receiver import Answer, Received, Receiver, receiving

SECRET = "open-sesame-4711"
CLIENT = "agentserver"
METADATA = "/.well-known/oauth-authorization-server"


class Issuer:
    """An authorization server that knows one client; the last token it gave is the valid one."""

    def __init__(self, web: Receiver, folder: Path) -> None:
        self.web = web
        self.url = web.url
        self.claims = web.url
        self._token = folder / "token"
        self.gives = self.give
        self.withdraw()
        web.answer = self._answer

    def withdraw(self) -> None:
        """The token is void, though nobody was told."""
        self._token.write_text("none is valid")

    @property
    def asked(self) -> list[dict[str, str]]:
        """The forms of all requests for a token."""
        taken = [each for each in self.web.received if each.path == "/token"]
        return [{k: v[0] for k, v in parse_qs(each.body.decode()).items()} for each in taken]

    def _answer(self, request: Received) -> Answer:
        if request.path == "/token":
            return self.gives(request)
        if request.path != METADATA:
            return Answer(404)
        return json(
            issuer=self.claims,
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            response_types_supported=["code"],
        )

    def give(self, request: Received) -> Answer:
        if not _shows_secret(request):
            said = f"not the secret: {request.body.decode()} {request.headers}"
            return json(401, error="invalid_client", error_description=said)
        token = f"token-{len(self.asked)}"
        self._token.write_text(token)
        return json(access_token=token, token_type="Bearer", expires_in=3600)


def json(status: int = 200, **members: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, orjson.dumps(members))


def _shows_secret(request: Received) -> bool:
    basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    if request.headers.get("authorization") == f"Basic {basic}":
        return True
    form = parse_qs(request.body.decode())
    return (form.get("client_id"), form.get("client_secret")) == ([CLIENT], [SECRET])


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with receiving() as web:
        yield Issuer(web, tmp_path)


@pytest.fixture
def port(servers: Servers, issuer: Issuer) -> int:
    """Of the server that wants tokens."""
    port = free_port()
    servers.modern(port, issuer.url)
    return port


def put(issuer: Issuer, port: int, *, seconds: int = 30, **auth: Any) -> None:
    members = {"issuer": issuer.url, "client_id": CLIENT, "client_secret": SECRET, **auth}
    policy = {"enabled": True, "delay_ms": 100, "max_attempts": 100}
    put_server(http("web", port, auth=members, restart_policy=policy, timeout_secs=seconds))


def failure(words: str) -> ServerCatalog:
    """The state once the server has failed with these words; it may not have listened before."""
    found: ServerCatalog = until(
        lambda: row if words in (row := in_state("failed", "web")).last_error else None, words
    )
    return found


def test_it_gets_a_token_and_uses_it(servers: Servers, issuer: Issuer, port: int) -> None:
    put(issuer, port)
    connected("web")
    assert servers.call("mcp__web__get_sum", a=2, b=3).result["message"] == "5"
    assert issuer.asked[0] == {
        "grant_type": "client_credentials",
        "resource": f"http://127.0.0.1:{port}/mcp",
        "scope": "tools",
    }


def test_it_sends_the_secret_in_the_form_when_told_to(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port, token_endpoint_auth_method="client_secret_post")
    connected("web")
    assert issuer.asked[0]["client_secret"] == SECRET


def test_it_asks_for_the_scope_of_its_document(servers: Servers, issuer: Issuer, port: int) -> None:
    put(issuer, port, scope="mine yours")
    connected("web")
    assert issuer.asked[0]["scope"] == "mine yours"


def test_it_gets_one_new_token_when_the_old_one_is_refused(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port)
    connected("web")
    servers.call("mcp__web__echo", message="one")
    before = len(issuer.asked)
    issuer.withdraw()
    assert servers.call("mcp__web__echo", message="two").result["message"] == "echo: two"
    assert len(issuer.asked) == before + 1


def test_it_keeps_no_call_back_while_another_waits(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port)
    connected("web")
    slow = servers.start("mcp__web__slow", seconds=30)
    until((servers.folder / "slow").exists)
    assert servers.call("mcp__web__echo", message="!", agent_id="b").result["message"] == "echo: !"
    services.cancel_run(principal=ANONYMOUS, run_id=slow.pk)
    servers.lab.end(slow)


def test_it_harms_no_other_call_when_it_gets_no_token(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port)
    connected("web")
    slow = servers.start("mcp__web__slow", seconds=2)
    until((servers.folder / "slow").exists)
    issuer.gives = lambda request: json(503)
    issuer.withdraw()
    refused = servers.call("mcp__web__echo", message="x", agent_id="b").result["error"]
    assert refused == (
        "the MCP server 'web' cannot be reached: HTTP 401, no token: the issuer refused (HTTP 503)"
    )
    assert servers.end(slow).result["message"] == "done"


def test_it_waits_no_longer_for_a_token_than_for_anything_else(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port, seconds=1)
    connected("web")
    gate = threading.Event()
    issuer.gives = lambda request: (gate.wait(20), issuer.give(request))[1]
    issuer.withdraw()
    try:
        call = servers.call("mcp__web__echo", message="x")
        assert "HTTP 401, no token" in call.result["error"]
    finally:
        gate.set()
    issuer.gives = issuer.give
    assert servers.call("mcp__web__echo", message="y").result["message"] == "echo: y"


def test_it_does_not_call_a_call_denied_that_was_let_in_and_took_too_long(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port, seconds=2)
    connected("web")
    issuer.withdraw()
    error = servers.call("mcp__web__slow", seconds=20).result["error"]
    assert error == "the MCP server 'web' did not answer within 2 s"


def test_it_says_that_the_server_refuses_a_new_token_too(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    put(issuer, port)
    connected("web")
    issuer.gives = lambda request: json(access_token="useless", token_type="Bearer")
    issuer.withdraw()
    assert "HTTP 401" in servers.call("mcp__web__echo", message="x").result["error"]
    failure("HTTP 401")


def test_it_tells_nobody_the_secret_but_the_issuer_it_is_meant_for(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    issuer.claims = "https://somebody.example"
    put(issuer, port)
    failure("issuer")
    assert issuer.asked == []


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_it_says_what_the_issuer_refused_and_keeps_the_secret_to_itself(
    servers: Servers,
    issuer: Issuer,
    port: int,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    wrong = "not/the+right="
    put(issuer, port, client_secret=wrong, token_endpoint_auth_method=method)
    row = failure("no token: the issuer refused (HTTP 401 invalid_client)")
    everything = str([row.last_error, list(ServerCatalog.objects.values()), caplog.text])
    encoded = base64.b64encode(f"{CLIENT}:{quote(wrong, safe='')}".encode()).decode()
    assert not [each for each in (wrong, quote(wrong, safe=""), encoded) if each in everything]


def test_it_repeats_nothing_of_an_answer_that_holds_no_token(
    servers: Servers, issuer: Issuer, port: int
) -> None:
    issuer.gives = lambda request: json(data={"access_token": SECRET})
    put(issuer, port)
    assert SECRET not in failure("the issuer's answer holds none").last_error


async def _refused(auth: httpx2.Auth, request: httpx2.Request) -> httpx2.Response:
    """What the server answers in the end; the token has run out while it said no."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        provider.context.token_expiry_time = time.time() - 1
        return httpx2.Response(401)

    provider = cast("Any", auth)._provider
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), auth=auth) as client:
        return await client.send(request)


def test_it_replaces_a_token_that_runs_out_on_the_way(issuer: Issuer, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = ["127.0.0.1"]
    auth = {"issuer": issuer.url, "client_id": CLIENT, "client_secret": SECRET}
    spec = McpServerSpec.model_validate(
        {"id": "web", "transport": "http", "url": f"{issuer.url}/mcp", "auth": auth}
    )
    problems: list[str] = []
    tokens = auth_for(spec, problems.append)
    assert tokens
    for count in (1, 2):
        request = httpx2.Request("POST", f"{issuer.url}/mcp")
        assert async_to_sync(_refused)(tokens, request).status_code == 401
        assert (len(issuer.asked), set(problems)) == (count, {"HTTP 401, no token yet", ""})


def test_it_says_that_the_secret_is_missing(servers: Servers, issuer: Issuer) -> None:
    put(issuer, free_port(), client_secret=None)
    failure("its document has no auth.client_secret")
