"""The closed table of namespaces: which document each one holds and how it is shown."""

from dataclasses import dataclass, field
from typing import Final

from config.errors import unknown_namespace
from config.secret_members import SecretMembers
from config.specs import AgentSpec, McpServerSpec, ModelSpec, ProviderSpec
from config.specs.base import Spec

AGENTS: Final = "agents"
MODELS: Final = "models"
PROVIDERS: Final = "providers"
MCP_SERVERS: Final = "mcp-servers"

# Members a response adds. A client that sends back what it read sends them too.
RESPONSE_ONLY: Final = frozenset(
    {"created_at", "updated_at", "revision", "has_api_key"}
    | {"has_env", "env_keys", "has_headers", "header_keys"}
)


@dataclass(frozen=True, slots=True)
class Namespace:
    """``shown_as_null``: members that a response holds even when they are null."""

    name: str
    spec: type[Spec]
    secret: SecretMembers = field(default_factory=SecretMembers)
    shown_as_null: frozenset[str] = frozenset()


NAMESPACES: Final = {
    namespace.name: namespace
    for namespace in (
        Namespace(
            AGENTS,
            AgentSpec,
            SecretMembers(
                named=(("endpoint", "auth", "token"),), free_form=(("endpoint", "options"),)
            ),
            shown_as_null=frozenset(
                {
                    "context_policy",
                    "reasoning_effort",
                    "allowed_tools",
                    "excluded_tools",
                    "endpoint",
                    "registry",
                }
            ),
        ),
        Namespace(MODELS, ModelSpec),
        Namespace(
            PROVIDERS,
            ProviderSpec,
            SecretMembers(named=(("api_key",),), free_form=(("adapter_options",),)),
        ),
        Namespace(
            MCP_SERVERS,
            McpServerSpec,
            SecretMembers(
                named=(("auth", "client_secret"),),
                maps=(("env",), ("headers",)),
                free_form=(("config",),),
            ),
        ),
    )
}


def find_namespace(name: str) -> Namespace:
    """Raises `NotFound` ``unknown namespace: <name>``."""
    try:
        return NAMESPACES[name]
    except KeyError:
        raise unknown_namespace(name) from None
