"""Speaking to the AG-UI routes through Django's test client."""

from typing import Any
from uuid import uuid4

from tests.api.conftest import JsonClient
from tests.faces.ag_ui_verify import Frame, frames_of, verify

Json = dict[str, Any]


class RunIds:
    """Run ids of one test: the live channel of the process remembers those of earlier ones."""

    def __init__(self) -> None:
        self._scope = uuid4().hex[:8]

    def __call__(self, name: str) -> str:
        return f"{name}-{self._scope}"


def user(message_id: str, text: str = "hello") -> Json:
    return {"id": message_id, "role": "user", "content": text}


def post_run(api: JsonClient, agent: str, *messages: Json, **body: Any) -> Any:
    """The raw answer of ``POST /v1/ag-ui/run`` as a client of protocol 1.0."""
    sent = {"protocolVersion": "1.0", "agentId": agent, "messages": list(messages), **body}
    return api.post("/v1/ag-ui/run", sent, Accept="text/event-stream")


def run(api: JsonClient, agent: str, *messages: Json, **body: Any) -> list[Frame]:
    """The events of a run, checked."""
    answer = post_run(api, agent, *messages, **body)
    assert answer.status_code == 200, answer.content
    frames = frames_of(answer.getvalue())
    verify(frames, modern=body.get("protocolVersion", "1.0") is not None)
    return frames


def text_of(frames: list[Frame]) -> str:
    return "".join(each["delta"] for each in frames if each["type"] == "TEXT_MESSAGE_CONTENT")


def messages(api: JsonClient, thread_id: str, **query: Any) -> list[Json]:
    answer = api.get(f"/v1/ag-ui/threads/{thread_id}/messages", **query)
    assert answer.status_code == 200, answer.content
    found: list[Json] = answer.json()["messages"]
    return found


def interrupts(frames: list[Frame]) -> list[str]:
    return [each["id"] for each in frames[-1]["outcome"]["interrupts"]]


def resolved(interrupt_id: str, **payload: Any) -> Json:
    return {"interruptId": interrupt_id, "status": "resolved", "payload": payload}
