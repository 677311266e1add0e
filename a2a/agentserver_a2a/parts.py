"""Parts of A2A messages and artifacts (A2A 1.0, section 4.1.6), and the content blocks we keep.

A block says the kind and the value of a part. What it has no member for is kept beside the message
(`unsaid`), so that a history gives every part back exactly as it was sent.
"""

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agentserver_a2a.wire import Part, part_json
from threads.content import data_block, file_block, file_kind, file_name, text_block

Json = dict[str, Any]

FILES: Final = frozenset({"image", "audio", "video", "document"})
UNKNOWN_TYPE: Final = "application/octet-stream"


# --- in -------------------------------------------------------------------------------------------
def blocks_of(parts: Iterable[Part]) -> list[Json]:
    """One block for each part."""
    return [_block(part) for part in parts]


def unsaid(parts: Sequence[Part]) -> list[Json] | None:
    """What the blocks do not say, for each part: filename, mediaType and metadata as they were
    sent. None when the blocks say it all."""
    sent = [part_json(part) for part in parts]
    if parts_of(blocks_of(parts)) == sent:
        return None
    return [
        {key: value for key, value in each.items() if key != part.kind}
        for each, part in zip(sent, parts, strict=True)
    ]


def _block(part: Part) -> Json:
    if part.kind == "text":
        return text_block(part.value)
    if part.kind == "data":
        return data_block(part.value)
    known = part.media_type or _guessed(part)
    if part.kind == "raw":
        return file_block(known or UNKNOWN_TYPE, data=part.value, name=part.filename)
    source = {"type": "url", "url": part.value}
    if part.media_type:
        source["media_type"] = part.media_type
    block: Json = {"type": file_kind(known or UNKNOWN_TYPE), "source": source}
    return block | ({"name": part.filename} if part.filename else {})


def _guessed(part: Part) -> str | None:
    """By the name of the file: a model is shown a picture only where it is known to be one."""
    place = part.value.partition("?")[0].partition("#")[0] if part.kind == "url" else ""
    return mimetypes.guess_type(part.filename or place)[0]


# --- out ------------------------------------------------------------------------------------------
def parts_of(blocks: Sequence[Mapping[str, Any]], said: Sequence[Json] | None = None) -> list[Json]:
    """The parts of blocks that have a form in A2A; reasoning and tool calls have none.

    ``said`` is what `unsaid` kept of them.
    """
    if said is not None and len(said) == len(blocks):
        return [
            _value(block) | dict(extra)
            for block, extra in zip(blocks, said, strict=True)
            if _has_form(block)
        ]
    return [_value(block) | _described(block) for block in blocks if _has_form(block)]


def answer_parts(blocks: Sequence[Mapping[str, Any]]) -> list[Json]:
    """What an agent said: without empty texts, neighbouring ones merged."""
    return merged(part for part in parts_of(blocks) if part.get("text") != "")


def merged(parts: Iterable[Json]) -> list[Json]:
    """Neighbouring texts that nothing more is said of become one."""
    found: list[Json] = []
    texts: list[str] = []
    for part in parts:
        if part.keys() == {"text"}:
            texts.append(part["text"])
            continue
        found += _joined(texts)
        texts = []
        found.append(part)
    return found + _joined(texts)


def text_of(parts: Iterable[Json]) -> str:
    return "".join(part["text"] for part in parts if "text" in part)


def _joined(texts: Sequence[str]) -> list[Json]:
    return [{"text": "".join(texts)}] if texts else []


def _has_form(block: Mapping[str, Any]) -> bool:
    return block["type"] in FILES or block["type"] in {"text", "data"}


def _value(block: Mapping[str, Any]) -> Json:
    kind = block["type"]
    if kind not in FILES:
        return {kind: block[kind]}
    source = block["source"]
    return {"raw": source["data"]} if source["type"] == "base64" else {"url": source["url"]}


def _described(block: Mapping[str, Any]) -> Json:
    """Name, media type and metadata, where the block has them. Text and data may carry them too:
    tools and models write artifacts with members of their own."""
    source = block.get("source") or block
    said = {
        "filename": file_name(block),
        "mediaType": source.get("media_type"),
        "metadata": block.get("metadata"),
    }
    return {key: value for key, value in said.items() if value}
