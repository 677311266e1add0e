"""Artifacts as data parts: each update carries all that is known, because a part is replaced."""

from typing import Any

from agentserver.protocols.ai_sdk.chunks import Chunk, data_chunk, given
from runs.events.types import ArtifactUpdated


class Artifacts:
    def __init__(self) -> None:
        self._parts: dict[str, list[dict[str, Any]]] = {}

    def update(self, event: ArtifactUpdated) -> Chunk:
        before = self._parts.get(event.artifact_id, []) if event.append else []
        parts = self._parts[event.artifact_id] = [*before, *event.parts]
        data = {
            "artifactId": event.artifact_id,
            **given(name=event.name, description=event.description),
            "parts": parts,
            "lastChunk": event.last_chunk,
            "metadata": event.metadata,
        }
        return data_chunk("artifact", data, part_id=event.artifact_id)
