"""Tools of MCP servers in runs: offered soon, called, answered for, withdrawn."""

import json
import os
import signal
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver_mcp.client import pool
from runs import services
from runs.events.types import ToolCallProgress
from runs.models import ToolCall
from tests.faces.mcp_client_lab import (
    Servers,
    connected,
    in_state,
    is_alive,
    offered,
    pid_in,
    state_of,
    until,
)

SECRET = "sesame-4711"


def test_it_offers_the_tools_of_a_server_soon_after_it_was_configured(servers: Servers) -> None:
    servers.put()
    row = connected()
    assert (row.tool_count, row.session_generation, row.protocol_version) == (10, 1, "2025-11-25")
    assert "mcp__plain__echo" in offered()


def test_it_calls_a_tool_and_gives_its_text_to_the_model(servers: Servers) -> None:
    servers.ready()
    call = servers.call("mcp__plain__echo", message="hello")
    assert call.status == ToolCall.Status.SUCCEEDED
    assert call.result["message"] == "echo: hello"
    assert call.result["metadata"]["mcp.tool"] == "echo"


def test_it_keeps_structured_content(servers: Servers) -> None:
    servers.ready()
    call = servers.call("mcp__plain__weather", city="Bonn")
    assert call.result["data"] == {
        "content": [{"type": "text", "text": "warm"}],
        "structuredContent": {"city": "Bonn", "degrees": 21.5},
    }


def test_it_hands_images_on_as_content_blocks(servers: Servers) -> None:
    servers.ready()
    result = servers.call("mcp__plain__picture").result
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert result["content"] == [{"type": "image", "source": source}]
    assert result["data"]["content"][2]["uri"] == "note://one"


def test_it_tells_the_model_of_a_failing_tool_and_goes_on(servers: Servers) -> None:
    servers.ready(env={"API_KEY": SECRET})
    call = servers.call("mcp__plain__broken")
    assert call.status == ToolCall.Status.FAILED
    assert call.result["error"] == "the kettle is broken [redacted]"


def test_it_says_who_calls(servers: Servers) -> None:
    servers.ready()
    call = servers.call("mcp__plain__meta")
    found = json.loads(call.result["message"])["agentserver/attribution"]
    run = call.run
    assert found == {
        **{"agentId": "a", "threadId": run.thread_id},
        **{"runId": run.pk, "callId": call.call_id},
    }


def test_it_passes_progress_on(servers: Servers) -> None:
    servers.ready()
    call = servers.call("mcp__plain__slow", seconds=0.01)
    events = servers.lab.events(call.run)
    shown = [each for each in events if isinstance(each, ToolCallProgress) and each.message]
    assert [(each.progress, each.message) for each in shown] == [(0.25, "warming up")]


def test_it_gives_a_child_only_the_environment_of_its_document(
    servers: Servers, monkeypatch: Any
) -> None:
    monkeypatch.setenv("OF_THE_WORKER", "1")
    servers.ready(env={"API_KEY": SECRET})
    names = set(servers.call("mcp__plain__environment").result["message"].split())
    assert "API_KEY" in names
    assert names <= {
        *("API_KEY", "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
        # The interpreter's own doing.
        "LC_CTYPE",
    }


def test_it_forwards_the_settings_of_the_document(servers: Servers) -> None:
    servers.ready(config={"depth": 3})
    assert json.loads((servers.folder / "initialize").read_text())["config"] == {"depth": 3}


def test_it_makes_time_outs_errors_of_the_tool(servers: Servers) -> None:
    servers.ready(timeout_secs=1)
    call = servers.call("mcp__plain__slow", seconds=10)
    assert call.result["error"] == "the MCP server 'plain' did not answer within 1 s"
    until((servers.folder / "cancelled").exists)


def test_it_cancels_the_request_with_its_run(servers: Servers) -> None:
    servers.ready()
    run = servers.start("mcp__plain__slow", seconds=30)
    pid_in(servers.folder, "slow")
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    assert servers.lab.end(run).termination_code == "cancelled"
    until((servers.folder / "cancelled").exists)


def test_it_tells_the_model_when_the_server_dies_in_mid_call_and_starts_another(
    servers: Servers,
) -> None:
    servers.ready()
    run = servers.start("mcp__plain__slow", seconds=30)
    os.kill(pid_in(servers.folder, "slow"), signal.SIGKILL)
    call = servers.end(run)
    assert "was lost" in call.result["error"]
    assert "may have taken effect" in call.result["error"]
    assert servers.call("mcp__plain__echo", message="again").result["message"] == "echo: again"


def test_it_withdraws_the_tools_of_a_deleted_server_and_ends_its_process(servers: Servers) -> None:
    servers.ready()
    pid = pid_in(servers.folder)
    servers.delete()
    assert offered() == []
    until(lambda: not is_alive(pid))


def test_it_ends_the_servers_process_with_the_worker(servers: Servers) -> None:
    servers.ready()
    pid = pid_in(servers.folder)
    servers.lab.stop()
    until(lambda: not is_alive(pid))


def test_it_serves_ten_runs_at_once_over_one_process(servers: Servers) -> None:
    servers.ready()
    pid = pid_in(servers.folder)
    runs = [
        servers.start("mcp__plain__slow", agent_id=f"a{number}", seconds=0.3)
        for number in range(10)
    ]
    results = [servers.end(run).result["message"] for run in runs]
    assert results == ["done"] * 10
    assert pid_in(servers.folder, "slow") == pid


def test_it_offers_what_the_policy_allows(servers: Servers) -> None:
    servers.ready(tools={"allow": ["e*", "weather", "broken"], "deny": ["env*", "broken"]})
    assert offered() == ["mcp__plain__echo", "mcp__plain__weather"]


def test_it_waits_for_leave_where_the_policy_says_so(servers: Servers) -> None:
    servers.ready(tools={"require_approval": ["ec*"]})
    waiting = servers.lab.rest(servers.start("mcp__plain__echo", message="hi"))
    ticket = ToolCall.objects.get(run=waiting).ticket_id
    assert ticket is not None
    servers.lab.decide(waiting, ticket)
    assert servers.end(waiting).result["message"] == "echo: hi"


def test_it_asks_a_person_what_the_server_wants_to_know(servers: Servers) -> None:
    servers.ready()
    waiting = servers.lab.rest(servers.start("mcp__plain__order"))
    call = ToolCall.objects.get(run=waiting)
    assert call.suspension["message"] == "Which size?"
    assert call.suspension["response_schema"]["required"] == ["size"]
    servers.lab.decide(waiting, str(call.ticket_id), payload={"size": 42})
    answer = json.loads(servers.end(waiting).result["message"])
    assert answer == {"action": "accept", "content": {"size": 42}}


def test_it_passes_a_refusal_to_answer_on(servers: Servers) -> None:
    servers.ready()
    waiting = servers.lab.rest(servers.start("mcp__plain__order"))
    ticket = str(ToolCall.objects.get(run=waiting).ticket_id)
    servers.lab.decide(waiting, ticket, "cancel")
    assert servers.end(waiting).status == ToolCall.Status.CANCELLED


def test_it_lets_calls_wait_for_one_another_once_it_was_unclear_which_one_asks(
    servers: Servers,
) -> None:
    servers.ready()
    busy = servers.start("mcp__plain__slow", agent_id="busy", seconds=1.5)
    pid_in(servers.folder, "slow")
    assert servers.call("mcp__plain__order").result["message"] == "null"
    servers.end(busy)
    asking = [servers.start("mcp__plain__order", agent_id=f"a{number}") for number in range(2)]
    kinds = [ToolCall.objects.get(run=servers.lab.rest(run)).suspension["kind"] for run in asking]
    assert kinds == ["question", "question"]


def test_it_asks_anew_for_the_tools_of_a_server_that_does_not_know_one(servers: Servers) -> None:
    gone = servers.folder / "tools"
    gone.write_text("late_tool")
    servers.ready()
    gone.unlink()
    assert "Unknown tool" in servers.call("mcp__plain__late_tool").result["error"]
    until(lambda: "mcp__plain__late_tool" not in offered())


def test_it_offers_a_tool_that_a_server_adds_while_it_is_connected(servers: Servers) -> None:
    servers.ready()
    servers.call("mcp__plain__grow")
    until(lambda: "mcp__plain__late_tool" in offered())


def test_it_starts_a_server_anew_that_ended_while_nobody_called(servers: Servers) -> None:
    servers.ready()
    first = pid_in(servers.folder)
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_in(servers.folder) != first)
    until(lambda: connected().reconnects == 1)


def test_it_says_why_a_server_cannot_be_started_without_its_secrets(servers: Servers) -> None:
    program = "import os, sys; sys.exit('bad key ' + os.environ['API_KEY'])"
    servers.put(args=["-c", program], env={"API_KEY": SECRET})
    row = in_state("failed")
    assert row.last_error.endswith("bad key [redacted]")
    assert row.reconnecting


def test_it_ends_a_process_that_nobody_uses_and_keeps_its_tools(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.ready()
    unused = pid_in(servers.folder)
    monkeypatch.setitem(pool.IDLE_SECONDS, "stdio", 0.1)
    until(lambda: not is_alive(unused))
    monkeypatch.setitem(pool.IDLE_SECONDS, "stdio", 300.0)
    assert state_of().state == "connected"
    assert servers.call("mcp__plain__echo", message="!").result["message"] == "echo: !"
    assert pid_in(servers.folder) != unused


def test_it_harms_no_other_server_or_run_with_a_dead_one(servers: Servers) -> None:
    servers.put(id="dead", command="/no/such/command")
    servers.ready()
    assert in_state("failed", "dead").last_error.endswith("command not found")
    assert servers.call("mcp__plain__echo", message="hi").result["message"] == "echo: hi"


def test_it_connects_again_after_a_restart_by_hand(servers: Servers, api: Any) -> None:
    servers.ready()
    first = pid_in(servers.folder)
    assert api.post("/v1/mcp-servers/plain/restart").status_code == 202
    until(lambda: pid_in(servers.folder) != first)
    until(lambda: not is_alive(first))
    until(lambda: connected().session_generation == 2)
