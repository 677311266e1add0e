"""What is stored about servers, and the routes and rules around it; nothing is connected."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentserver.core.clock import now
from agentserver.core.errors import ApiError
from agentserver_mcp.client import child, results, store
from agentserver_mcp.client.call import Call
from agentserver_mcp.client.failures import redacted
from agentserver_mcp.client.identity import address_of, fingerprint_of
from agentserver_mcp.client.inventory import Inventory, _named
from agentserver_mcp.client.names import tool_id
from agentserver_mcp.models import DiscoveryLease, ServerCatalog, ServerInventory
from config import registry
from config.specs import McpServerSpec
from runs.tools.errors import ToolError
from tests.api.conftest import JsonClient, keyed
from tests.config.samples import put_chain
from tests.faces.mcp_client_lab import is_alive, offered, put_server, until

URL = "https://mcp.example/mcp"
TOOL = {"name": "get-sum", "inputSchema": {"type": "object"}, "description": "Adds."}


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    registry.forget()
    yield
    registry.forget()


def document(server_id: str = "web", **members: Any) -> dict[str, Any]:
    return {"id": server_id, "transport": "http", "url": URL, **members}


def spec(**members: Any) -> McpServerSpec:
    return McpServerSpec.model_validate(document(**members))


def asked(server_id: str = "web", *names: str, new_session: bool = True) -> ServerCatalog:
    """The row after discovery found tools of these names."""
    published = registry.current()
    store.synchronise(published)
    mark = store.fingerprint(published, server_id)
    restarts = store.begin(server_id, mark)
    assert restarts is not None
    tools, problems = _named([{**TOOL, "name": name} for name in names], server_id)
    found = Inventory(tools=tools, problems=problems, protocol_version="2025-11-25")
    store.succeed(server_id, mark, restarts=restarts, found=found, new_session=new_session)
    return row_of(server_id)


def failed(server_id: str = "web", error: str = "no") -> ServerCatalog:
    mark = store.fingerprint(registry.current(), server_id)
    restarts = store.begin(server_id, mark)
    assert restarts is not None
    known = registry.current().mcp_servers[server_id]
    store.fail(server_id, mark, restarts=restarts, error=error, spec=known)
    return row_of(server_id)


def row_of(server_id: str = "web") -> ServerCatalog:
    return ServerCatalog.objects.get(pk=server_id)


# --- names --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("server", "tool", "expected"),
    [
        ("bars-http", "get-sum", "mcp__bars_http__get_sum"),
        ("a", "__Keep.Case  ", "mcp__a__Keep_Case"),
        ("ä b", "x/y//z", "mcp__b__x_y_z"),
        ("a", "日本", None),
    ],
)
def test_it_names_tools(server: str, tool: str, expected: str | None) -> None:
    assert tool_id(server, tool) == expected


def test_it_shortens_long_names_and_keeps_them_apart() -> None:
    first, second = (tool_id("server", "x" * 80 + end) for end in "ab")
    assert first is not None
    assert len(first) == 64
    assert first != second


@pytest.mark.django_db(transaction=True)
def test_it_keeps_the_first_of_two_tools_with_one_name_and_reports_the_other() -> None:
    put_server(document())
    row = asked("web", "get-sum", "get_sum", "...")
    assert offered() == ["mcp__web__get_sum"]
    assert row.problems == [
        "tool 'get_sum': 'get-sum' is called mcp__web__get_sum already",
        "tool '...': its name has no letter or digit",
    ]


# --- documents ------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "http://10.0.0.1/mcp"}, "url: 10.0.0.1 is not a public address"),
        ({"url": "https://me:pw@mcp.example/"}, "url: credentials do not belong into a URL"),
        ({"transport": "sse", "url": " "}, "sse mcp server requires a non-empty url"),
        ({"id": "…"}, "mcp server id '…' has no letter or digit to name its tools with"),
        ({"headers": {"A b": "x"}}, "'A b' cannot be the name of an HTTP header"),
        ({"headers": {"A": "x\r\nB: y"}}, "the header 'A' has a value that HTTP cannot carry"),
        ({"headers": {"Host": "x"}}, "the header 'Host' is set by the transport or given twice"),
    ],
)
def test_it_refuses_documents_that_cannot_work(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError) as refused:
        put_server({**document(), **changes})
    assert refused.value.message == f"invalid payload: {reason}"


@pytest.mark.django_db
def test_it_refuses_a_second_server_whose_tools_would_have_the_same_names() -> None:
    put_server(document("a.b"))
    with pytest.raises(ApiError) as refused:
        put_server(document("a-b"))
    assert "of mcp server 'a-b'" in refused.value.message


@pytest.mark.django_db(transaction=True)
def test_it_never_shows_headers_and_keeps_them(api: JsonClient) -> None:
    path = "/v1/config/mcp-servers/web"
    sent = document(headers={"X-B": "sesame-1", "Authorization": "sesame-2"})
    shown = api.send("put", path, sent, {}).json()
    assert shown["header_keys"] == ["Authorization", "X-B"]
    assert shown["has_headers"] is True
    assert "sesame" not in str([shown, api.get(path).json()])
    assert api.send("put", path, document(), {}).json()["has_headers"] is True
    kept = registry.current().mcp_server_with_secrets("web").headers
    assert kept == {"X-B": "sesame-1", "Authorization": "sesame-2"}
    assert "has_headers" not in api.send("put", path, document(headers={}), {}).json()


# --- the catalogue --------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_it_does_not_write_an_unchanged_inventory_again() -> None:
    put_server(document())
    asked("web", "one")
    ServerInventory.objects.update(fetched_at=now() - timedelta(days=1))
    asked("web", "one", new_session=False)
    assert ServerInventory.objects.get().fetched_at < now() - timedelta(hours=1)


@pytest.mark.django_db(transaction=True)
def test_it_withdraws_tools_at_once_when_the_server_lies_elsewhere() -> None:
    put_server(document())
    asked("web", "one")
    put_server(document(url="https://other.example/mcp"))
    assert offered() == []
    store.synchronise(registry.current())
    assert not ServerInventory.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_keeps_tools_and_asks_again_when_only_a_secret_changed() -> None:
    put_server(document())
    asked("web", "one")
    put_server(document(headers={"Authorization": "Bearer other"}))
    store.synchronise(registry.current())
    assert offered() == ["mcp__web__one"]
    assert store.due() == ["web"]


@pytest.mark.django_db(transaction=True)
def test_it_forgets_deleted_servers() -> None:
    put_server(document())
    asked("web", "one")
    store.synchronise(registry.EMPTY)
    assert not ServerCatalog.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_ignores_what_was_found_out_before_a_restart() -> None:
    put_server(document())
    asked("web", "one")
    mark = store.fingerprint(registry.current(), "web")
    restarts = store.begin("web", mark)
    store.restart("web")
    assert restarts is not None
    store.fail("web", mark, restarts=restarts, error="late", spec=None)
    assert row_of().state == "pending"


@pytest.mark.django_db(transaction=True)
def test_it_pauses_longer_and_longer_and_then_gives_up() -> None:
    put_server(document())
    store.synchronise(registry.current())
    pauses = []
    for _ in range(5):
        row = failed()
        assert row.next_attempt_at is not None
        pauses.append(round((row.next_attempt_at - now()).total_seconds()))
        assert store.due() == []
    assert pauses == [1, 2, 4, 8, 16]
    assert failed().permanently_failed
    store.want_refresh(["web"])
    assert store.due() == []
    store.restart("web")
    assert store.due() == ["web"]


@pytest.mark.parametrize(
    ("policy", "failures", "pause"),
    [
        ({"enabled": True}, 1, 1.0),
        ({"enabled": True}, 60, 30.0),
        ({"enabled": True, "max_attempts": 2}, 2, 2.0),
        ({"enabled": True, "max_attempts": 2}, 3, None),
        ({"enabled": True, "backoff_multiplier": 1000.0}, 500, 30.0),
    ],
)
def test_it_follows_the_restart_policy(
    policy: dict[str, Any], failures: int, pause: float | None
) -> None:
    assert store.pause_after(failures, spec(restart_policy=policy)) == pause


@pytest.mark.django_db
def test_it_lets_one_worker_look_after_the_servers_until_its_lease_is_over() -> None:
    assert store.hold_lease("first")
    assert not store.hold_lease("second")
    assert store.hold_lease("first")
    DiscoveryLease.objects.update(until=now() - timedelta(seconds=1))
    assert store.hold_lease("second")
    assert not store.hold_lease("first")


# --- secrets --------------------------------------------------------------------------------------
def test_it_marks_connections_without_telling_their_secrets() -> None:
    first, second = spec(headers={"A": "one1"}), spec(headers={"A": "two2"})
    assert address_of(first) == address_of(second)
    assert fingerprint_of(first) != fingerprint_of(second)


def test_it_takes_secrets_out_of_messages() -> None:
    known = spec(headers={"Authorization": "Bearer abcdef"}, config={"apiKey": "ghijkl"})
    assert redacted("401 abcdef ghijkl Bearer abcdef", known).count("[redacted]") == 3


# --- results --------------------------------------------------------------------------------------
def result_of(**wire: Any) -> Any:
    return results.tool_result(wire, server_id="web", tool_name="t")


def test_it_joins_texts_by_line_breaks() -> None:
    blocks = [{"type": "text", "text": each} for each in ("a", "b")]
    assert result_of(content=blocks).text_for_model() == "a\nb"


def test_it_reads_structured_content_once_where_the_text_says_the_same() -> None:
    found = result_of(content=[{"type": "text", "text": '{"a": 1}'}], structuredContent={"a": 1})
    assert (found.text_for_model(), found.data) == ('{"a": 1}', {"a": 1})


def test_it_says_something_for_an_error_without_words() -> None:
    with pytest.raises(ToolError, match="did not say why"):
        result_of(content=[], isError=True)


def test_it_turns_files_into_documents() -> None:
    resource = {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": "JVBERg=="}
    found = result_of(content=[{"type": "resource", "resource": resource}])
    assert found.content_blocks[0]["type"] == "document"
    assert "JVBERg" not in found.text_for_model()


def test_it_makes_progress_visible_at_most_ten_times_a_second() -> None:
    shown: list[Any] = []

    class Context:
        def progress(self, **report: Any) -> None:
            shown.append(report["loaded"])

    async def work() -> None:
        call = Call(Context())  # type: ignore[arg-type]
        for number in range(100):
            await call.progress(float(number), None, None)

    asyncio.run(work())
    assert shown == [0.0]


# --- the process of a stdio server ----------------------------------------------------------------
def test_it_takes_the_servers_process_along_when_the_worker_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, {child.__file__!r}, str(os.getpid()),"
        " 'sleep', '600'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    until(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not is_alive(pid))


# --- routes ---------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_it_tells_the_state_of_a_server(api: JsonClient) -> None:
    put_server(document())
    assert api.get("/v1/mcp-servers/web/status").json()["state"] == "pending"
    asked("web", "get-sum")
    found = api.get("/v1/mcp-servers/web/status").json()
    assert found["connected"] is True
    assert found["tools"] == [{"name": "get-sum", "description": "Adds."}]
    assert (found["session_generation"], found["transport_reconnect_count"]) == (1, 0)
    assert found["last_success_at"] > 1_700_000_000_000


@pytest.mark.django_db(transaction=True)
def test_it_lists_the_inventory_of_a_server(api: JsonClient) -> None:
    put_server(document())
    asked("web", "get-sum")
    found = api.get("/v1/mcp-servers/web/inventory").json()
    assert found["tools"][0]["id"] == "mcp__web__get_sum"
    assert found["tools"][0]["inputSchema"] == {"type": "object"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("verb", "name"), [("get", "status"), ("get", "inventory"), ("post", "restart")]
)
def test_it_knows_no_other_server(api: JsonClient, verb: str, name: str) -> None:
    answer = api.send(verb, f"/v1/mcp-servers/no/{name}", None, {})
    assert (answer.status_code, answer.json()["error"]) == (404, "mcp server not found: no")


@pytest.mark.django_db
def test_it_needs_the_scope_config() -> None:
    assert keyed("read", "run").get("/v1/mcp-servers/web/status").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_it_shows_tools_of_servers_among_the_capabilities(api: JsonClient) -> None:
    put_server(document())
    asked("web", "get-sum")
    put_chain()
    found = api.get("/v1/capabilities").json()["tools"]
    shown = next(tool for tool in found if tool["id"] == "mcp__web__get_sum")
    assert shown["name"] == "get-sum"
    assert shown["source"] == {"kind": "mcp", "id": "web"}
