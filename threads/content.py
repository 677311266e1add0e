"""Content blocks of a message: what rows hold and every face translates."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from agentserver.core import exact_json


class _Block(BaseModel):
    # Faces and providers add members of their own; they travel along.
    model_config = ConfigDict(extra="allow")


def _decodable(data: str) -> str:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not valid base64") from None
    return data


class Base64Source(_Block):
    type: Literal["base64"]
    media_type: str
    data: Annotated[str, AfterValidator(_decodable)]


class UrlSource(_Block):
    type: Literal["url"]
    url: str
    media_type: str | None = None


Source = Annotated[Base64Source | UrlSource, Field(discriminator="type")]


class TextBlock(_Block):
    type: Literal["text"]
    text: str


class FileBlock(_Block):
    """`name` is the name of the file."""

    type: Literal["image", "audio", "video", "document"]
    source: Source
    name: str | None = None


class ImageBlock(FileBlock):
    type: Literal["image"]


class AudioBlock(FileBlock):
    type: Literal["audio"]


class VideoBlock(FileBlock):
    type: Literal["video"]


class DocumentBlock(FileBlock):
    type: Literal["document"]
    title: str | None = None


class DataBlock(_Block):
    """Any JSON value, kept as it was sent; the model reads its JSON text."""

    type: Literal["data"]
    data: JsonValue


class ToolUseBlock(_Block):
    type: Literal["tool_use"]
    id: str
    name: str
    input: JsonValue


class ToolResultBlock(_Block):
    type: Literal["tool_result"]
    tool_use_id: str
    content: list["Block"]


class ThinkingBlock(_Block):
    """`signature` lets a provider check its own reasoning when it is sent back."""

    type: Literal["thinking"]
    thinking: str
    signature: str | None = None


Block = Annotated[
    TextBlock
    | ImageBlock
    | AudioBlock
    | VideoBlock
    | DocumentBlock
    | DataBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock,
    Field(discriminator="type"),
]
ToolResultBlock.model_rebuild()
_MEDIA = {"image", "audio", "video"}


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def data_block(data: Any) -> dict[str, Any]:
    return {"type": "data", "data": data}


def data_text(block: Mapping[str, Any]) -> str:
    """What a reader of plain text sees of a ``data`` block: its JSON text."""
    return exact_json.dumps(block["data"])


def file_kind(media_type: str) -> str:
    """The type of the block that holds a file of this media type."""
    family = media_type.partition("/")[0].lower()
    return family if family in _MEDIA else "document"


def file_block(
    media_type: str, *, data: str | None = None, url: str | None = None, name: str | None = None
) -> dict[str, Any]:
    """The block of a file given as base64 `data` or by its `url`."""
    source = {"type": "url", "url": url, "media_type": media_type}
    if data is not None:
        source = {"type": "base64", "media_type": media_type, "data": data}
    block = {"type": file_kind(media_type), "source": source}
    return block | ({"name": name} if name else {})


def file_name(block: Mapping[str, Any]) -> str | None:
    """The name of the file in a media block; older blocks have it as their title."""
    name = block.get("name") or block.get("title")
    return name if isinstance(name, str) else None


def text_of(blocks: Iterable[Mapping[str, Any]]) -> str:
    """The text blocks joined; other kinds say nothing here."""
    return "".join(block["text"] for block in blocks if block.get("type") == "text")
