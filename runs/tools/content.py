"""Content blocks a tool may return or put into an artifact (native API, content blocks).

The blocks of `threads.content` without members of their own, and with contents that are checked.
"""

import base64
import binascii
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, TypeAdapter

from threads import content

Block = dict[str, JsonValue]


def _real_base64(text: str) -> str:
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None
    return text


STRICT = ConfigDict(extra="forbid")


class Base64Source(content.Base64Source):
    model_config = STRICT

    media_type: Annotated[str, Field(pattern=r"^[\w.+-]+/[\w.+-]+(;.*)?$")]
    data: Annotated[str, AfterValidator(_real_base64)]


class UrlSource(content.UrlSource):
    model_config = STRICT

    url: Annotated[str, Field(min_length=1, max_length=8192)]


Source = Annotated[Base64Source | UrlSource, Field(discriminator="type")]


class TextBlock(content.TextBlock):
    model_config = STRICT


class MediaBlock(content.FileBlock):
    model_config = STRICT

    type: Literal["image", "audio", "video"]
    source: Source


class DocumentBlock(content.DocumentBlock):
    model_config = STRICT

    source: Source


class DataBlock(content.DataBlock):
    model_config = STRICT


Content = Annotated[TextBlock | MediaBlock | DocumentBlock, Field(discriminator="type")]
Part = Annotated[TextBlock | MediaBlock | DocumentBlock | DataBlock, Field(discriminator="type")]


@cache
def _content() -> "TypeAdapter[Content]":
    return TypeAdapter(Content)


@cache
def _part() -> "TypeAdapter[Part]":
    return TypeAdapter(Part)


def content_block(block: object) -> Block:
    """`block` checked and in wire form; raises pydantic's `ValidationError`."""
    return _content().validate_python(block).model_dump(exclude_none=True)


def artifact_part(part: object) -> Block:
    """A content block, a ``data`` block, or text, in wire form; raises `ValidationError`."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    checked = _part().validate_python(part)
    # A data block keeps its nulls: there they are the application's values.
    return checked.model_dump(exclude_none=not isinstance(checked, DataBlock))


def text(said: str) -> Block:
    return {"type": "text", "text": said}


def media(
    kind: Literal["image", "audio", "video", "document"],
    *,
    data: bytes | None = None,
    media_type: str | None = None,
    url: str | None = None,
    title: str | None = None,
    name: str | None = None,
) -> Block:
    """A media block from bytes (with their media type) or from a URL; `title` for documents,
    `name` is the file's."""
    block: dict[str, Any] = {"type": kind, "source": _source(data, media_type, url)}
    named = {"title": title, "name": name}
    return content_block(block | {key: value for key, value in named.items() if value is not None})


def _source(data: bytes | None, media_type: str | None, url: str | None) -> Block:
    if url is not None and data is None:
        typed: Block = {"media_type": media_type} if media_type else {}
        return {"type": "url", "url": url, **typed}
    if data is None or url is not None or media_type is None:
        raise ValueError("give either url, or data with its media_type")
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": "base64", "media_type": media_type, "data": encoded}
