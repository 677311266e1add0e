"""The guarded clients against a server of this machine, for both HTTP libraries."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentserver.core.egress import (
    EgressRefused,
    client,
    client2,
    guarded_client,
    guarded_client2,
    resolving,
)
from tests.egress.certificates import write_certificates
from tests.receiver import Answer, Receiver, receiving

CLIENTS: dict[str, Any] = {"httpx": guarded_client, "httpx2": guarded_client2}


@pytest.fixture(params=sorted(CLIENTS))
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    made: Callable[..., Any] = CLIENTS[request.param]
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def allowed(receiver: Receiver, settings: Any) -> Receiver:
    settings.AGENTSERVER_EGRESS_ALLOW = [receiver.address]
    return receiver


def post(make: Callable[..., Any], url: str, **options: Any) -> Any:
    async def ask() -> Any:
        async with make(timeout=5, **options) as guarded:
            return await guarded.post(url, json={"a": 1})

    return asyncio.run(ask())


def test_it_reaches_what_the_operator_allows(make: Any, allowed: Receiver) -> None:
    answer = post(make, f"{allowed.url}/hook", headers={"X-Token": "t"})
    assert answer.status_code == 200
    seen = allowed.received[0]
    assert (seen.path, seen.json, seen.headers["x-token"]) == ("/hook", {"a": 1}, "t")
    assert seen.headers["host"] == allowed.address
    assert seen.headers["accept-encoding"] == "identity"


def test_it_keeps_no_cookies(make: Any, allowed: Receiver) -> None:
    allowed.answer = lambda _: Answer(headers={"set-cookie": "a=1"})

    async def ask_twice() -> None:
        async with make(timeout=5) as guarded:
            await guarded.post(allowed.url)
            await guarded.post(allowed.url)

    asyncio.run(ask_twice())
    assert ["cookie" in each.headers for each in allowed.received] == [False, False]


def test_it_refuses_a_private_address(make: Any, receiver: Receiver, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_HTTP = True
    with pytest.raises(EgressRefused, match="not a public address"):
        post(make, receiver.url)
    assert receiver.received == []


def test_it_refuses_another_port(make: Any, receiver: Receiver, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = [f"127.0.0.1:{receiver.port - 1}"]
    with pytest.raises(EgressRefused):
        post(make, receiver.url)
    assert receiver.received == []


def test_it_refuses_credentials_in_the_url(make: Any, allowed: Receiver) -> None:
    with pytest.raises(EgressRefused, match="credentials"):
        post(make, f"http://user:pass@{allowed.address}/")


def test_it_refuses_a_name_that_leads_here(
    make: Any, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AGENTSERVER_EGRESS_HTTP = True
    monkeypatch.setattr(resolving, "lookup", lambda host, port: ["127.0.0.1"])
    with pytest.raises(EgressRefused, match="public address"):
        post(make, f"http://rebound.example:{receiver.port}/")
    assert receiver.received == []


def test_it_asks_once_and_connects_to_what_it_checked(
    make: Any, allowed: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second answer of the resolver, which would lead elsewhere, is never asked for."""
    answers = iter([["127.0.0.1"], ["10.255.255.1"]])
    monkeypatch.setattr(resolving, "lookup", lambda host, port: next(answers))
    monkeypatch.setattr(socket, "getaddrinfo", _not_called)
    settings.AGENTSERVER_EGRESS_ALLOW = ["hook.example"]
    answer = post(make, f"http://hook.example:{allowed.port}/")
    assert answer.status_code == 200
    assert allowed.received[0].headers["host"] == f"hook.example:{allowed.port}"
    assert next(answers) == ["10.255.255.1"]


def _not_called(host: Any, *args: Any, **kwargs: Any) -> Any:
    raise AssertionError(f"a name was resolved without being checked: {host}")


def test_it_tries_the_next_address(
    make: Any, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "lookup", lambda host, port: ["127.0.0.2", "127.0.0.1"])
    settings.AGENTSERVER_EGRESS_ALLOW = ["hook.example"]
    assert post(make, f"http://hook.example:{receiver.port}/").status_code == 200


def test_it_does_not_follow_redirects(make: Any, allowed: Receiver) -> None:
    allowed.answer = lambda _: Answer(302, {"location": f"{allowed.url}/elsewhere"})
    assert post(make, allowed.url).status_code == 302
    assert len(allowed.received) == 1


def test_it_checks_a_redirect_that_a_library_follows(make: Any, allowed: Receiver) -> None:
    allowed.answer = lambda _: Answer(302, {"location": "http://169.254.169.254/"})

    async def ask() -> Any:
        async with make(timeout=5) as guarded:
            return await guarded.get(allowed.url, follow_redirects=True)

    with pytest.raises(EgressRefused):
        asyncio.run(ask())


def test_it_stops_reading_an_endless_answer(make: Any, allowed: Receiver) -> None:
    allowed.answer = lambda _: Answer(body=b"x" * 100_000)
    with pytest.raises(EgressRefused, match="longer than 1000 bytes"):
        post(make, allowed.url, max_bytes=1000)
    assert len(post(make, allowed.url, max_bytes=100_000).content) == 100_000


def test_it_refuses_answers_that_unfold(make: Any, allowed: Receiver) -> None:
    allowed.answer = lambda _: Answer(headers={"content-encoding": "gzip"}, body=b"\x1f\x8b")
    with pytest.raises(EgressRefused, match="compressed"):
        post(make, allowed.url)


def test_it_does_not_use_a_proxy_of_the_environment(
    make: Any, allowed: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert post(make, allowed.url).status_code == 200


def test_it_verifies_the_name_while_it_dials_the_address(
    make: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, chain = write_certificates(tmp_path, name="hook.example")
    served: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    tls.sni_callback = lambda _socket, name, _context: served.append(name)
    trusting = ssl.create_default_context(cafile=str(authority))
    monkeypatch.setattr(client, "_certificates", lambda: trusting)
    monkeypatch.setattr(client2, "_certificates", lambda: trusting)
    monkeypatch.setattr(resolving, "lookup", lambda host, port: ["127.0.0.1"])
    settings.AGENTSERVER_EGRESS_ALLOW = ["hook.example", "other.example"]
    with receiving(tls) as receiver:
        assert post(make, f"https://hook.example:{receiver.port}/").status_code == 200
        assert served == ["hook.example"]
        with pytest.raises(Exception, match="certificate"):
            post(make, f"https://other.example:{receiver.port}/")
