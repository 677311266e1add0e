"""Events that become one chunk, or none, whatever came before them."""

from collections.abc import Callable, Iterator
from typing import Any

from agentserver.protocols.ai_sdk.chunks import Chunk, data_chunk, given
from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    AnyEvent,
    DataProduced,
    ErrorReported,
    FileProduced,
    SourceCited,
    StateDelta,
    StateSnapshot,
)


def shown(event: AnyEvent) -> Iterator[Chunk]:
    translate = _TRANSLATIONS.get(type(event))
    chunk = translate(event) if translate else None
    if chunk is not None:
        yield chunk


def file_chunk(event: FileProduced) -> Chunk | None:
    url = event.url
    if event.data is not None:
        url = f"data:{event.media_type};base64,{event.data}"
    return {"type": "file", "url": url, "mediaType": event.media_type} if url else None


def source_chunk(event: SourceCited) -> Chunk | None:
    """A document needs a title and a media type on the wire, whatever the source had."""
    if event.kind == "document":
        return {
            "type": "source-document",
            "sourceId": event.source_id,
            "mediaType": event.media_type or "application/octet-stream",
            "title": event.title or event.file_name or event.source_id,
            **given(filename=event.file_name),
        }
    if not event.url:
        return None
    return {
        "type": "source-url",
        "sourceId": event.source_id,
        "url": event.url,
        **given(title=event.title),
    }


def state_snapshot(event: StateSnapshot) -> Chunk:
    return data_chunk("state-snapshot", event.snapshot, part_id="state")


def state_delta(event: StateDelta) -> Chunk:
    return data_chunk("state-delta", event.delta, transient=True)


def activity_snapshot(event: ActivitySnapshot) -> Chunk:
    data = {"activityType": event.activity_type, "content": event.content}
    return data_chunk("activity-snapshot", data, part_id=event.activity_id)


def activity_delta(event: ActivityDelta) -> Chunk:
    data = {
        "activityId": event.activity_id,
        "activityType": event.activity_type,
        "patch": event.patch,
    }
    return data_chunk("activity-delta", data, transient=True)


def application_data(event: DataProduced) -> Chunk:
    return data_chunk(event.name, event.data, part_id=event.data_id, transient=event.transient)


def reported_error(event: ErrorReported) -> Chunk:
    told = {"message": event.message, **given(code=event.code)}
    return data_chunk("error", told, transient=True)


_TRANSLATIONS: dict[type, Callable[[Any], Chunk | None]] = {
    FileProduced: file_chunk,
    SourceCited: source_chunk,
    StateSnapshot: state_snapshot,
    StateDelta: state_delta,
    ActivitySnapshot: activity_snapshot,
    ActivityDelta: activity_delta,
    DataProduced: application_data,
    ErrorReported: reported_error,
}
