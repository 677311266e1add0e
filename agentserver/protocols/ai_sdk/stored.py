"""Stored messages as UI messages, where there is no log to make them from."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from agentserver.protocols.ai_sdk.decode import CLIENT_METADATA
from agentserver.protocols.ai_sdk.files import file_part
from runs.mailbox.ledger import FAILED, PLACEHOLDER
from threads.content import text_of
from threads.models import Message

Part = dict[str, Any]
UIMessage = dict[str, Any]


def own_message(row: Message) -> UIMessage | None:
    """A message that was sent in: a user's, a system's, or one of an assistant before us."""
    parts = [*_parts(row.content, streamed=row.role == "assistant"), *_calls(row, {})]
    if not parts:
        return None
    message: UIMessage = {"id": row.message_id, "role": row.role, "parts": parts}
    about = row.metadata.get(CLIENT_METADATA)
    return message if about is None else {**message, "metadata": about}


def spoken_message(run_id: str, rows: Sequence[Message]) -> UIMessage | None:
    """All that a run stored, one step after the other."""
    results = {row.tool_call_id: row for row in rows if row.role == "tool"}
    parts: list[Part] = []
    for row in rows:
        if row.role == "assistant":
            parts.append({"type": "step-start"})
            parts += _parts(row.content, streamed=True)
            parts += _calls(row, results)
    said = any(part["type"] != "step-start" for part in parts)
    return {"id": run_id, "role": "assistant", "parts": parts} if said else None


def _parts(blocks: Iterable[dict[str, Any]], *, streamed: bool) -> Iterator[Part]:
    done = {"state": "done"} if streamed else {}
    for block in blocks:
        if block["type"] == "text":
            yield {"type": "text", "text": block["text"], **done}
        elif block["type"] == "thinking":
            yield {"type": "reasoning", "text": block["thinking"], **done}
        elif block["type"] == "data":
            yield {"type": "data-json", "data": block["data"]}
        elif "source" in block:
            yield file_part(block)


def _calls(row: Message, results: dict[str, Message]) -> Iterator[Part]:
    for call in row.tool_calls:
        part = {
            "type": f"tool-{call['name']}",
            "toolCallId": call["id"],
            "state": "input-available",
            "input": call["arguments"],
        }
        yield part | _outcome(results.get(call["id"]))


def _outcome(result: Message | None) -> Part:
    if result is None or result.metadata.get(PLACEHOLDER):
        return {}
    text = text_of(result.content)
    if result.metadata.get(FAILED):
        return {"state": "output-error", "errorText": text}
    return {"state": "output-available", "output": text}
