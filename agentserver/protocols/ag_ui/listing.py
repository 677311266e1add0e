"""Stored messages as AG-UI messages: ids, order, roles and texts are those a live client holds."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from agentserver.protocols.ag_ui.frames import (
    Frame,
    History,
    Stored,
    arguments_text,
    reasoning_id,
)
from agentserver.protocols.ag_ui.parts import TEXTUAL, content_of, text_of
from runs.mailbox.ledger import PLACEHOLDER
from runs.selectors import answer_times
from threads.models import Message, Thread

CLIENT_ROLE = "client_role"
NAME = "name"
_WRITTEN_BY_RUNS = (Message.Role.ASSISTANT, Message.Role.TOOL)


def messages_of(rows: Sequence[Message], *, newest_first: bool = False) -> list[Frame]:
    """The messages on the wire. A step with reasoning makes several, a waiting call makes none."""
    frames: list[Frame] = []
    for row in _in_order_of_answers(rows, newest_first=newest_first):
        made = frames_of(row)
        frames += reversed(made) if newest_first else made
    return frames


def history_of(thread_id: str, run_id: str) -> History:
    """Everything a client may see of a thread, and the thread's state; empty when it is gone."""
    thread = Thread.objects.filter(pk=thread_id).first()
    if thread is None:
        return History()
    rows = list(thread.messages.external().order_by("seq"))
    messages = [
        Stored(frame, row.message_id, _is_written_by(row, run_id))
        for row in _in_order_of_answers(rows)
        for frame in frames_of(row)
    ]
    return History(messages, thread.state or {})


def frames_of(row: Message) -> list[Frame]:
    if row.role == Message.Role.ASSISTANT:
        return _assistant(row)
    if row.role == Message.Role.TOOL:
        return _tool(row)
    frame: Frame = {
        "id": row.message_id,
        "role": row.metadata.get(CLIENT_ROLE) or row.role,
        "content": content_of(row.content) if row.role == "user" else text_of(row.content),
    }
    name = row.metadata.get(NAME)
    return [{**frame, "name": name} if name else frame]


def _assistant(row: Message) -> list[Frame]:
    """Reasoning stands where a client saw it: before the message, or after if text came first."""
    before: list[Frame] = []
    after: list[Frame] = []
    thoughts, has_text = 0, False
    for block in row.content:
        has_text = has_text or block["type"] in TEXTUAL
        if block["type"] == "thinking":
            frame = _reasoning(row, thoughts, block)
            thoughts += 1
            (after if has_text else before).append(frame)
    if not has_text and not row.tool_calls:
        return before
    return [*before, _answer(row, has_text=has_text), *after]


def _reasoning(row: Message, number: int, block: Frame) -> Frame:
    return {
        "id": reasoning_id(row.message_id, number),
        "role": "reasoning",
        "content": block["thinking"],
    }


def _answer(row: Message, *, has_text: bool) -> Frame:
    frame: Frame = {"id": row.message_id, "role": "assistant"}
    if has_text:
        frame["content"] = text_of(row.content)
    if row.tool_calls:
        frame["toolCalls"] = [_call(call) for call in row.tool_calls]
    name = row.metadata.get(NAME)
    return {**frame, "name": name} if name else frame


def _call(call: dict[str, Any]) -> Frame:
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments_text(call["arguments"])},
    }


def _tool(row: Message) -> list[Frame]:
    if row.metadata.get(PLACEHOLDER):
        return []
    return [
        {
            "id": row.message_id,
            "role": "tool",
            "toolCallId": row.tool_call_id,
            "content": text_of(row.content),
        }
    ]


def _is_written_by(row: Message, run_id: str) -> bool:
    return row.run_id == run_id and row.role in _WRITTEN_BY_RUNS and row.step_index is not None


def _in_order_of_answers(
    rows: Sequence[Message], *, newest_first: bool = False
) -> Iterable[Message]:
    """Results of parallel calls in the order in which they came; rows have the calls' order."""
    groups = [(is_tool, list(group)) for is_tool, group in groupby(rows, _is_tool)]
    parallel = [group for is_tool, group in groups if is_tool and len(group) > 1]
    if not parallel:
        return rows
    members = [row for group in parallel for row in group]
    times = answer_times(
        run_ids=[row.run_id for row in members], call_ids=[row.tool_call_id for row in members]
    )
    for group in parallel:
        group.sort(
            key=lambda row: times.get(row.tool_call_id, row.created_at), reverse=newest_first
        )
    return [row for _, group in groups for row in group]


def _is_tool(row: Message) -> bool:
    return row.role == Message.Role.TOOL
