"""A tool that asks: suspend at the first execution, return the answer at the next."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from runs.events.types import Suspension
from runs.tools import schema
from runs.tools.errors import SuspendCall, ToolError

Answer = dict[str, JsonValue]


@dataclass(frozen=True)
class Decision:
    """The answer to a ticket. Without a `ticket_id` it answers the tool's first question."""

    action: Literal["resume", "cancel"]
    payload: JsonValue = None
    ticket_id: str | None = None


class Questions:
    """The questions of one call, told apart by their order.

    A decision belongs to one ticket, so an approval of the call (``perm_<call id>``) is never taken
    for an answer. Earlier answers travel with each further suspension.
    """

    def __init__(self, call_id: str, decision: Decision | None, answers: Sequence[Answer]) -> None:
        self._call_id = call_id
        self._asked = 0
        self._answers = {str(each["ticket_id"]): each["payload"] for each in answers}
        self._declined: str | None = None
        if decision is not None:
            self._take(decision)

    def _take(self, decision: Decision) -> None:
        ticket_id = self._ticket(1) if decision.ticket_id is None else decision.ticket_id
        if decision.action == "cancel":
            self._declined = ticket_id
        elif ticket_id.startswith(self._ticket(1)):
            self._answers[ticket_id] = decision.payload

    def _ticket(self, number: int) -> str:
        return f"ask_{self._call_id}" + (f":{number}" if number > 1 else "")

    def next_ticket(self) -> str:
        self._asked += 1
        return self._ticket(self._asked)

    def is_answered(self, ticket_id: str) -> bool:
        if ticket_id == self._declined:
            raise ToolError("the question was declined")
        return ticket_id in self._answers

    def answer(self, ticket_id: str, response_schema: dict[str, JsonValue] | None) -> JsonValue:
        """The payload for a ticket; `ToolError` when it does not fit `response_schema`."""
        payload = self._answers[ticket_id]
        reasons = answer_problems(response_schema, payload)
        if reasons:
            raise ToolError("the answer does not fit the question: " + "; ".join(reasons))
        return copy.deepcopy(payload)

    def suspend(self, question: Suspension) -> SuspendCall:
        if question.response_schema is not None:
            schema.checked_schema(question.response_schema, trusted=True)
        answers: list[Answer] = [
            {"ticket_id": key, "payload": value} for key, value in self._answers.items()
        ]
        return SuspendCall(question, answers)


def answer_problems(response_schema: dict[str, JsonValue] | None, payload: JsonValue) -> list[str]:
    """Why `payload` is no answer to a question with this schema; empty when it is one."""
    if response_schema is None:
        return []
    return schema.problems(response_schema, payload, root="answer")
