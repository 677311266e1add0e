"""What can go wrong around a tool. Nothing here knows about a database or a model."""

from collections.abc import Sequence

from pydantic import JsonValue

from runs.events.types import Suspension


class ToolDefinitionError(TypeError):
    """A function cannot become a tool; the message says what to change in its source."""


class ToolError(Exception):
    """An expected failure: a tool raises it, and the model reads exactly its message."""


class InvalidArguments(ToolError):
    """The model's arguments do not fit the tool; the message tells it what to repair."""


class InvalidResult(ToolError):
    """What a tool returned cannot be recorded; the message tells its author why."""


class CallCancelled(BaseException):
    """The call was given up and the tool noticed (`ToolContext.raise_if_cancelled`).

    Not an `Exception`, so that a broad ``except Exception`` in a tool does not swallow it.
    """


class SuspendCall(BaseException):
    """The call waits for an answer; the engine stores `suspension` and executes the call again.

    `answers` are the earlier answers ``{"ticket_id", "payload"}`` of the same call; they must come
    back with the next execution (`ToolContext(answers=...)`). Not an `Exception`, for the same
    reason as `CallCancelled`.
    """

    def __init__(
        self, suspension: Suspension, answers: Sequence[dict[str, JsonValue]] = ()
    ) -> None:
        super().__init__(suspension.message or suspension.action)
        self.suspension = suspension
        self.answers = list(answers)
