"""Shapes of the configuration API (docs/native-api.md). Documents themselves: `config.specs`."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from agentserver.core.api.fields import Unsigned
from agentserver.core.api.paging import DEFAULT_LIMIT, CursorQuery, Limit, PageQuery
from agentserver.core.clock import EPOCH, to_ms
from config.models import EntryRevision
from config.specs import AgentSpec, McpServerSpec, ModelSpec, ProviderSpec

DOCUMENTS_PER_PAGE = 100
MAX_AUDIT_LIMIT = 1000
# The end of the year 9999.
_LAST_MS = 253_402_300_799_999

NamespaceName = Literal["agents", "models", "providers", "mcp-servers"]
ActionName = Literal["create", "update", "delete", "restore", "publish"]
Moment = Annotated[Unsigned, Field(le=_LAST_MS)]

_AGENT = {
    "id": "assistant",
    "model_id": "default",
    "system_prompt": "You help.",
    "max_rounds": 8,
}
_MODEL = {"id": "default", "provider_id": "openai", "upstream_model": "gpt-4o-mini"}
_PROVIDER = {"id": "openai", "adapter": "openai", "base_url": "https://p.example/v1"}
_STORED: dict[str, Any] = {
    **_PROVIDER,
    "timeout_secs": 300,
    "adapter_options": {},
    "has_api_key": True,
    "created_at": 1775923200123,
    "updated_at": 1775923200123,
    "revision": 1,
}


def _examples(*values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(values)})


# --- requests ------------------------------------------------------------------------------------
class ConfigDocument(RootModel[AgentSpec | ModelSpec | ProviderSpec | McpServerSpec]):
    """A document of the namespace in the path. Members that only answers hold are ignored, except
    `revision`, which makes the write conditional."""

    model_config = _examples(_AGENT, _MODEL, {**_PROVIDER, "api_key": "sk-…"})


class ConfigPatch(RootModel[dict[str, Any]]):
    """JSON Merge Patch (RFC 7396): null sets a member back to its default."""

    model_config = _examples({"max_rounds": 4, "description": None})


class RestoreRequest(BaseModel):
    model_config = _examples({"revision": 3})

    revision: int = Field(ge=1, le=2**63 - 1, description="The document as it was after this one")


class ProviderTestRequest(BaseModel):
    model_config = _examples({"upstream_model": "gpt-4o-mini"})

    upstream_model: str | None = Field(
        default=None, description="Default: the first stored model of this provider"
    )


class DocumentListQuery(PageQuery):
    limit: Limit = Field(
        default=DOCUMENTS_PER_PAGE, description="Documents per page, clamped into 1..200"
    )


class DeleteQuery(BaseModel):
    force: bool = Field(
        default=False, description="Of a provider: delete its models too, if no agent uses one"
    )


class AuditQuery(CursorQuery):
    limit: Annotated[Unsigned, AfterValidator(lambda n: min(max(n, 1), MAX_AUDIT_LIMIT))] = Field(
        default=DEFAULT_LIMIT, description="Rows per page, clamped into 1..1000"
    )
    namespace: NamespaceName | None = None
    id: str | None = Field(default=None, description="Of the entry")
    action: ActionName | None = None
    actor: str | None = None
    since: Moment | None = Field(default=None, description="Unix milliseconds, inclusive")
    until: Moment | None = Field(default=None, description="Unix milliseconds, exclusive")


def moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)


# --- answers -------------------------------------------------------------------------------------
class StoredDocument(BaseModel):
    """The document with defaults filled in and without secrets; times in Unix milliseconds."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_STORED]})

    id: str
    created_at: int
    updated_at: int
    revision: int
    has_api_key: bool | None = Field(default=None, description="Providers with a stored key only")
    has_env: bool | None = Field(default=None, description="MCP servers with an environment only")
    env_keys: list[str] | None = Field(default=None, description="Names, not values")
    has_headers: bool | None = Field(default=None, description="MCP servers with headers only")
    header_keys: list[str] | None = Field(default=None, description="Names, not values")


class DocumentList(BaseModel):
    namespace: NamespaceName
    items: list[StoredDocument]
    offset: int
    limit: int
    total: int


class DryRun(BaseModel):
    """What a write would have stored."""

    valid: Literal[True]
    document: StoredDocument
    warnings: list[str]


class EntryMeta(BaseModel):
    """``overrides``: members of a builtin document that users changed, with their values."""

    namespace: NamespaceName
    id: str
    source: Literal["builtin", "user"]
    overrides: dict[str, Any]
    secrets_overridden: bool
    revision: int
    created_at: int
    updated_at: int
    updated_by: str


class ConfigHistoryItem(BaseModel):
    """One change. A publication has neither namespace nor id; its revision is the version."""

    namespace: str
    id: str
    revision: int
    action: ActionName
    actor: str
    at: int = Field(description="Unix milliseconds")
    before: dict[str, Any] | None = Field(description="Redacted; null when there was nothing")
    after: dict[str, Any] | None = Field(description="Redacted; null when nothing is left")


class ConfigHistory(BaseModel):
    items: list[ConfigHistoryItem]
    total: int
    has_more: bool
    next_cursor: str | None


class DiagnosisBody(BaseModel):
    id: str
    resolves: bool
    errors: list[str]
    warnings: list[str]


class DiagnosticsBody(BaseModel):
    """``published``: whether new runs use all that is stored."""

    version: int
    published: bool
    resolves: bool
    agents: list[DiagnosisBody]
    models: list[DiagnosisBody]
    providers: list[DiagnosisBody]
    mcp_servers: list[DiagnosisBody] = Field(alias="mcp-servers")


class ProviderVerdict(BaseModel):
    """``network_tested``: whether a request left the server. ``error`` only when not ``ok``."""

    model_config = _examples({"ok": True, "latency_ms": 412, "network_tested": True})

    ok: bool
    latency_ms: int
    network_tested: bool
    error: str | None = None


class ToolOrigin(BaseModel):
    """``code``; or where else the tool comes from, such as ``mcp`` with the id of the server."""

    kind: str
    id: str | None = None


class CapableTool(BaseModel):
    id: str
    name: str
    description: str
    source: ToolOrigin


class PluginSchema(BaseModel):
    key: str
    schema_: dict[str, Any] = Field(alias="schema")


class CapablePlugin(BaseModel):
    """The values of its forms go to ``agents.sections[key]``."""

    id: str
    config_schemas: list[PluginSchema]


class CapableProvider(BaseModel):
    id: str


class NamespaceSchema(BaseModel):
    namespace: NamespaceName
    schema_: dict[str, Any] = Field(alias="schema")


class CapabilitiesBody(BaseModel):
    """``version`` is that of the configuration which new runs use."""

    version: int
    agents: list[str]
    tools: list[CapableTool]
    plugins: list[CapablePlugin]
    skills: list[dict[str, Any]]
    models: list[ModelSpec]
    providers: list[CapableProvider]
    supported_adapters: list[str]
    namespaces: list[NamespaceSchema]


def history_item(row: EntryRevision) -> dict[str, Any]:
    return {
        "namespace": row.namespace,
        "id": row.key,
        "revision": row.revision,
        "action": row.action,
        "actor": row.actor,
        "at": to_ms(row.at),
        "before": row.before,
        "after": row.after,
    }
