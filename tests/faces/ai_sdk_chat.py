"""A chat client of the AI SDK in a few lines, against the application in this process."""

import json
import threading
from typing import Any
from uuid import uuid4

from agentserver.core import loops
from agentserver.protocols.ai_sdk.chunks import Chunk
from runs.events import log
from runs.events.types import ToolCallReady
from runs.models import Run
from tests.api.conftest import JsonClient
from tests.faces.ai_sdk_wire import check

Json = dict[str, Any]
PREFIX = "/v1/ai-sdk"


def user(text: str, message_id: str = "", **more: Any) -> Json:
    parts = [{"type": "text", "text": text}]
    return {"id": message_id or uuid4().hex, "role": "user", "parts": parts, **more}


def chunks_of(answer: Any, *, continues: bool = False) -> list[Chunk]:
    """The chunks of a whole stream, which passes the strictest client."""
    assert answer.status_code == 200, answer.content
    frames = answer.getvalue().decode().split("\n\n")
    data = [frame.removeprefix("data: ") for frame in frames if frame.startswith("data: ")]
    assert data.pop() == "[DONE]"
    chunks: list[Chunk] = [json.loads(each) for each in data]
    known = [c["toolCallId"] for c in chunks if "toolCallId" in c] if continues else []
    check(chunks, known_calls=known)
    return chunks


class Chat:
    """One thread. ``post`` sends a body of the transport, the others are short for it."""

    def __init__(self, api: JsonClient, agent: str, chat_id: str = "", **headers: str) -> None:
        self.api = api
        self.agent = agent
        self.id = chat_id or uuid4().hex
        self.headers = headers

    def post(self, *messages: Json, path: str = "/chat", **members: Any) -> Any:
        body = {"id": self.id, "agentId": self.agent, "messages": list(messages), **members}
        return self.api.post(PREFIX + path, body, **self.headers)

    def say(self, text: str, message_id: str = "") -> list[Chunk]:
        return chunks_of(self.post(user(text, message_id)))

    def page(self, **query: Any) -> Json:
        path = f"{PREFIX}/threads/{self.id}/messages"
        answer = self.api.client.get(path, query, headers=self.headers)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def messages(self, **query: Any) -> list[Json]:
        return list(self.page(**query)["messages"])

    def texts(self, **query: Any) -> list[tuple[str, str]]:
        return [(each["role"], text_of(each)) for each in self.messages(**query)]

    def resume(self) -> Any:
        return self.api.client.get(f"{PREFIX}/chat/{self.id}/stream", headers=self.headers)

    def stop(self, verb: str) -> Any:
        return self.api.post(f"{PREFIX}/threads/{self.id}/{verb}", **self.headers)


class HeldChat(Chat):
    """A chat whose agent waits in a tool until ``release``."""

    gate = threading.Event()

    def release(self) -> None:
        self.gate.set()

    def until_held(self, call_id: str = "") -> Run:
        """Returns when the newest run has called its tool."""
        run = Run.objects.filter(thread_id=self.id).latest("created_at")
        loops.run_sync(_called(run.pk, call_id), 20)
        return run


async def _called(run_id: str, call_id: str) -> None:
    async for record in log.follow(run_id):
        event = record and record.event
        if isinstance(event, ToolCallReady) and call_id in {"", event.call_id}:
            return


def text_of(message: Json) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def shown(chunks: list[Chunk]) -> str:
    return "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")
