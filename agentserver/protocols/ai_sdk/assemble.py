"""Chunks folded into the UI message that a client which read them holds."""

from collections.abc import Callable, Iterable
from typing import Any

from agentserver.protocols.ai_sdk.chunks import Chunk, merged
from agentserver.protocols.ai_sdk.decode import DENIED
from agentserver.protocols.ai_sdk.encoder import MessageEncoder
from runs.events.fold import surviving
from runs.events.types import Record, ToolCallDecided

Part = dict[str, Any]
Message = dict[str, Any]

_ANSWERED = {"output-available", "output-error"}


def message_of(run_id: str, records: Iterable[Record]) -> Message | None:
    """The assistant message of a run that rests, or None when it never said anything."""
    encoder, assembly = MessageEncoder(run_id), Assembly()
    decided: dict[str, ToolCallDecided] = {}
    for record in surviving(records):
        if isinstance(record.event, ToolCallDecided):
            decided[record.event.call_id] = record.event
        assembly.add(encoder.encode(record))
    assembly.add(encoder.end())
    message = assembly.message
    for part in message["parts"]:
        _add_decision(part, decided.get(part.get("toolCallId", "")))
    return message if _says_something(message["parts"]) else None


def _says_something(parts: Iterable[Part]) -> bool:
    return any(part["type"] != "step-start" for part in parts)


def _add_decision(part: Part, decided: ToolCallDecided | None) -> None:
    """What the wire cannot say and a client knows that took the decision itself."""
    approval = part.get("approval")
    if approval is None:
        return
    if part["state"] == "output-denied":
        part["approval"] = {"id": approval["id"], "approved": False} | _reason(decided)
    elif part["state"] in _ANSWERED:
        if decided is not None and decided.action == "resume":
            part["approval"] = {"id": approval["id"], "approved": True} | _reason(decided)
        else:
            del part["approval"]


def _reason(decided: ToolCallDecided | None) -> Part:
    """What the person said, as they said it."""
    said = decided.payload if decided is not None else None
    if not isinstance(said, str):
        return {}
    reason = said.removeprefix(f"{DENIED}: ").removeprefix(f"{DENIED}.")
    return {"reason": reason} if reason else {}


class Assembly:
    """`message` grows with each chunk; a chunk that does not fit is a `KeyError`."""

    def __init__(self) -> None:
        self.message: Message = {"id": "", "role": "assistant", "parts": []}
        self._open: dict[str, Part] = {}

    @property
    def parts(self) -> list[Part]:
        parts: list[Part] = self.message["parts"]
        return parts

    def add(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._add(chunk)

    def _add(self, chunk: Chunk) -> None:
        kind = chunk["type"]
        if "messageMetadata" in chunk:
            about = merged(self.message.get("metadata"), chunk["messageMetadata"])
            self.message["metadata"] = about
        if kind.startswith("data-"):
            self._data(chunk)
        else:
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, chunk)

    def start(self, chunk: Chunk) -> None:
        self.message["id"] = chunk["messageId"]

    def start_step(self, chunk: Chunk) -> None:
        self.parts.append({"type": "step-start"})

    def finish_step(self, chunk: Chunk) -> None:
        self._open.clear()

    def block_start(self, chunk: Chunk) -> None:
        kind = chunk["type"].removesuffix("-start")
        part: Part = {"type": kind, "text": "", "state": "streaming"}
        if kind == "reasoning":
            part["id"] = chunk["id"]
        self._open[chunk["id"]] = part
        self.parts.append(part)

    def block_delta(self, chunk: Chunk) -> None:
        self._open[chunk["id"]]["text"] += chunk["delta"]

    def block_end(self, chunk: Chunk) -> None:
        self._open.pop(chunk["id"])["state"] = "done"

    def as_it_is(self, chunk: Chunk) -> None:
        self.parts.append(dict(chunk))

    def _data(self, chunk: Chunk) -> None:
        if chunk.get("transient"):
            return
        known = self._find("id", chunk.get("id"), chunk["type"])
        if known is not None:
            known["data"] = chunk["data"]
        else:
            self.parts.append(dict(chunk))

    def _find(self, member: str, value: Any, kind: str = "") -> Part | None:
        if value is None:
            return None
        same = (part for part in self.parts if part.get(member) == value)
        return next((part for part in same if kind in {"", part["type"]}), None)

    # --- tool calls ----------------------------------------------------------------------------

    def input_start(self, chunk: Chunk) -> None:
        self._call(chunk, state="input-streaming")

    def input_available(self, chunk: Chunk) -> None:
        self._call(chunk, state="input-available", input=chunk["input"])

    def input_error(self, chunk: Chunk) -> None:
        text = chunk["errorText"]
        self._call(chunk, state="output-error", rawInput=chunk["input"], errorText=text)

    def approval_request(self, chunk: Chunk) -> None:
        approval = {"id": chunk["approvalId"]}
        self._known(chunk).update(state="approval-requested", approval=approval)

    def output_available(self, chunk: Chunk) -> None:
        self._settle(chunk, state="output-available", output=chunk["output"])

    def output_error(self, chunk: Chunk) -> None:
        self._settle(chunk, state="output-error", errorText=chunk["errorText"])

    def output_denied(self, chunk: Chunk) -> None:
        self._known(chunk)["state"] = "output-denied"

    def _settle(self, chunk: Chunk, **members: Any) -> None:
        part = self._known(chunk)
        for stale in ("output", "errorText"):
            part.pop(stale, None)
        part.update(members)

    def _known(self, chunk: Chunk) -> Part:
        part = self._find("toolCallId", chunk["toolCallId"])
        if part is None:
            raise KeyError(chunk["toolCallId"])
        return part

    def _call(self, chunk: Chunk, **members: Any) -> None:
        part = self._find("toolCallId", chunk["toolCallId"])
        if part is None:
            part = {"type": f"tool-{chunk['toolName']}", "toolCallId": chunk["toolCallId"]}
            self.parts.append(part)
        part.update(members)


_HANDLERS: dict[str, Callable[[Assembly, Chunk], None]] = {
    "start": Assembly.start,
    "start-step": Assembly.start_step,
    "finish-step": Assembly.finish_step,
    "text-start": Assembly.block_start,
    "text-delta": Assembly.block_delta,
    "text-end": Assembly.block_end,
    "reasoning-start": Assembly.block_start,
    "reasoning-delta": Assembly.block_delta,
    "reasoning-end": Assembly.block_end,
    "file": Assembly.as_it_is,
    "source-url": Assembly.as_it_is,
    "source-document": Assembly.as_it_is,
    "tool-input-start": Assembly.input_start,
    "tool-input-available": Assembly.input_available,
    "tool-input-error": Assembly.input_error,
    "tool-approval-request": Assembly.approval_request,
    "tool-output-available": Assembly.output_available,
    "tool-output-error": Assembly.output_error,
    "tool-output-denied": Assembly.output_denied,
}
