"""History as the ``system`` and ``messages`` of an Anthropic request."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from runs.providers.errors import ProviderError
from runs.providers.lean_history import instructions_of, tool_results_first

CACHE: Final = {"type": "ephemeral"}
REDACTED: Final = "redacted_thinking"
"""Id of a thinking part whose signature is the encrypted data of a redacted block."""

_FOREIGN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_TEXT_LIKE: Final = ("text/", "application/json", "application/xml", "application/yaml")

Json = dict[str, Any]


def system_blocks(
    messages: Sequence[ModelMessage], parameters: ModelRequestParameters, *, cached: bool
) -> list[Json]:
    """The top-level system prompt: system parts of the history first, then the instructions."""
    prompts = [
        part.content
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, SystemPromptPart)
    ]
    texts = [*prompts, *instructions_of(messages, parameters)]
    blocks: list[Json] = [{"type": "text", "text": text} for text in texts if text.strip()]
    if cached and blocks:
        blocks[-1]["cache_control"] = CACHE
    return blocks


def anthropic_messages(
    messages: Sequence[ModelMessage], *, system: str, cached: bool
) -> list[Json]:
    """Alternating user and assistant messages; neighbours of one role are joined.

    ``cached`` marks the last block, so that the next request finds everything up to here cached.
    """
    wire: list[Json] = []
    for message in messages:
        if isinstance(message, ModelRequest):
            _append(wire, "user", list(_request(message)))
        else:
            _append(wire, "assistant", list(_response(message, system)))
    if cached and wire:
        wire[-1]["content"][-1]["cache_control"] = CACHE
    return wire


def _append(wire: list[Json], role: str, blocks: list[Json]) -> None:
    if not blocks:
        return
    if wire and wire[-1]["role"] == role:
        wire[-1]["content"] += blocks
    else:
        wire.append({"role": role, "content": blocks})


def _request(request: ModelRequest) -> Iterator[Json]:
    for part in tool_results_first(request.parts):
        if isinstance(part, ToolReturnPart):
            yield _tool_result(part)
        elif isinstance(part, UserPromptPart):
            yield from _user(part.content)


def _tool_result(part: ToolReturnPart) -> Json:
    items = part.content_items(mode="str", wrap_if_error=False)
    blocks = [block for item in items for block in _user([item])]
    result: Json = {
        "type": "tool_result",
        "tool_use_id": wire_id(part.tool_call_id),
        "content": blocks,
    }
    if part.outcome != "success":
        result["is_error"] = True
    return result


def _user(content: str | Sequence[UserContent]) -> list[Json]:
    blocks: list[Json] = []
    for item in [content] if isinstance(content, str) else content:
        if not isinstance(item, CachePoint):
            blocks.extend(_blocks(item))
        elif blocks:
            blocks[-1]["cache_control"] = CACHE
    return blocks


def _blocks(item: UserContent) -> Iterator[Json]:
    if isinstance(item, str | TextContent):
        text = item if isinstance(item, str) else item.content
        # The API refuses empty text blocks.
        if text.strip():
            yield {"type": "text", "text": text}
    elif isinstance(item, ImageUrl):
        yield {"type": "image", "source": {"type": "url", "url": item.url}}
    elif isinstance(item, DocumentUrl):
        yield {"type": "document", "source": {"type": "url", "url": item.url}}
    elif isinstance(item, BinaryContent):
        yield _binary(item)
    elif isinstance(item, UploadedFile):
        kind = "image" if item.media_type.startswith("image/") else "document"
        yield {"type": kind, "source": {"type": "file", "file_id": item.file_id}}
    else:
        raise _unsupported(type(item).__name__)


def _binary(item: BinaryContent) -> Json:
    kind = item.media_type.split(";")[0].strip().lower()
    if item.is_image:
        return {"type": "image", "source": _base64(item, kind)}
    if kind == "application/pdf":
        return {"type": "document", "source": _base64(item, kind)}
    if kind.startswith(_TEXT_LIKE):
        text = item.data.decode("utf-8", "replace")
        source = {"type": "text", "media_type": "text/plain", "data": text}
        return {"type": "document", "source": source}
    raise _unsupported(kind)


def _base64(item: BinaryContent, kind: str) -> Json:
    return {"type": "base64", "media_type": kind, "data": item.base64}


def _unsupported(kind: str) -> ProviderError:
    return ProviderError(f"this endpoint takes no {kind} input", code="bad_request")


def _response(response: ModelResponse, system: str) -> Iterator[Json]:
    for part in response.parts:
        if (block := _response_block(part, system)) is not None:
            yield block


def _response_block(part: ModelResponsePart, system: str) -> Json | None:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content} if part.content.strip() else None
    if isinstance(part, ToolCallPart):
        call = {"id": wire_id(part.tool_call_id), "name": part.tool_name}
        return {"type": "tool_use", **call, "input": part.args_as_dict()}
    if isinstance(part, ThinkingPart) and part.signature and part.provider_name == system:
        # Only signed thinking of this provider is accepted; other reasoning stays at home.
        if part.id == REDACTED:
            return {"type": REDACTED, "data": part.signature}
        return {"type": "thinking", "thinking": part.content, "signature": part.signature}
    return None


def wire_id(tool_call_id: str) -> str:
    """The id with the characters the API refuses replaced; calls and results change alike."""
    return _FOREIGN_ID.sub("_", tool_call_id)
