"""Content blocks of a message: what rows hold and every face translates."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter


class _Block(BaseModel):
    # Faces and providers add members of their own; they travel along.
    model_config = ConfigDict(extra="allow")


class Base64Source(_Block):
    type: Literal["base64"]
    media_type: str
    data: str


class UrlSource(_Block):
    type: Literal["url"]
    url: str


Source = Annotated[Base64Source | UrlSource, Field(discriminator="type")]


class TextBlock(_Block):
    type: Literal["text"]
    text: str


class ImageBlock(_Block):
    type: Literal["image"]
    source: Source


class AudioBlock(_Block):
    type: Literal["audio"]
    source: Source


class VideoBlock(_Block):
    type: Literal["video"]
    source: Source


class DocumentBlock(_Block):
    type: Literal["document"]
    source: Source
    title: str | None = None


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
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock,
    Field(discriminator="type"),
]
ToolResultBlock.model_rebuild()
Blocks: TypeAdapter[list[Block]] = TypeAdapter(list[Block])


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def text_of(blocks: Iterable[Mapping[str, Any]]) -> str:
    """The text blocks joined; other kinds say nothing here."""
    return "".join(block["text"] for block in blocks if block.get("type") == "text")
