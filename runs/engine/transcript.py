"""Model output on its way into the log: blocks open and close in order, ids are made here."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic_ai.messages import FilePart, ModelResponsePart, ThinkingPart, ToolCallPart

from agentserver.core.exact_json import loads
from agentserver.core.ids import new_id
from runs.events.types import (
    AnyEvent,
    FileProduced,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    TextDelta,
    TextEnded,
    TextStarted,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
)
from threads.content import file_block, text_block


def storable(text: str) -> str:
    """``text`` with U+FFFD in the place of each NUL, which no text column of Postgres holds."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


@dataclass
class Call:
    """A tool call as the model made it. `invalid` says why `arguments` could not be parsed."""

    id: str
    name: str
    text: str = ""
    arguments: Any = None
    invalid: str | None = None
    client_side: bool = False

    def parse(self) -> None:
        try:
            self.arguments = loads(self.text) if self.text.strip() else {}
        except ValueError:
            self.arguments, self.invalid = self.text, "the arguments are not valid JSON"


class Transcript:
    """Collects one message while emitting its events; parts go by their index in the stream.

    ``taken_ids`` are the ids of the conversation's earlier calls.
    """

    def __init__(
        self,
        emit: Callable[[AnyEvent], None],
        message_id: str,
        client_tools: frozenset[str],
        taken_ids: Iterable[str] = (),
    ) -> None:
        self._emit = emit
        self._message_id = message_id
        self._client_tools = client_tools
        self._taken = set(taken_ids)
        self._open: dict[int, dict[str, Any] | Call] = {}
        self._ids: dict[int, str] = {}
        self.content: list[dict[str, Any]] = []
        self.calls: list[Call] = []

    def aside(self, event: AnyEvent) -> None:
        """Shows what the model says beside its message; a file becomes a block of it."""
        if isinstance(event, FileProduced):
            self._file(event.media_type, data=event.data, url=event.url, name=event.name)
        else:
            self._emit(event)

    # --- text -------------------------------------------------------------------------------

    def start_text(self, index: int, text: str) -> None:
        block_id = self._start(index, text_block(""))
        self._emit(TextStarted(message_id=self._message_id, block_id=block_id))
        self.text(index, text)

    def text(self, index: int, delta: str) -> None:
        block = self._open.get(index)
        if delta and isinstance(block, dict):
            delta = storable(delta)
            block["text"] += delta
            self._emit(TextDelta(block_id=self._ids[index], delta=delta))

    # --- reasoning --------------------------------------------------------------------------

    def start_reasoning(self, index: int, text: str) -> None:
        block_id = self._start(index, {"type": "thinking", "thinking": ""})
        self._emit(ReasoningStarted(message_id=self._message_id, block_id=block_id))
        self.reasoning(index, text)

    def reasoning(self, index: int, delta: str) -> None:
        block = self._open.get(index)
        if delta and isinstance(block, dict):
            delta = storable(delta)
            block["thinking"] += delta
            self._emit(ReasoningDelta(block_id=self._ids[index], delta=delta))

    # --- calls ------------------------------------------------------------------------------

    def start_call(self, index: int, part: ToolCallPart) -> None:
        client_side = part.tool_name in self._client_tools
        call = Call(
            id=self._own_id(part.tool_call_id), name=part.tool_name, client_side=client_side
        )
        self._open[index] = call
        self.calls.append(call)
        self._emit(
            ToolCallStarted(
                call_id=call.id,
                name=call.name,
                message_id=self._message_id,
                client_side=client_side,
            )
        )
        self.arguments(index, part.args)

    def arguments(self, index: int, delta: str | dict[str, Any] | None) -> None:
        call = self._open.get(index)
        text = delta if isinstance(delta, str) else orjson.dumps(delta).decode() if delta else ""
        if text and isinstance(call, Call):
            call.text += text
            self._emit(ToolCallDelta(call_id=call.id, delta=text))

    def announce_calls(self) -> None:
        """The calls with their parsed arguments, in the model's order."""
        for call in self.calls:
            call.parse()
            self._emit(
                ToolCallReady(
                    call_id=call.id,
                    name=call.name,
                    arguments=call.arguments,
                    message_id=self._message_id,
                    client_side=call.client_side,
                    invalid=call.invalid,
                )
            )

    # --- files and ends ---------------------------------------------------------------------

    def file(self, part: FilePart) -> None:
        data = base64.b64encode(part.content.data).decode()
        self._file(part.content.media_type, data=data)

    def _file(self, media_type: str, **source: str | None) -> None:
        """``data`` (base64) or ``url``, and the file's ``name``."""
        self.content.append(file_block(media_type, **source))
        self._emit(
            FileProduced(
                message_id=self._message_id, block_id=new_id(), media_type=media_type, **source
            )
        )

    def end(self, index: int, part: ModelResponsePart | None = None) -> None:
        block = self._open.pop(index, None)
        if isinstance(block, dict) and block["type"] == "text":
            self._emit(TextEnded(block_id=self._ids[index]))
        elif isinstance(block, dict):
            proof = _proof(part)
            block |= proof
            self._emit(ReasoningEnded(block_id=self._ids[index], **proof))

    def close(self) -> None:
        """Ends whatever the stream left open; the next stream numbers its parts anew."""
        for index in list(self._open):
            self.end(index)
        self._ids.clear()

    def _own_id(self, given: str) -> str:
        """Some providers number the calls of every answer anew; here an id names one call."""
        call_id = given if given not in self._taken else f"{given}_{new_id()[-12:]}"
        self._taken.add(call_id)
        return call_id

    def _start(self, index: int, block: dict[str, Any]) -> str:
        self._open[index] = block
        self.content.append(block)
        self._ids[index] = new_id()
        return self._ids[index]


def _proof(part: ModelResponsePart | None) -> dict[str, Any]:
    """What the provider wants back with a reasoning block, if it gave anything."""
    if not isinstance(part, ThinkingPart) or not part.signature:
        return {}
    return {"signature": part.signature, "provider": part.provider_name}
