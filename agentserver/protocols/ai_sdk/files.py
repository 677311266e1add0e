"""Files that a chat carries: in as base64 data URLs, out as data URLs or addresses."""

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterable, Mapping
from typing import Any

from agentserver.core.errors import BadRequest
from threads.content import file_name

MAX_FILES = 4
MAX_BYTES = 8 * 1024 * 1024
# Base64 makes a third more of it; what is left holds the history.
MAX_BODY_BYTES = 32 * 1024 * 1024

_DATA_URL = re.compile(r"data:([^;,]+)((?:;[^;,]+)*);base64,(.*)", re.DOTALL | re.IGNORECASE)
_DOCUMENTS = {"application/pdf", "application/json", "text/plain", "text/markdown"}
_MEDIA = {"image", "audio", "video"}

Block = dict[str, Any]
Part = dict[str, Any]


def file_block(part: Mapping[str, Any]) -> Block:
    """The content block of a file part; `BadRequest` for a type or an address we do not take."""
    media_type, data = _read_url(part.get("url"))
    declared = part.get("mediaType")
    if isinstance(declared, str) and _bare(declared) != media_type:
        raise BadRequest(f"a file is declared as {declared}, but its data URL says {media_type}")
    source = {"type": "base64", "media_type": media_type, "data": data}
    block: Block = {"type": _kind(media_type), "source": source}
    name = part.get("filename")
    return block | ({"name": name} if isinstance(name, str) and name else {})


def check_files(blocks: Iterable[Block]) -> None:
    """The limits of one request, over all its new messages."""
    sizes = [_size(block["source"]["data"]) for block in blocks if "source" in block]
    if len(sizes) > MAX_FILES:
        raise BadRequest(f"at most {MAX_FILES} files are accepted at once, not {len(sizes)}")
    if sum(sizes) > MAX_BYTES:
        raise BadRequest(f"files of at most {MAX_BYTES} bytes are accepted at once")


def file_part(block: Mapping[str, Any]) -> Part:
    """The file part of a media block, whoever stored it."""
    source = block["source"]
    if source["type"] == "base64":
        media_type = source["media_type"]
        url = f"data:{media_type};base64,{source['data']}"
    else:
        url = source["url"]
        media_type = source.get("media_type") or _guess(url, block["type"])
    part: Part = {"type": "file", "mediaType": media_type, "url": url}
    name = file_name(block)
    return part | ({"filename": name} if name else {})


def _read_url(url: object) -> tuple[str, str]:
    found = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise BadRequest("files are accepted as base64 data: URLs only")
    media_type, _, data = found.groups()
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("a file's data URL is not valid base64") from None
    return _bare(media_type), data


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _kind(media_type: str) -> str:
    family = media_type.partition("/")[0]
    if family in _MEDIA:
        return family
    if media_type not in _DOCUMENTS:
        raise BadRequest(f"files of type {media_type} are not accepted")
    return "document"


def _size(data: str) -> int:
    return len(data) * 3 // 4 - data[-2:].count("=")


def _guess(url: str, kind: str) -> str:
    guessed, _ = mimetypes.guess_type(url)
    return guessed or ("application/octet-stream" if kind == "document" else f"{kind}/*")
