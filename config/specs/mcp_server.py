"""The document of an MCP server whose tools agents may use (docs/native-api.md)."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.specs.base import (
    Count,
    DocumentId,
    Globs,
    LenientSpec,
    NonBlank,
    OptionalText,
    Seconds,
    refuse,
)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What HTTP itself, the transport or the protocol decides.
_TRANSPORT_HEADERS: Final = frozenset(
    {"connection", "content-length", "content-type", "host", "transfer-encoding", "upgrade"}
    | {"accept", "accept-encoding", "last-event-id", "mcp-protocol-version", "mcp-session-id"}
)
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")


def tool_word(text: str) -> str:
    """``text`` as a part of a tool's id: letters and digits, anything else one ``_`` between them.

    Empty when nothing is left.
    """
    return _NOT_A_NAME.sub("_", text).strip("_")


def _id_has_a_word(value: str) -> str:
    if not tool_word(value):
        raise refuse(f"mcp server id '{value}' has no letter or digit to name its tools with")
    return value


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        lowered = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            raise refuse(f"'{name}' cannot be the name of an HTTP header")
        if lowered in _TRANSPORT_HEADERS or lowered in seen:
            raise refuse(f"the header '{name}' is set by the transport or given twice")
        if not value.isascii() or not value.isprintable():
            raise refuse(f"the header '{name}' has a value that HTTP cannot carry")
        seen.add(lowered)
    return headers


def _check_env(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise refuse(f"'{name}' cannot be an environment variable, or has a NUL in its value")
    return env


# How the secret travels (RFC 6749, section 2.3.1).
SecretMethod = Literal["client_secret_basic", "client_secret_post"]
_BASIC: Final = "client_secret_basic"


class RestartPolicy(LenientSpec):
    """``max_attempts`` null is unlimited; delays grow by the multiplier up to ``max_delay_ms``."""

    enabled: bool = False
    max_attempts: Count | None = None
    delay_ms: Count = 1000
    backoff_multiplier: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = 2.0
    max_delay_ms: Count = 30_000


class ToolPolicy(LenientSpec):
    """Which tools of the server are offered, by the names the server gives them.

    ``allow`` null offers all of them, ``deny`` wins. ``require_approval``: true, or globs of those
    that wait for a person.
    """

    allow: Globs | None = None
    deny: Globs = Field(default_factory=list)
    require_approval: bool | Globs = False


class ClientCredentials(LenientSpec):
    """OAuth 2.1 for programs (RFC 6749, section 4.4). ``client_secret`` is write-only: stored
    encrypted, kept when a write leaves it out.

    ``issuer``: exactly as the authorization server names itself in its metadata (RFC 8414); the
    secret is sent to no other. ``scope``: names with spaces between them.
    """

    type: Literal["client_credentials"] = "client_credentials"
    issuer: NonBlank
    client_id: NonBlank
    client_secret: str | None = Field(
        default=None, repr=False, json_schema_extra={"writeOnly": True}
    )
    token_endpoint_auth_method: SecretMethod = _BASIC
    scope: OptionalText = None


class McpServerSpec(LenientSpec):
    """``config`` is forwarded at initialisation; ``env`` and ``headers`` are write-only.

    A token that ``auth`` obtains wins over a header ``Authorization``.
    """

    id: Annotated[DocumentId, AfterValidator(_id_has_a_word)]
    transport: Literal["stdio", "http", "sse"]
    command: OptionalText = None
    args: list[str] = Field(default_factory=list)
    url: OptionalText = None
    config: dict[str, Any] = Field(default_factory=dict)
    timeout_secs: Seconds = 30
    env: Annotated[dict[str, str], AfterValidator(_check_env)] = Field(
        default_factory=dict, repr=False, json_schema_extra={"writeOnly": True}
    )
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = Field(
        default_factory=dict, repr=False, json_schema_extra={"writeOnly": True}
    )
    auth: ClientCredentials | None = None
    tools: ToolPolicy = Field(default_factory=ToolPolicy)
    restart_policy: RestartPolicy = Field(default_factory=RestartPolicy)

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.transport == "stdio" and not self.command:
            raise refuse("stdio mcp server requires a non-empty command")
        if self.transport != "stdio" and not self.url:
            raise refuse(f"{self.transport} mcp server requires a non-empty url")
        if self.transport == "stdio" and self.auth:
            raise refuse("auth is for mcp servers with a url")
        return self
