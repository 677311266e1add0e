"""The document of an MCP server whose tools agents may use (docs/native-api.md)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from config.specs.base import (
    Count,
    DocumentId,
    LenientSpec,
    OptionalText,
    Seconds,
    refuse,
)


class RestartPolicy(LenientSpec):
    """``max_attempts`` null is unlimited; delays grow by the multiplier up to ``max_delay_ms``."""

    enabled: bool = False
    max_attempts: Count | None = None
    delay_ms: Count = 1000
    backoff_multiplier: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = 2.0
    max_delay_ms: Count = 30_000


class McpServerSpec(LenientSpec):
    """``config`` is forwarded at initialisation; ``env`` is write-only."""

    id: DocumentId
    transport: Literal["stdio", "http"]
    command: OptionalText = None
    args: list[str] = Field(default_factory=list)
    url: OptionalText = None
    config: dict[str, Any] = Field(default_factory=dict)
    timeout_secs: Seconds = 30
    env: dict[str, str] = Field(
        default_factory=dict, repr=False, json_schema_extra={"writeOnly": True}
    )
    restart_policy: RestartPolicy = Field(default_factory=RestartPolicy)

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.transport == "stdio" and not self.command:
            raise refuse("stdio mcp server requires a non-empty command")
        if self.transport == "http" and not self.url:
            raise refuse("http mcp server requires a non-empty url")
        return self
