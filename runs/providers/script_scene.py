"""What a script may look at: the conversation so far, reduced to plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextContent,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

if TYPE_CHECKING:
    from runs.providers.script_spec import TextMatch, When

_PLACEHOLDER: Final = re.compile(r"\{\{\s*(last_user|tool_result|message_count|turn)\s*\}\}")


@dataclass
class Scene:
    """A conversation as a rule sees it.

    ``turn`` and ``tool_results`` (name and text) count from the last user message on.
    """

    last_user: str = ""
    message_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    message_count: int = 0
    turn: int = 0
    tool_calls: int = 0
    tool_results: list[tuple[str, str]] = field(default_factory=list)
    characters: int = 0

    def matches(self, when: When) -> bool:
        return (
            (when.turn is None or when.turn == self.turn)
            and (when.message_id is None or self.message_id.startswith(when.message_id))
            and (when.last_user is None or _text_holds(when.last_user, self.last_user))
            and (when.has_tool_result is None or self._has_result(when.has_tool_result))
            and (when.metadata is None or _is_subset(when.metadata, self.metadata))
        )

    def _has_result(self, wanted: str | bool) -> bool:
        if isinstance(wanted, bool):
            return bool(self.tool_results) is wanted
        return any(name == wanted for name, _ in self.tool_results)

    def filled(self, value: Any) -> Any:
        """The value with its placeholders filled in, at any depth."""
        if isinstance(value, str):
            return _PLACEHOLDER.sub(lambda found: self._value(found[1]), value)
        if isinstance(value, Mapping):
            return {key: self.filled(item) for key, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, list) else value

    def _value(self, name: str) -> str:
        if name == "tool_result":
            return self.tool_results[-1][1] if self.tool_results else ""
        return str(getattr(self, name))

    def call_id(self, position: int) -> str:
        """Id of the reply's call number ``position``: unique in the conversation, repeatable."""
        number = self.tool_calls + position + 1
        return f"call_{number}_{self.digest(str(number))}"

    def artifact_id(self, position: int) -> str:
        """Id of an artifact of the reply's action number ``position``, repeatable as well."""
        return f"artifact_{self.digest('artifact', str(position))}"

    def digest(self, *words: str) -> str:
        """Eight hex digits that stand for this point of this conversation."""
        text = "\x00".join((self.message_id, self.last_user, str(self.message_count), *words))
        return blake2b(text.encode(), digest_size=4).hexdigest()


def scene_of(messages: Sequence[ModelMessage]) -> Scene:
    """The scene at the end of a history."""
    scene = Scene(message_count=len(messages))
    for message in messages:
        if isinstance(message, ModelRequest):
            _read_request(scene, message)
        else:
            _read_response(scene, message)
    return scene


def _read_request(scene: Scene, request: ModelRequest) -> None:
    for part in request.parts:
        if isinstance(part, UserPromptPart):
            scene.last_user = _user_text(part)
            scene.characters += len(scene.last_user)
            scene.turn = 0
            scene.tool_results = []
            _read_metadata(scene, request.metadata or {})
        elif isinstance(part, ToolReturnPart):
            text = part.model_response_str()
            scene.characters += len(text)
            scene.tool_results.append((part.tool_name, text))


def _read_metadata(scene: Scene, metadata: Mapping[str, Any]) -> None:
    scene.message_id = str(metadata.get("message_id") or "")
    custom = metadata.get("metadata")
    scene.metadata = custom if isinstance(custom, dict) else {}


def _read_response(scene: Scene, response: ModelResponse) -> None:
    scene.turn += 1
    scene.tool_calls += sum(isinstance(part, ToolCallPart) for part in response.parts)
    scene.characters += len(response.text or "")


def _user_text(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content
    texts = (item.content if isinstance(item, TextContent) else item for item in part.content)
    return "".join(text for text in texts if isinstance(text, str))


def _text_holds(wanted: TextMatch | str, text: str) -> bool:
    return wanted in text if isinstance(wanted, str) else wanted.holds(text)


def _is_subset(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _is_subset(value, found[key]) for key, value in wanted.items()
        )
    return bool(wanted == found)
