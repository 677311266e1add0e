"""Content of messages: AG-UI parts to stored content blocks, and back."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentserver.core.errors import BadRequest
from threads.content import data_text, file_name, text_block

Block = dict[str, Any]
Part = Mapping[str, Any]

MEDIA = ("image", "audio", "video", "document")
TEXTUAL = ("text", "data")


# --- in -------------------------------------------------------------------------------------------
def blocks_of(content: Any) -> list[Block]:
    """Blocks of a message's ``content``: text, parts, or nothing. Unknown parts are left out."""
    if content is None:
        return []
    if isinstance(content, str):
        return [text_block(content)]
    if not isinstance(content, list):
        raise BadRequest("invalid message: content must be text or a list of parts")
    blocks = (_block(part) for part in content if isinstance(part, dict))
    return [block for block in blocks if block]


def _block(part: Part) -> Block | None:
    kind = part.get("type")
    if kind == "text":
        return text_block(str(part.get("text") or ""))
    if kind == "binary":
        return _legacy_block(part)
    if kind not in MEDIA:
        return None
    source = part.get("source")
    if not isinstance(source, dict):
        raise BadRequest(f"invalid message: a part of type {kind} needs a source")
    block = {"type": kind, "source": _source(source)}
    metadata = part.get("metadata")
    return {**block, "metadata": metadata} if metadata is not None else block


def _source(source: Part) -> Block:
    value = source.get("value", source.get("data", source.get("url")))
    media_type = source.get("mimeType") or source.get("media_type")
    if not isinstance(value, str):
        raise BadRequest("invalid message: the source of a part needs a value")
    if source.get("type") in ("data", "base64"):
        return _data(value, media_type)
    if source.get("type") == "url":
        return _url(value, media_type)
    raise BadRequest("invalid message: a part is given as data or as a URL")


def _data(value: str, media_type: Any) -> Block:
    if not isinstance(media_type, str) or "/" not in media_type:
        raise BadRequest("invalid message: data needs a mimeType")
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("invalid message: data is not valid base64") from None
    return {"type": "base64", "media_type": media_type, "data": value}


def _url(url: str, media_type: Any) -> Block:
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        if not head.endswith(";base64"):
            raise BadRequest("invalid message: a data URL must be base64")
        return _data(data, head.removesuffix(";base64").partition(";")[0])
    if not url.startswith(("http://", "https://")):
        raise BadRequest("invalid message: a URL must be http, https or data")
    source = {"type": "url", "url": url}
    return {**source, "media_type": media_type} if isinstance(media_type, str) else source


def _legacy_block(part: Part) -> Block:
    """``binary`` parts, which clients before 1.0 may still send."""
    media_type, name = part.get("mimeType"), part.get("filename")
    if isinstance(part.get("data"), str):
        source = _data(part["data"], media_type)
    elif isinstance(part.get("url"), str):
        source = _url(part["url"], media_type)
    else:
        raise BadRequest("invalid message: a binary part needs data or a url")
    kind = str(media_type).partition("/")[0]
    block: Block = {"type": kind if kind in MEDIA else "document", "source": source}
    return {**block, "metadata": {"filename": name}} if isinstance(name, str) else block


# --- out ------------------------------------------------------------------------------------------
def content_of(blocks: Sequence[Block]) -> str | list[Block]:
    """Text where there is nothing else, else parts."""
    known = [block for block in blocks if block["type"] in TEXTUAL or block["type"] in MEDIA]
    if all(block["type"] == "text" for block in known):
        return text_of(known)
    return [_part(block) for block in known]


def text_of(blocks: Iterable[Block]) -> str:
    """The texts, with the JSON text of data; other kinds say nothing here."""
    return "".join(_text(block) for block in blocks if block["type"] in TEXTUAL)


def _text(block: Block) -> str:
    return data_text(block) if block["type"] == "data" else str(block["text"])


def _part(block: Block) -> Block:
    if block["type"] in TEXTUAL:
        return {"type": "text", "text": _text(block)}
    part = {"type": block["type"], "source": _source_part(block["source"])}
    metadata = block.get("metadata")
    name = file_name(block)
    if metadata is None and name:
        metadata = {"filename": name}
    return part if metadata is None else {**part, "metadata": metadata}


def _source_part(source: Block) -> Block:
    if source["type"] == "base64":
        return {"type": "data", "value": source["data"], "mimeType": source["media_type"]}
    part = {"type": "url", "value": source["url"]}
    media_type = source.get("media_type")
    return {**part, "mimeType": media_type} if media_type else part
