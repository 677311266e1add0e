"""An operator sets a server up over HTTP alone, changes an agent, and takes the change back."""

import json
import urllib.request
from typing import Any

import pytest

from tests.live.databases import DatabaseTemplate
from tests.live.server import LiveServer, live_server

BARE = {"AGENTSERVER_DEMO": "0"}
KEY = "sk-planted-7f3a9c21e5"


def call(server: LiveServer, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server.url}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read().decode()
    assert KEY not in text
    is_json = "json" in answer.headers.get("content-type", "")
    return json.loads(text) if is_json and text else text


def answer_of(server: LiveServer, agent: str) -> dict[str, Any]:
    """Runs the agent to its end; the run record."""
    message = {"role": "user", "content": "who are you?"}
    stream = call(server, "POST", "/v1/runs", {"agentId": agent, "messages": [message]})
    first = next(line for line in stream.splitlines() if line.startswith("data:"))
    run_id = json.loads(first.removeprefix("data:"))["run_id"]
    run: dict[str, Any] = call(server, "GET", f"/v1/runs/{run_id}")
    return run


def echo_prompt(text: str) -> dict[str, Any]:
    return {"id": "guide", "model_id": "guide", "system_prompt": text}


@pytest.fixture(scope="module")
def story(database_template: DatabaseTemplate | None) -> dict[str, Any]:
    with live_server(database_template, workers=1, web_processes=1, env=BARE) as server:
        return told_by(server)


def told_by(server: LiveServer) -> dict[str, Any]:
    script = [{"reply": [{"text": "I am the guide."}]}]
    provider = {
        "id": "house",
        "adapter": "scripted",
        "api_key": KEY,
        "adapter_options": {"script": script},
    }
    model = {"id": "guide", "provider_id": "house", "upstream_model": "guide-1"}
    call(server, "POST", "/v1/config/providers", provider)
    call(server, "POST", "/v1/config/models", model)
    call(server, "POST", "/v1/config/agents", echo_prompt("You are the first guide."))
    told: dict[str, Any] = {"first": answer_of(server, "guide")}
    before = call(server, "GET", "/v1/config/agents/guide")
    call(server, "PUT", "/v1/config/agents/guide", echo_prompt("You are the second guide."))
    told["second"] = answer_of(server, "guide")
    revision = {"revision": before["revision"]}
    call(server, "POST", "/v1/config/agents/guide/restore", revision)
    told["restored"] = call(server, "GET", "/v1/config/agents/guide")
    told["third"] = answer_of(server, "guide")
    told["audit"] = call(server, "GET", "/v1/audit-log?namespace=agents&id=guide")
    told["again"] = call(server, "GET", f"/v1/runs/{told['first']['run_id']}")
    told["metrics"] = call(server, "GET", "/metrics")
    told["logs"] = server.logs()
    return told


def test_it_runs_an_agent_that_was_made_over_http(story: dict[str, Any]) -> None:
    assert story["first"]["status"] == "done"
    assert story["first"]["final_output"] == "I am the guide."


def test_it_pins_each_run_to_the_configuration_it_started_with(story: dict[str, Any]) -> None:
    versions = [story[name]["config_version"] for name in ("first", "second", "third")]
    assert versions == sorted(set(versions))
    assert story["again"]["config_version"] == versions[0]


def test_it_brings_an_old_revision_back(story: dict[str, Any]) -> None:
    assert story["restored"]["system_prompt"] == "You are the first guide."


def test_it_tells_the_story_in_the_audit_log(story: dict[str, Any]) -> None:
    actions = [entry["action"] for entry in story["audit"]["items"]]
    assert sorted(actions) == sorted(["create", "update", "restore"])


def test_it_writes_the_providers_key_into_no_log(story: dict[str, Any]) -> None:
    assert KEY not in story["logs"]
