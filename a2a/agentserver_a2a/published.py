"""Artifacts that a run publishes by itself, as they grow."""

from collections.abc import Sequence
from typing import Any

from agentserver_a2a.parts import parts_of
from agentserver_a2a.response import RESPONSE
from runs.events.artifacts import Artifact, fold_artifacts, storable_id
from runs.events.types import ArtifactUpdated, Record

Json = dict[str, Any]


class Published:
    """Chunks as they are published; with ``whole`` each artifact once, when it is complete."""

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._records: dict[str, list[Record]] = {}
        # Those that a reader has in an older form than they are in, or not at all.
        self._due: set[str] = set()

    def artifacts(self) -> list[Json]:
        """As they stand, in the order of their first publication."""
        found = (self._artifact(records) for records in self._records.values())
        return [artifact for artifact in found if artifact]

    def update(self, record: Record, event: ArtifactUpdated) -> list[Json]:
        """The members of the artifactUpdate without its ids, if one goes out now."""
        artifact_id = storable_id(event.artifact_id)
        known = self._records.setdefault(artifact_id, [])
        known.append(record)
        if self._whole:
            self._due.add(artifact_id)
            return self._release(artifact_id) if event.last_chunk else []
        if artifact_id in self._due:
            return self._release(artifact_id, last=event.last_chunk)
        piece = Artifact(
            artifact_id, event.name, event.description, list(event.parts), dict(event.metadata)
        )
        append = event.append and len(known) > 1
        return _chunk(artifact_json(piece), append=append, last=event.last_chunk)

    def reset(self, after_seq: int) -> None:
        """Forgets what events after ``after_seq`` brought. What is left of it goes out again with
        the next piece, at the latest at the end."""
        for artifact_id, records in list(self._records.items()):
            kept = [record for record in records if record.seq <= after_seq]
            if len(kept) < len(records):
                self._due.add(artifact_id)
                self._records[artifact_id] = kept

    def shown(self) -> None:
        """A reader was given `artifacts`."""
        self._due.clear()

    def finish(self) -> list[Json]:
        due = [artifact_id for artifact_id in self._records if artifact_id in self._due]
        return [update for artifact_id in due for update in self._release(artifact_id)]

    def _release(self, artifact_id: str, *, last: bool = True) -> list[Json]:
        self._due.discard(artifact_id)
        whole = self._artifact(self._records[artifact_id])
        return _chunk(whole, append=False, last=last) if whole else []

    @staticmethod
    def _artifact(records: Sequence[Record]) -> Json | None:
        folded = next(iter(fold_artifacts(records).values()), None)
        return artifact_json(folded) if folded else None


def artifact_json(artifact: Artifact) -> Json | None:
    """The Artifact; None while it has no parts, which A2A does not allow."""
    parts = parts_of(artifact.parts)
    if not parts:
        return None
    known = {
        "name": artifact.name,
        "description": artifact.description,
        "metadata": artifact.metadata,
    }
    described = {key: value for key, value in known.items() if value}
    artifact_id = artifact.artifact_id
    if artifact_id == RESPONSE:
        # Ids are unique in a task, and this one belongs to the answer.
        artifact_id = f"published-{RESPONSE}"
    return {"artifactId": artifact_id, **described, "parts": parts}


def _chunk(artifact: Json | None, *, append: bool, last: bool) -> list[Json]:
    if artifact is None:
        return []
    flags = {"append": append, "lastChunk": last}
    return [{"artifact": artifact} | {name: True for name, is_set in flags.items() if is_set}]
