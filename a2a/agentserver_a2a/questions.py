"""What agents say in the status of a task: their last words, progress, and what they wait for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """An open ticket (`Suspension` as JSON) and the tool call that it belongs to."""

    call_id: str
    tool: str
    ticket: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.ticket["kind"])


def agent_message(*, message_id: str, context_id: str, task_id: str, parts: Sequence[Json]) -> Json:
    return {
        "messageId": message_id,
        "contextId": context_id,
        "taskId": task_id,
        "role": "ROLE_AGENT",
        "parts": list(parts),
    }


def question_parts(questions: Iterable[Question]) -> list[Json]:
    """For each a text for people, and the data an answer refers to (`answers.py`)."""
    return [part for question in questions for part in (_text(question), _data(question))]


def _text(question: Question) -> Json:
    asked = question.ticket.get("message")
    return {"text": asked or f"The tool '{question.tool}' waits for its result."}


def _data(question: Question) -> Json:
    data = {
        "toolCallId": question.call_id,
        "toolName": question.tool,
        "input": question.ticket.get("parameters"),
        "kind": question.kind,
    }
    schema = question.ticket.get("response_schema")
    return {"data": data | ({"responseSchema": schema} if schema else {})}
