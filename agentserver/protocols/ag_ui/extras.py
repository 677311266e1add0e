"""What AG-UI has no event for travels as CUSTOM: streamed tool output, files, sources, artifacts.

Names: ``tool_output``, ``file``, ``source``, ``artifact``, ``error``, and for data that an
application produced the name the application gave it. Members are those of the run event in camel
case; members without a value are left out.
"""

import re
from typing import Any

from agentserver.protocols.ag_ui.frames import Frame
from runs.events.types import (
    AnyEvent,
    ArtifactUpdated,
    DataProduced,
    ErrorReported,
    FileProduced,
    SourceCited,
    ToolCallOutput,
)

_NAMES: dict[type, str] = {
    ToolCallOutput: "tool_output",
    FileProduced: "file",
    SourceCited: "source",
    ArtifactUpdated: "artifact",
    ErrorReported: "error",
}


def custom_frames(event: AnyEvent) -> list[Frame]:
    if isinstance(event, DataProduced):
        return [{"type": "CUSTOM", "name": event.name, "value": event.data}]
    name = _NAMES.get(type(event))
    if name is None:
        return []
    members: dict[str, Any] = event.model_dump(exclude_none=True, exclude={"type"})
    value = {_camel(key): member for key, member in members.items()}
    return [{"type": "CUSTOM", "name": name, "value": value}]


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
