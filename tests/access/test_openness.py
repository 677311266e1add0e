"""A server without keys stays on loopback."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agentserver.serving.management.commands import runserver, serve
from agentserver.serving.openness import access_notice


@pytest.fixture
def open_server(settings: Any) -> Any:
    settings.AGENTSERVER_REQUIRE_KEYS = False
    return settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the commands would have served, instead of serving it."""
    calls: list[dict[str, Any]] = []
    for module in (serve, runserver):
        monkeypatch.setattr(module, "serve", lambda **asked: calls.append(asked))
    return calls


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "agents.example.org", ""])
def test_it_refuses_to_be_open_beyond_loopback(
    open_server: Any, served: list[Any], host: str
) -> None:
    with pytest.raises(CommandError, match="AGENTSERVER_ALLOW_OPEN=1"):
        call_command("serve", host=host)
    assert served == []


def test_it_refuses_in_runserver_too(open_server: Any, served: list[Any]) -> None:
    with pytest.raises(CommandError, match="no API keys are required"):
        call_command("runserver", "0.0.0.0:8000", use_reloader=False)
    assert served == []


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_it_serves_an_open_server_on_loopback(
    open_server: Any, served: list[Any], host: str
) -> None:
    call_command("serve", host=host)
    assert "open: no API key needed (loopback only)" in served[0]["announce"]


@pytest.mark.django_db
def test_it_serves_everywhere_with_keys(served: list[Any]) -> None:
    call_command("serve", host="0.0.0.0")
    assert "API keys required" in served[0]["announce"]


@pytest.mark.django_db
def test_it_serves_everywhere_when_told_to(open_server: Any, served: list[Any]) -> None:
    open_server.AGENTSERVER_ALLOW_OPEN = True
    call_command("serve", host="0.0.0.0")
    assert len(served) == 1
    assert "ANYBODY" in access_notice("0.0.0.0")
