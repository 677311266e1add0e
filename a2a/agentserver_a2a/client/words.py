"""Content blocks as parts of a message to a remote agent, and its parts as content blocks."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runs.providers.remote import RemoteAnswer, RemoteTurn
from threads.content import data_block, file_block, file_name, text_block

Part = dict[str, Any]
FILE_TYPE = "application/octet-stream"
DECLINED = "The question was declined."


def parts_of(blocks: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
    """What the protocol can say of a message; calls and reasoning stay at home."""
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            yield {"text": block["text"]}
        elif kind == "data":
            yield {"data": block["data"]}
        elif kind in {"image", "audio", "video", "document"}:
            yield _file_part(block)


def _file_part(block: Mapping[str, Any]) -> Part:
    source, name = block["source"], file_name(block)
    is_url = source["type"] == "url"
    part: Part = {"url": source["url"]} if is_url else {"raw": source["data"]}
    described = {"mediaType": source.get("media_type"), "filename": name}
    return part | {key: value for key, value in described.items() if value}


def message_of(turn: RemoteTurn) -> dict[str, Any]:
    """The user's message of a turn, without the ids of task and context."""
    parts: list[Part] = []
    # A person who writes instead of answering has said it all.
    if turn.answer and (turn.answer.accepted or not turn.messages):
        parts += _answer_parts(turn.answer)
    for message in turn.messages:
        parts += parts_of(message.blocks)
    return {
        "messageId": turn.messages[-1].id if turn.messages else f"{turn.run_id}-{turn.step}",
        "role": "ROLE_USER",
        "parts": parts or [{"text": ""}],
    }


def _answer_parts(answer: RemoteAnswer) -> Iterator[Part]:
    if answer.kind == "auth":
        yield from _verdict(answer)
    elif not answer.accepted:
        yield {"text": answer.payload if _is_said(answer.payload) else DECLINED}
    elif isinstance(answer.payload, str):
        yield {"text": answer.payload}
    else:
        yield {"data": answer.payload}


def _verdict(answer: RemoteAnswer) -> Iterator[Part]:
    """One word that both people and programs read as leave or refusal; a refusal's own words are
    never taken for leave, so the reason travels beside it."""
    yield {"text": "approve" if answer.accepted else "reject"}
    if not answer.accepted and _is_said(answer.payload):
        yield {"data": {"decision": "reject", "feedback": answer.payload}}


def _is_said(payload: Any) -> bool:
    return isinstance(payload, str) and bool(payload.strip())


# --- what comes back ---------------------------------------------------------------------------


def text_of(parts: Iterable[Mapping[str, Any]]) -> str:
    return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def words_of(parts: Iterable[Mapping[str, Any]]) -> str:
    """Of what is said to a person, where each part is a sentence of its own."""
    return "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def data_of(parts: Iterable[Mapping[str, Any]]) -> Any:
    """The first structured part, or None."""
    return next((part["data"] for part in parts if "data" in part), None)


def block_of(part: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for a part that says nothing."""
    if "text" in part:
        return text_block(part["text"])
    if "data" in part:
        return data_block(part["data"])
    if "raw" in part or "url" in part:
        media_type, name = part.get("mediaType") or FILE_TYPE, part.get("filename") or None
        return file_block(media_type, data=part.get("raw"), url=part.get("url"), name=name)
    return None


def plain(value: Any) -> Any:
    """An update as we want to read it: whole numbers, which the SDK gives as floats, are integers
    again, and text is free of NUL, which no database takes."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= 2**53 else value
    if isinstance(value, dict):
        return {plain(name): plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value
