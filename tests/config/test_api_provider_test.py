"""``POST /v1/providers/:id/test`` against the scripted adapter and a real endpoint on loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runs import provider_test
from tests.config.conftest import ConfigClient
from tests.config.samples import MODEL, PROVIDER, put

pytestmark = pytest.mark.django_db

KEY = "hidden-key-of-this-test"
HEADER = "hidden-header-of-this-test"
CHUNK = (
    b'data: {"id":"x","object":"chat.completion.chunk","model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"p"},"finish_reason":null}]}\n\n'
)


class Endpoint(BaseHTTPRequestHandler):
    """Answers what the test puts into ``mode``: a stream, a refusal that quotes what it was sent,
    or nothing until ``released``."""

    mode = "stream"
    released = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.mode == "silent":
            self.released.wait(20)
        elif self.mode == "refuse":
            sent = f"{self.headers['authorization']} {self.headers['x-auth-token']}"
            self._answer(401, b'{"error": {"message": "wrong: %s"}}' % sent.encode())
        else:
            self._answer(200, CHUNK + b"data: [DONE]\n\n", "text/event-stream")

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Not to stderr."""


@pytest.fixture
def endpoint() -> Iterator[type[Endpoint]]:
    """There is a provider ``openai`` with a model ``default`` on it."""

    class Own(Endpoint):
        released = threading.Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    headers = {"headers": {"X-Auth-Token": HEADER}}
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    put("providers", {**PROVIDER, "api_key": KEY, "base_url": url, "adapter_options": headers})
    put("models", MODEL)
    yield Own
    Own.released.set()
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("endpoint")
def test_it_asks_a_real_endpoint(api: ConfigClient) -> None:
    found = api.post("/v1/providers/openai/test").json()
    assert found.pop("latency_ms") >= 0
    assert found == {"ok": True, "network_tested": True}


def test_it_tells_a_refusal_without_the_secrets_it_quotes(
    api: ConfigClient, endpoint: type[Endpoint], caplog: Any
) -> None:
    endpoint.mode = "refuse"
    answer = api.post("/v1/providers/openai/test")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert "wrong: " in answer.json()["error"]
    for secret in (KEY, HEADER):
        assert secret not in answer.content.decode() + caplog.text


def test_it_does_not_wait_for_ever(
    api: ConfigClient, endpoint: type[Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_test, "CAP_SECONDS", 0.3)
    endpoint.mode = "silent"
    found = api.post("/v1/providers/openai/test", {"upstream_model": "other"}).json()
    assert (found["ok"], found["network_tested"]) == (False, True)
    assert found["error"].startswith("no answer within")
    assert 300 <= found["latency_ms"] < 10_000


def test_it_answers_for_a_scripted_provider_without_a_network(api: ConfigClient) -> None:
    put("providers", {"id": "offline", "adapter": "scripted"})
    found = api.post("/v1/providers/offline/test").json()
    assert found.pop("latency_ms") >= 0
    assert found == {"ok": True, "network_tested": False}


def test_it_reports_a_scripted_failure(api: ConfigClient) -> None:
    script = [{"reply": [{"error": {"status": 500, "message": "down"}}]}]
    put(
        "providers", {"id": "offline", "adapter": "scripted", "adapter_options": {"script": script}}
    )
    found = api.post("/v1/providers/offline/test", {}).json()
    assert (found["ok"], found["error"]) == (False, "upstream answered 500: down")


def test_it_needs_a_model_to_ask(api: ConfigClient) -> None:
    put("providers", PROVIDER)
    found = api.post("/v1/providers/openai/test").json()
    assert (found["ok"], found["network_tested"]) == (False, False)
    assert "no model is stored for this provider" in found["error"]


def test_it_tests_only_stored_providers(api: ConfigClient) -> None:
    answer = api.post("/v1/providers/foo/test")
    assert (answer.status_code, answer.json()["error"]) == (404, "providers/foo")


def test_it_refuses_a_test_request_of_another_shape(api: ConfigClient) -> None:
    put("providers", PROVIDER)
    answer = api.post("/v1/providers/openai/test", {"upstream_model": 5})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("invalid payload: upstream_model: ")
