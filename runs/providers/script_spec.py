"""The plain-data format of scripts for the scripted adapter; documented in ``scripted``."""

import re
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import (
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    RootModel,
    Tag,
    field_validator,
    model_validator,
)

from agentserver.core.ids import MAX_LENGTH
from threads.content import Block, text_block

FinishWord = Literal["stop", "length", "content_filter", "tool_call", "error"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextMatch(_Strict):
    """Conditions on a text; all that are given must hold."""

    regex: str | None = None
    contains: str | None = None
    equals: str | None = None
    starts_with: str | None = None

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return value

    def holds(self, text: str) -> bool:
        return (
            (self.regex is None or re.search(self.regex, text) is not None)
            and (self.contains is None or self.contains in text)
            and (self.equals is None or self.equals == text)
            and (self.starts_with is None or text.startswith(self.starts_with))
        )


class When(_Strict):
    """Conditions of a rule; all that are given must hold."""

    last_user: TextMatch | str | None = None
    has_tool_result: str | bool | None = None
    turn: NonNegativeInt | None = None
    message_id: str | None = None
    metadata: dict[str, Any] | None = None


class _Chunked(_Strict):
    chunks: PositiveInt | None = None
    chunk_size: PositiveInt | None = None
    chunk_list: list[str] | None = None
    delay_ms: NonNegativeFloat = 0
    first_delay_ms: NonNegativeFloat | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "_Chunked":
        ways = (self.chunks, self.chunk_size, self.chunk_list)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("give one of chunks, chunk_size and chunk_list")
        return self

    def pieces(self, text: str) -> list[str]:
        """The text cut as asked; joined again the pieces are the text (unless listed by hand)."""
        if self.chunk_list is not None:
            return self.chunk_list
        if self.chunks is not None:
            count = min(self.chunks, len(text)) or 1
            cuts = [len(text) * step // count for step in range(count + 1)]
            return [text[start:end] for start, end in pairwise(cuts)]
        size = self.chunk_size or len(text) or 1
        return [text[start : start + size] for start in range(0, len(text), size)]


class TextAction(_Chunked):
    text: str = ""


class ReasoningAction(_Chunked):
    reasoning: str
    signature: str | None = None


class ToolCall(_Strict):
    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    id: str | None = None


class ToolCallAction(_Chunked):
    tool_call: ToolCall


class ClientToolAction(_Chunked):
    client_tool: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)


class DelayAction(_Strict):
    delay_ms: NonNegativeFloat


class ErrorDetail(_Strict):
    status: int = Field(default=500, ge=400, le=599)
    message: str = "scripted failure"
    retry_after: NonNegativeFloat | None = None
    times: PositiveInt | None = None


class ErrorAction(_Strict):
    error: ErrorDetail


class FileDetail(_Strict):
    """Its bytes, or the address it is at."""

    media_type: str
    data: Base64Bytes | None = None
    url: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "FileDetail":
        if (self.data is None) is (self.url is None):
            raise ValueError("give one of data and url")
        return self


class FileAction(_Strict):
    file: FileDetail


def _part(value: Any) -> Any:
    return text_block(value) if isinstance(value, str) else value


class ArtifactDetail(_Strict):
    """A part is a text or a content block."""

    artifact_id: str | None = Field(default=None, min_length=1, max_length=MAX_LENGTH)
    name: str | None = None
    description: str | None = None
    parts: list[Annotated[Block, BeforeValidator(_part)]]
    append: bool = False
    last_chunk: bool = True
    metadata: dict[str, Any] = Field(default_factory=dict)


class ArtifactAction(_Strict):
    artifact: ArtifactDetail


class DataDetail(_Strict):
    name: Annotated[str, Field(min_length=1)]
    data: JsonValue = None
    data_id: str | None = None
    transient: bool = False


class DataAction(_Strict):
    data: DataDetail


class UsageDetail(_Strict):
    input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    cache_read_tokens: NonNegativeInt = 0
    cache_write_tokens: NonNegativeInt = 0
    reasoning_tokens: NonNegativeInt = 0


class UsageAction(_Strict):
    usage: UsageDetail


class FinishAction(_Strict):
    finish_reason: FinishWord


_KINDS: Final = (
    "text",
    "chunk_list",
    "reasoning",
    "tool_call",
    "client_tool",
    "error",
    "file",
    "artifact",
    "data",
    "usage",
    "finish_reason",
    "delay_ms",
)


def _kind(value: object) -> str | None:
    """An action is told by the member that names it; the more telling names come first."""
    if isinstance(value, dict):
        found = next((kind for kind in _KINDS if kind in value), None)
        if found == "chunk_list":
            return "reasoning" if "reasoning" in value else "text"
        return found
    return next((kind for kind in _KINDS if hasattr(value, kind)), None)


Action = Annotated[
    Annotated[TextAction, Tag("text")]
    | Annotated[ReasoningAction, Tag("reasoning")]
    | Annotated[ToolCallAction, Tag("tool_call")]
    | Annotated[ClientToolAction, Tag("client_tool")]
    | Annotated[ErrorAction, Tag("error")]
    | Annotated[FileAction, Tag("file")]
    | Annotated[ArtifactAction, Tag("artifact")]
    | Annotated[DataAction, Tag("data")]
    | Annotated[UsageAction, Tag("usage")]
    | Annotated[FinishAction, Tag("finish_reason")]
    | Annotated[DelayAction, Tag("delay_ms")],
    Discriminator(_kind),
]


class Rule(_Strict):
    """What to answer, and when."""

    when: When = When()
    reply: list[Action]


class ScriptSpec(RootModel[list[Rule]]):
    """Rules in order of preference; the first whose conditions hold answers."""


ECHO: Final = Rule(reply=[TextAction(text="{{last_user}}", chunk_size=16)])
"""The answer when no rule matches."""
