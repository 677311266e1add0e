"""Chats of the real AI SDK, each release in a node process of its own."""

import json
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.environment import LEG
from tests.faces.ai_sdk_wire import check_shape
from tests.live.server import LiveServer

CLIENTS = Path(__file__).parent.parent
PACKAGES = {"6.0.180": "ai-6-0-180", "6.0.326": "ai-6-0-326", "7.0.173": "ai"}
# The database makes no difference to a client: one leg has all releases, the other the strictest.
VERSIONS = list(PACKAGES) if LEG == "sqlite" else list(PACKAGES)[:1]
SECONDS = 60
Json = dict[str, Any]

SCRIPTS: dict[str, list[Json]] = {
    "thinks": [
        {"reply": [{"reasoning": "Let me see.", "chunks": 2}, {"text": "Yes.", "chunks": 2}]}
    ],
    "draws": [{"reply": [{"file": {"media_type": "image/png", "data": "AAAA"}}, {"text": "Look"}]}],
    "adds": [
        {"when": {"turn": 1}, "reply": [{"text": "{{tool_result}} it is", "chunks": 3}]},
        {
            "reply": [
                {"text": "I add."},
                {"tool_call": {"name": "demo_add", "arguments": {"a": 2, "b": 3}}},
                {"tool_call": {"name": "demo_add", "arguments": {"a": 20, "b": 30}}},
            ]
        },
    ],
    "adds-for-ever": [
        {"reply": [{"tool_call": {"name": "demo_add", "arguments": {"a": 1, "b": 1}}}]}
    ],
    "fails-late": [{"reply": [{"text": "Well, "}, {"error": {"status": 401, "message": "no"}}]}],
    "slow": [
        {"reply": [{"text": "A long answer in small pieces. " * 3, "chunks": 45, "delay_ms": 40}]}
    ],
    "counts": [{"reply": [{"text": "{{message_count}} messages, last: {{last_user}}"}]}],
}


@dataclass
class Played:
    """One entry per step. `valid` is true when the client accepts the listing as its own."""

    steps: list[Json]
    valid: Any

    @property
    def last(self) -> Json:
        return self.steps[-1]


@dataclass
class Client:
    """One release. ``play`` takes the steps that `drive.mjs` describes."""

    version: str
    base: str
    headers: Json = field(default_factory=dict)

    def play(self, agent: str, *steps: Json, chat: str = "", **options: Any) -> Played:
        body = {"agentId": agent, **options.pop("body", {})}
        task = {
            "package": PACKAGES[self.version],
            "base": self.base,
            "chatId": chat or new_chat(),
            "body": body,
            "headers": self.headers,
            "steps": steps,
            **options,
        }
        return played(task)


def new_chat() -> str:
    return f"chat-{uuid4()}"


def played(task: Json) -> Played:
    """Runs the driver and checks every chunk it received against the strictest release."""
    if shutil.which("node") is None:
        pytest.fail("node was not found: it is needed for tests with the real AI SDK")
    done = subprocess.run(
        ["node", "ai_sdk/drive.mjs"],
        cwd=CLIENTS,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    for step in output["results"]:
        for chunk in step.get("chunks", []):
            if chunk != "[DONE]":
                check_shape(chunk)
    return Played(output["results"], output["valid"])


def kinds(step: Json) -> list[str]:
    return [chunk if chunk == "[DONE]" else chunk["type"] for chunk in step["chunks"]]


def texts(message: Json) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def lists_what_it_holds(step: Json) -> bool:
    """Whether the listing is what the client has, apart from members that only newer ones keep."""
    return _comparable(step["listed"]) == _comparable(step["messages"])


def _comparable(messages: list[Json]) -> list[Json]:
    parts = [part for message in messages for part in message["parts"]]
    for part in parts:
        if part["type"] == "reasoning":
            part.pop("id", None)
    return messages


def said(step: Json) -> list[tuple[str, str]]:
    """(role, text) of what the client holds."""
    return [(message["role"], texts(message)) for message in step["messages"]]


def request(base: str, path: str, body: Any = None, *, method: str = "", key: str = "") -> Json:
    """JSON over plain HTTP; the answer of a failure too."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    headers |= {"authorization": f"Bearer {key}"} if key else {}
    verb = method or ("GET" if data is None else "POST")
    asked = urllib.request.Request(base + path, data=data, headers=headers, method=verb)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return dict(json.loads(answer.read() or b"{}"))


def publish(base: str) -> None:
    """Agents of these tests, beside the demo's."""
    options = {"scripts": SCRIPTS}
    provider = {"id": "ai-sdk-tests", "adapter": "scripted", "adapter_options": options}
    request(base, "/v1/config/providers", provider)
    for name in SCRIPTS:
        model = {"id": name, "provider_id": "ai-sdk-tests", "upstream_model": name}
        request(base, "/v1/config/models", model)
        agent = {"id": name, "model_id": name, "system_prompt": "", "max_rounds": 2}
        request(base, "/v1/config/agents", agent | {"allowed_tools": ["demo_add"]})


@pytest.fixture(scope="session")
def base(server: LiveServer) -> str:
    publish(server.url)
    return server.url


@pytest.fixture(params=VERSIONS)
def client(request: pytest.FixtureRequest, base: str) -> Client:
    return Client(request.param, base)
