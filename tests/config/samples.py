"""Documents the tests of the configuration start from."""

from typing import Any

from django.db import transaction

from config.models import Entry
from config.publication import lock_configuration, publish
from config.services import put_entry

PROVIDER: dict[str, Any] = {"id": "openai", "adapter": "openai"}
MODEL: dict[str, Any] = {
    "id": "default",
    "provider_id": "openai",
    "upstream_model": "gpt-4o-mini",
}
AGENT: dict[str, Any] = {"id": "assistant", "model_id": "default", "system_prompt": "You help."}
MCP: dict[str, Any] = {"id": "tools", "transport": "http", "url": "https://mcp.example/mcp"}


def put(namespace: str, document: object, **options: Any) -> Entry:
    return put_entry(namespace=namespace, document=document, actor="alice", **options)


@transaction.atomic
def publish_changes() -> int:
    """Publishes rows that were changed past the services; the live version."""
    lock_configuration()
    return publish(actor="alice")


def put_chain() -> None:
    """A provider, a model on it and an agent on that."""
    put("providers", PROVIDER)
    put("models", MODEL)
    put("agents", AGENT)
