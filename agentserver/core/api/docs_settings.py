"""How the OpenAPI document introduces itself: ``SPECTACULAR_SETTINGS`` and the order of its areas.

Read while the settings are, so nothing of Django REST framework is imported here.
"""

from typing import Any, Final

import agentserver

TITLE: Final = "agentserver"
DESCRIPTION: Final = """\
A self-hosted agent server: durable agent runs over one event log, spoken by every agent protocol.

**Callers.** Send an API key as `Authorization: Bearer as_…` or `x-api-key`; staff may use their
session. `x-scope` of an operation says what the key must be allowed: `read`, `run`, `config`, or
`admin`, which includes the others. A key may be bound to one resource; what belongs to another one
does not exist for it. In development keys are not required.

**Errors** are JSON, `{"error": "<what went wrong>", "code": "<stable word>"}`, whatever `Accept`
says; a protocol with an error form of its own uses that. 400 is a request that cannot be read,
422 a body of another shape, 409 a conflict with what is stored, 429 more requests than the limit.

**Streams** are server-sent events. A client that goes away does not stop a run; the event routes
replay it from any position and follow it from there.

**Numbers.** Times of runs are Unix seconds, all others Unix milliseconds. Lists take `offset` and
`limit` (1 to 200), or the `next_cursor` of the page before.
"""

# Group, then (tag, how it is shown, what it is about), in reading order.
AREAS: Final[tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]] = (
    (
        "Threads and runs",
        (
            ("threads", "Threads", "Conversations: their metadata, their messages, their end."),
            ("runs", "Runs", "One answer of an agent each, from its submission to its last event."),
            (
                "mailbox",
                "Mailbox",
                "The queue of a thread: every run is one job in it, and one of them is executed.",
            ),
            (
                "decisions",
                "Decisions",
                "Answers to tool calls that wait for a person: approvals, questions, own tools.",
            ),
            ("events", "Events", "The durable log of runs and threads, page by page or followed."),
        ),
    ),
    (
        "Configuration",
        (
            ("agents", "Agents", "The agents that can be asked, for readers too."),
            (
                "config",
                "Configuration",
                "Documents of the namespaces `agents`, `models`, `providers` and `mcp-servers`. "
                "Their stored forms are the schemas `AgentSpec`, `ModelSpec`, `ProviderSpec` and "
                "`McpServerSpec`; `GET /v1/config/{namespace}/$schema` answers with each as JSON "
                "Schema. Secrets can be written, never read.",
            ),
            ("providers", "Providers", "Trying a provider with its stored key."),
            (
                "mcp-servers",
                "MCP servers",
                "The state of configured MCP servers, what they offer, and restarting them.",
            ),
        ),
    ),
    (
        "Protocols",
        (
            ("ai-sdk", "AI SDK", "The UI message stream of the AI SDK, for `useChat`."),
            ("ag-ui", "AG-UI", "The Agent User Interaction protocol, for its clients."),
            ("a2a", "A2A", "The Agent2Agent protocol over HTTP and JSON."),
            ("mcp", "MCP", "The Model Context Protocol over streamable HTTP."),
            ("mastra", "Mastra", "What Mastra's client library speaks."),
        ),
    ),
    (
        "Server",
        (
            ("health", "Health", "Readiness, liveness and metrics."),
            ("docs", "This document", "OpenAPI 3.1, as JSON and as YAML."),
        ),
    ),
)
OTHER_GROUP: Final = "More"
# The page lists the component schemas under this name.
SCHEMAS_TAG: Final = "Schemas"

SPECTACULAR_SETTINGS: Final[dict[str, Any]] = {
    "TITLE": TITLE,
    "DESCRIPTION": DESCRIPTION,
    "VERSION": agentserver.__version__,
    "OAS_VERSION": "3.1.1",
    "LICENSE": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["agentserver.core.api.docs_areas.arrange"],
}
