"""What a script says beside its message: artifacts, application data, files with a name."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, cast

from runs.events.types import AnyEvent, ArtifactUpdated, DataProduced, FileProduced
from runs.providers.aside import Aside
from runs.providers.script_spec import ArtifactAction, DataAction, FileAction, FileDetail

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponseStreamEvent

    from runs.providers.script_scene import Scene


def beside(
    scene: Scene, position: int, action: ArtifactAction | DataAction | FileAction
) -> ModelResponseStreamEvent:
    """The event of the reply's action number ``position``, its texts filled in."""
    # The engine takes these out of the stream; the model layer only passes them on.
    return cast("ModelResponseStreamEvent", Aside(_event(scene, position, action)))


def _event(
    scene: Scene, position: int, action: ArtifactAction | DataAction | FileAction
) -> AnyEvent:
    match action:
        case ArtifactAction(artifact=artifact):
            given = scene.filled(artifact.model_dump(exclude_unset=True))
            artifact_id = artifact.artifact_id or scene.artifact_id(position)
            return ArtifactUpdated(**{**given, "artifact_id": artifact_id})
        case DataAction(data=data):
            return DataProduced(**{**data.model_dump(), "data": scene.filled(data.data)})
        case FileAction(file=file):
            return _file(file)


def _file(file: FileDetail) -> FileProduced:
    """Message and block get their ids from the engine."""
    return FileProduced(
        message_id="",
        block_id="",
        media_type=file.media_type,
        data=None if file.data is None else base64.b64encode(file.data).decode(),
        url=file.url,
        name=file.name,
    )
