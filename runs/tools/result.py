"""What a call led to, in the form in which it is recorded, shown and sent to the model."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models import Model, QuerySet
from pydantic import JsonValue, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentserver.core.exact_json import dumps, loads
from runs.events.types import Suspension
from runs.tools.content import Block, content_block
from runs.tools.errors import InvalidResult

MAX_DATA_BYTES = 1024 * 1024
MAX_CONTENT_BYTES = 8 * 1024 * 1024
MAX_ERROR = 2000


@dataclass(frozen=True)
class ToolResult:
    """What a tool returns when plain data is not enough.

    `message` is what the model reads instead of the data; `content_blocks` are text, image, audio,
    video or document blocks (see `runs.tools.content`); `metadata` is for clients, not the model.
    """

    data: Any = None
    message: str | None = None
    content_blocks: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def text_for_model(self) -> str:
        """The tool message's text: the message, else the data as JSON (native API, messages)."""
        return self.message if self.message is not None else dumps(self.data)

    def dump(self) -> dict[str, JsonValue]:
        """The ledger form ``{data, message, metadata}``, with ``content`` when there are blocks."""
        stored: dict[str, Any] = {
            "data": self.data,
            "message": self.message,
            "metadata": dict(self.metadata),
        }
        if self.content_blocks:
            stored["content"] = list(self.content_blocks)
        return stored

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "ToolResult":
        return cls(
            data=stored.get("data"),
            message=stored.get("message"),
            content_blocks=stored.get("content") or (),
            metadata=stored.get("metadata") or {},
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one execution of a call ended.

    ``succeeded`` has a `result`; ``failed`` an `error` for the model and the `reason` that caused
    it; ``suspended`` a `suspension` and the earlier `answers` to hand to the next execution;
    ``cancelled`` means the tool itself noticed that it was given up.
    """

    status: Literal["succeeded", "failed", "suspended", "cancelled"]
    result: ToolResult | None = None
    error: str | None = None
    reason: Literal["invalid_arguments", "tool_error", "exception", "timeout"] | None = None
    suspension: Suspension | None = None
    answers: list[dict[str, JsonValue]] = field(default_factory=list)

    def text_for_model(self) -> str:
        """The tool message's text for a final outcome."""
        if self.result is not None:
            return self.result.text_for_model()
        return self.error or self.status


def failed(
    error: str, reason: Literal["invalid_arguments", "tool_error", "exception", "timeout"]
) -> Outcome:
    return Outcome(status="failed", error=shortened(error), reason=reason)


def shortened(text: str, limit: int = MAX_ERROR) -> str:
    return text if len(text) <= limit else f"{text[: limit - 2]} …"


def normalised(value: object) -> ToolResult:
    """What a tool returned, as a `ToolResult` of plain JSON values; `InvalidResult` if impossible.

    Dates, decimals, enums, UUIDs, sets, dataclasses and pydantic models take their JSON forms;
    NaN and infinities become null. A result above 1 MiB (content blocks: 8 MiB) is refused, never
    cut: half a JSON document would mislead the model.
    """
    result = value if isinstance(value, ToolResult) else ToolResult(value)
    blocks = [_block(block) for block in result.content_blocks]
    _limit("content blocks", dumps(blocks), MAX_CONTENT_BYTES)
    metadata = _json(dict(result.metadata))
    _limit("metadata", dumps(metadata), MAX_DATA_BYTES)
    return ToolResult(_data(result.data), _message(result.message), blocks, metadata)


def _data(value: object) -> Any:
    data = _json(value)
    _limit("result", dumps(data), MAX_DATA_BYTES)
    return data


def _message(message: object) -> str | None:
    if message is None:
        return None
    if not isinstance(message, str):
        raise InvalidResult(f"ToolResult.message must be text, not {type(message).__name__}")
    _limit("message", message, MAX_DATA_BYTES)
    return message


def _block(block: object) -> Block:
    try:
        return content_block(block)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "block"
        raise InvalidResult(f"invalid content block: {where}: {first['msg']}") from None


def _json(value: object) -> Any:
    if isinstance(value, Iterator) or inspect.isawaitable(value):
        raise _unrecordable(value)
    try:
        plain = to_jsonable_python(value, inf_nan_mode="null", fallback=_refuse)
        return loads(dumps(plain).encode())
    except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
        raise InvalidResult(f"the result has no JSON form: {shortened(str(error), 300)}") from None


def _refuse(value: object) -> Any:
    raise _unrecordable(value)


def _unrecordable(value: object) -> InvalidResult:
    kind = type(value).__name__
    if isinstance(value, Model):
        return InvalidResult(
            f"the result contains the model instance {kind}; return the fields the model may see, "
            "as a dict"
        )
    if isinstance(value, QuerySet):
        return InvalidResult("the result contains a queryset; return list(queryset.values(...))")
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        return InvalidResult("the tool returned an awaitable; declare it with 'async def'")
    return InvalidResult(
        f"the result contains a value of type {kind}, which has no JSON form; return JSON values, "
        "a dataclass or a pydantic model"
    )


def _limit(what: str, text: str, limit: int) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidResult(f"the {what} holds text that is not valid Unicode") from None
    if size > limit:
        raise InvalidResult(
            f"the {what} has {size} bytes and may have {limit}; return less: a page, a summary, "
            "or an id to fetch the rest with"
        )
