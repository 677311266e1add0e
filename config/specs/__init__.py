"""The four kinds of stored documents (docs/native-api.md, Documents)."""

from config.specs.agent import AgentSpec, ContextPolicy, ReasoningBudget
from config.specs.endpoint import BearerAuth, Endpoint
from config.specs.mcp_server import ClientCredentials, McpServerSpec, RestartPolicy
from config.specs.model import Modalities, ModelSpec
from config.specs.provider import ProviderSpec

__all__ = [
    "AgentSpec",
    "BearerAuth",
    "ClientCredentials",
    "ContextPolicy",
    "Endpoint",
    "McpServerSpec",
    "Modalities",
    "ModelSpec",
    "ProviderSpec",
    "ReasoningBudget",
    "RestartPolicy",
]
