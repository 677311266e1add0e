"""Reading native streams, and the scripts that most tests of runs use."""

from typing import Any

import orjson

from tests.api.conftest import JsonClient

Payload = dict[str, Any]

ECHO: list[dict[str, Any]] = [{"reply": [{"text": "{{last_user}}", "chunks": 3}]}]


def calling(tool: str, *ids: str, arguments: Payload | None = None) -> list[dict[str, Any]]:
    """A script that calls a tool once per id and then reports what the last one answered."""
    calls = [
        {"tool_call": {"name": tool, "id": each, "arguments": arguments or {}}}
        for each in ids or ("c1",)
    ]
    return [
        {"when": {"has_tool_result": True}, "reply": [{"text": "It said {{tool_result}}."}]},
        {"reply": calls},
    ]


def said(text: str = "hello world", **members: Any) -> list[Payload]:
    return [{"role": "user", "content": text, **members}]


def events(stream: bytes) -> list[Payload]:
    """The native events of a stream; heartbeats and ids are left out."""
    lines = stream.split(b"\n")
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


def ids(stream: bytes) -> list[str]:
    return [line[4:].decode() for line in stream.split(b"\n") if line.startswith(b"id: ")]


def kinds(payloads: list[Payload]) -> list[str]:
    return [payload["event_type"] for payload in payloads]


def run_to_end(api: JsonClient, agent: str, text: str = "hello world", **body: Any) -> Any:
    """The answer of a run that was streamed to its end (or to its suspension)."""
    answer = api.post(
        "/v1/runs?close_on_suspend=true", {"agentId": agent, "messages": said(text), **body}
    )
    assert answer.status_code == 200, answer.content
    answer.body = answer.getvalue()
    return answer


def submit(
    api: JsonClient, thread_id: str, agent: str, text: str = "hello", **body: Any
) -> Payload:
    """A background submission to an existing thread."""
    answer = api.post(
        f"/v1/threads/{thread_id}/messages",
        {"agentId": agent, "messages": said(text), **body},
    )
    assert answer.status_code == 202, answer.content
    found: Payload = answer.json()
    return found


def new_thread(api: JsonClient) -> str:
    thread_id: str = api.post("/v1/threads", {}).json()["id"]
    return thread_id


def timeless(state: dict[str, Any]) -> dict[str, Any]:
    """Without the moments, which differ between storing and showing."""
    extensions = state["extensions"]
    extensions["__runtime.run_lifecycle"].pop("updated_at")
    for call in extensions["__runtime.tool_call_states"]["calls"].values():
        call.pop("updated_at")
    return state
