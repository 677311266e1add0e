"""Servers over HTTP: both eras, the old transport, tokens, ends and returns of the server."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver_mcp.client import store
from agentserver_mcp.models import ServerCatalog
from runs import services
from runs.models import ToolCall
from tests.faces.mcp_client_lab import (
    Servers,
    connected,
    http,
    in_state,
    offered,
    put_server,
    until,
)
from tests.processes import free_port

if TYPE_CHECKING:
    from subprocess import Popen

EVERYTHING = Path(__file__).parents[1] / "clients/node_modules/.bin/mcp-server-everything"
SECRET = "sesame-4711"


@pytest.fixture
def port() -> int:
    return free_port()


def ready(servers: Servers, port: int, **members: Any) -> ServerCatalog:
    """The server of the newest revision, under the id ``web``."""
    servers.modern(port)
    put_server(http("web", port, restart_policy={"enabled": True, "delay_ms": 100}, **members))
    return connected("web")


def test_it_speaks_the_newest_revision(servers: Servers, port: int) -> None:
    row = ready(servers, port)
    assert row.protocol_version == "2026-07-28"
    assert "mcp__web__get_sum" in offered()
    call = servers.call("mcp__web__get_sum", a=2, b=3)
    assert (call.result["message"], call.result["data"]) == ("5", {"result": 5})


def test_it_waits_for_a_slow_tool_and_passes_its_progress_on(servers: Servers, port: int) -> None:
    ready(servers, port)
    call = servers.call("mcp__web__slow", seconds=0.2)
    assert call.result["message"] == "done"
    shown = [each.message for each in servers.lab.events(call.run) if hasattr(each, "message")]
    assert "warming up" in shown


def test_it_cancels_a_request_of_the_newest_revision_by_closing_its_stream(
    servers: Servers, port: int
) -> None:
    ready(servers, port)
    run = servers.start("mcp__web__slow", seconds=30)
    until((servers.folder / "slow").exists)
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    until((servers.folder / "cancelled").exists)


def test_it_asks_a_person_what_a_server_of_the_newest_revision_wants_to_know(
    servers: Servers, port: int
) -> None:
    ready(servers, port)
    waiting = servers.lab.rest(servers.start("mcp__web__ask_size"))
    call = ToolCall.objects.get(run=waiting)
    assert call.suspension["message"] == "Which size?"
    servers.lab.decide(waiting, str(call.ticket_id), payload={"size": 42})
    assert servers.end(waiting).result["message"] == "size 42"


def test_it_tells_the_model_when_the_server_ends_and_uses_it_when_it_is_back(
    servers: Servers, port: int
) -> None:
    process = servers.plain_http(port)
    put_server(http("web", port))
    connected("web")
    run = servers.start("mcp__web__slow", seconds=30)
    until((servers.folder / "slow").exists)
    end(process)
    assert "MCP server 'web' was lost" in servers.end(run).result["error"]
    assert "cannot be reached" in servers.call("mcp__web__echo", message="?").result["error"]
    servers.plain_http(port)
    assert servers.call("mcp__web__echo", message="!").result["message"] == "echo: !"


def test_it_repeats_a_call_that_a_server_without_its_session_refused(
    servers: Servers, port: int
) -> None:
    process = servers.plain_http(port)
    put_server(http("web", port))
    connected("web")
    end(process)
    servers.plain_http(port)
    assert servers.call("mcp__web__echo", message="!").result["message"] == "echo: !"


def test_it_asks_a_server_again_that_was_given_up_once_a_call_has_reached_it(
    servers: Servers, port: int
) -> None:
    process = servers.plain_http(port)
    put_server(http("web", port, restart_policy={"enabled": True, "max_attempts": 0}))
    connected("web")
    end(process)
    servers.call("mcp__web__echo", message="?")
    assert in_state("failed", "web").permanently_failed
    servers.plain_http(port)
    servers.call("mcp__web__echo", message="!")
    assert connected("web").last_error == ""


def end(process: "Popen[bytes]") -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_it_works_with_the_reference_server(servers: Servers, port: int, transport: str) -> None:
    mode = "streamableHttp" if transport == "http" else "sse"
    servers.serve(str(EVERYTHING), mode, env={"PORT": str(port)})
    path = "mcp" if transport == "http" else "sse"
    document = http("every", port, transport=transport, restart_policy={"enabled": True})
    put_server({**document, "url": f"http://127.0.0.1:{port}/{path}"})
    row = connected("every")
    assert row.protocol_version == "2025-11-25"
    assert row.inventory.prompts
    assert row.inventory.resources
    assert servers.call("mcp__every__echo", message="hi").result["message"] == "Echo: hi"
    result = servers.call("mcp__every__get_structured_content", location="Chicago").result
    assert "temperature" in str(result["data"])


def test_it_asks_a_person_what_the_reference_server_wants_to_know(
    servers: Servers, port: int
) -> None:
    servers.serve(str(EVERYTHING), "streamableHttp", env={"PORT": str(port)})
    put_server(http("every", port, restart_policy={"enabled": True, "delay_ms": 100}))
    connected("every")
    waiting = servers.lab.rest(servers.start("mcp__every__trigger_elicitation_request"))
    call = ToolCall.objects.get(run=waiting)
    assert call.suspension["kind"] == "question"
    servers.lab.decide(waiting, str(call.ticket_id), payload={"name": "Ada"})
    assert "Ada" in str(servers.end(waiting).result["data"])


def test_it_works_with_the_reference_server_over_stdio(servers: Servers) -> None:
    put_server({"id": "every", "transport": "stdio", "command": str(EVERYTHING)})
    assert connected("every").tool_count > 5
    assert servers.call("mcp__every__get_sum", a=2, b=3).result["message"].endswith("5.")


# --- tokens -------------------------------------------------------------------------------------


class Guarded(BaseHTTPRequestHandler):
    """Lets nobody in, and remembers who came."""

    came: list[str]

    def do_POST(self) -> None:
        self.came.append(self.headers.get("Authorization", ""))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        return


@pytest.fixture
def closed_door() -> Iterator[ThreadingHTTPServer]:
    Guarded.came = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_sends_the_headers_and_keeps_them_to_itself(
    servers: Servers, closed_door: ThreadingHTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    put_server(http("web", closed_door.server_address[1], headers=headers))
    row = in_state("failed", "web")
    assert Guarded.came[0] == f"Bearer {SECRET}"
    assert "HTTP 401" in row.last_error
    everything = str([row.last_error, list(ServerCatalog.objects.values()), caplog.text])
    assert SECRET not in everything


def test_it_gives_up_after_the_last_attempt_until_it_is_restarted(
    servers: Servers, closed_door: ThreadingHTTPServer
) -> None:
    policy = {"enabled": True, "delay_ms": 0, "max_attempts": 2}
    put_server(http("web", closed_door.server_address[1], restart_policy=policy))
    until(lambda: in_state("failed", "web").permanently_failed)
    tried = len(Guarded.came)
    assert in_state("failed", "web").consecutive_failures == 3
    store.restart("web")
    until(lambda: len(Guarded.came) > tried)
