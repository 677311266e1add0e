"""The artifacts of a run: folded from its events, and stored in the commit of those events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from django.db.models import Max

from agentserver.core.ids import MAX_LENGTH
from runs.events.fold import surviving
from runs.events.types import ArtifactUpdated, Record
from runs.models import RunArtifact

Part = dict[str, Any]


@dataclass
class Artifact:
    """An artifact as it stands after some events."""

    artifact_id: str
    name: str | None = None
    description: str | None = None
    parts: list[Part] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


def fold_artifacts(
    records: Iterable[Record], before: Mapping[str, Artifact] | None = None
) -> dict[str, Artifact]:
    """The artifacts by id after ``records``, in the order of their first publication.

    An appended piece adds its parts, and what else it names; any other piece replaces the artifact
    in its place. What a `StepReset` voided does not count.
    """
    found = dict(before or {})
    for event in published(records):
        artifact_id = storable_id(event.artifact_id)
        known = found.get(artifact_id)
        start = known if event.append and known else Artifact(artifact_id)
        found[artifact_id] = _extended(start, event)
    return found


def storable_id(artifact_id: str) -> str:
    """The id, or its digest when no column could hold it: publishers choose ids freely."""
    if 0 < len(artifact_id) <= MAX_LENGTH and "\0" not in artifact_id:
        return artifact_id
    return blake2b(artifact_id.encode("utf-8", "replace"), digest_size=16).hexdigest()


def published(records: Iterable[Record]) -> list[ArtifactUpdated]:
    """The pieces that count, in order."""
    events = [record.event for record in surviving(records)]
    return [event for event in events if isinstance(event, ArtifactUpdated)]


def _extended(artifact: Artifact, event: ArtifactUpdated) -> Artifact:
    return Artifact(
        artifact.artifact_id,
        artifact.name if event.name is None else event.name,
        artifact.description if event.description is None else event.description,
        joined([*artifact.parts, *event.parts]),
        {**artifact.metadata, **event.metadata},
    )


def joined(parts: Iterable[Part]) -> list[Part]:
    """The parts with neighbouring texts as one; a text with members of its own stays alone."""
    found: list[Part] = []
    for part in parts:
        if found and _is_plain_text(part) and _is_plain_text(found[-1]):
            found[-1] = {"type": "text", "text": found[-1]["text"] + part["text"]}
        else:
            found.append(dict(part))
    return found


def _is_plain_text(part: Part) -> bool:
    return part.keys() == {"type", "text"} and part["type"] == "text"


# --- rows ----------------------------------------------------------------------------------------


def store_artifacts(run_id: str, records: Sequence[Record]) -> None:
    """Brings the rows up to these records, which follow the stored ones, in the transaction of the
    caller; without an artifact among them it asks the database nothing.

    A `StepReset` never reaches behind a commit, so the rows themselves are never taken back.
    """
    if not any(isinstance(record.event, ArtifactUpdated) for record in records):
        return
    touched = {storable_id(event.artifact_id) for event in published(records)}
    rows = RunArtifact.objects.filter(run_id=run_id, artifact_id__in=touched) if touched else ()
    stored = {row.artifact_id: row for row in rows}
    before = {artifact_id: _artifact_of(row) for artifact_id, row in stored.items()}
    fresh = []
    for artifact_id, artifact in fold_artifacts(records, before).items():
        if artifact_id in stored:
            _write(stored[artifact_id], artifact).save()
        else:
            fresh.append(_write(RunArtifact(run_id=run_id, artifact_id=artifact_id), artifact))
    _insert(run_id, fresh)


def _artifact_of(row: RunArtifact) -> Artifact:
    return Artifact(row.artifact_id, row.name, row.description, row.parts, row.metadata)


def _write(row: RunArtifact, artifact: Artifact) -> RunArtifact:
    row.name, row.description = artifact.name, artifact.description
    row.parts, row.metadata = artifact.parts, artifact.metadata
    return row


def _insert(run_id: str, rows: Sequence[RunArtifact]) -> None:
    if not rows:
        return
    last = RunArtifact.objects.filter(run_id=run_id).aggregate(last=Max("position"))["last"]
    for position, row in enumerate(rows, start=0 if last is None else last + 1):
        row.position = position
    RunArtifact.objects.bulk_create(rows)
