"""History as the ``messages`` of an OpenAI chat completion."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserContent,
    UserPromptPart,
    VideoUrl,
)

from runs.providers.errors import ProviderError
from runs.providers.lean_history import tool_results_first

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""The members reasoning comes in; a thinking part's id remembers which, for the way back."""

_TEXT_LIKE: Final = ("text/", "application/json", "application/xml", "application/yaml")
_AUDIO_FORMATS: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3"}

Json = dict[str, Any]


def chat_messages(
    messages: Sequence[ModelMessage], *, instructions: list[str], system: str, video_input: bool
) -> list[Json]:
    """The wire messages; ``system`` is the adapter's name, whose own reasoning is sent back."""
    wire: list[Json] = []
    if instructions:
        wire.append({"role": "system", "content": "\n\n".join(instructions)})
    for message in messages:
        if isinstance(message, ModelRequest):
            wire.extend(_request(message, video_input=video_input))
        else:
            wire.extend(_response(message, system=system))
    return wire


def _request(request: ModelRequest, *, video_input: bool) -> Iterator[Json]:
    files: list[UserContent] = []
    for part in tool_results_first(request.parts):
        if isinstance(part, ToolReturnPart):
            text, attached = part.model_response_str_and_user_content()
            files.extend(attached)
            yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": text}
        elif isinstance(part, UserPromptPart):
            yield {"role": "user", "content": _user(part.content, video_input=video_input)}
        elif isinstance(part, SystemPromptPart):
            yield {"role": "system", "content": part.content}
    if files:
        yield {"role": "user", "content": _user(files, video_input=video_input)}


def _user(content: str | Sequence[UserContent], *, video_input: bool) -> str | list[Json]:
    if isinstance(content, str):
        return content
    return [_block(item, video_input=video_input) for item in content if _is_sent(item)]


def _is_sent(item: UserContent) -> bool:
    return not isinstance(item, CachePoint)


def _block(item: UserContent, *, video_input: bool) -> Json:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if isinstance(item, TextContent):
        return {"type": "text", "text": item.content}
    if isinstance(item, ImageUrl):
        return _image(item.url, item.vendor_metadata)
    if isinstance(item, BinaryContent):
        return _binary(item, video_input=video_input)
    if isinstance(item, UploadedFile):
        return {"type": "file", "file": {"file_id": item.file_id}}
    if isinstance(item, VideoUrl) and video_input:
        return {"type": "video_url", "video_url": {"url": item.url}}
    raise _unsupported(type(item).__name__)


def _binary(item: BinaryContent, *, video_input: bool) -> Json:
    kind = item.media_type.split(";")[0].strip().lower()
    if item.is_image:
        return _image(item.data_uri, item.vendor_metadata)
    if kind in _AUDIO_FORMATS:
        audio = {"data": item.base64, "format": _AUDIO_FORMATS[kind]}
        return {"type": "input_audio", "input_audio": audio}
    if kind == "application/pdf":
        name = f"{item.identifier.removesuffix('.pdf')}.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": item.data_uri}}
    if kind.startswith(_TEXT_LIKE):
        return {"type": "text", "text": item.data.decode("utf-8", "replace")}
    if item.is_video and video_input:
        return {"type": "video_url", "video_url": {"url": item.data_uri}}
    raise _unsupported(kind)


def _image(url: str, metadata: Json | None) -> Json:
    image: Json = {"url": url}
    if metadata and metadata.get("detail"):
        image["detail"] = metadata["detail"]
    return {"type": "image_url", "image_url": image}


def _unsupported(kind: str) -> ProviderError:
    return ProviderError(f"this endpoint takes no {kind} input", code="bad_request")


def _response(response: ModelResponse, *, system: str) -> Iterator[Json]:
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    calls = [_call(part) for part in response.parts if isinstance(part, ToolCallPart)]
    if not text and not calls:
        return
    message: Json = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = calls
    thoughts = (part for part in response.parts if isinstance(part, ThinkingPart))
    yield message | _own_reasoning(thoughts, system)


def _own_reasoning(thoughts: Iterable[ThinkingPart], system: str) -> Json:
    # Endpoints that stream reasoning want it back beside their tool calls; others refuse a member
    # they do not know, so nothing goes to a provider it did not come from.
    fields: Json = {}
    for part in thoughts:
        if part.provider_name == system and part.id in REASONING_FIELDS and part.content:
            fields[part.id] = fields.get(part.id, "") + part.content
    return fields


def _call(part: ToolCallPart) -> Json:
    function = {"name": part.tool_name, "arguments": part.args_as_json_str()}
    return {"id": part.tool_call_id, "type": "function", "function": function}
