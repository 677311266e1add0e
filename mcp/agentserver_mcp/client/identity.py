"""When two documents mean the same server, and when they mean the same connection to it."""

import hashlib
from typing import Any

from django.utils.crypto import salted_hmac

from agentserver.core.exact_json import dumps
from config.specs import McpServerSpec

_SALT = "agentserver_mcp.client.identity"


def address_of(spec: McpServerSpec) -> str:
    """A mark of where the server is. Another mark means: what was known of it is void."""
    where = [spec.transport, spec.command, spec.args, spec.url]
    return hashlib.sha256(dumps(where).encode()).hexdigest()


def fingerprint_of(spec: McpServerSpec) -> str:
    """A mark of everything a connection depends on; keyed, because secrets go into it."""
    return salted_hmac(_SALT, dumps(connection_of(spec)), algorithm="sha256").hexdigest()


def connection_of(spec: McpServerSpec) -> list[Any]:
    """What a connection is made with. Policies of tools and of restarting are no part of it."""
    return [
        *(spec.transport, spec.command, spec.args, spec.url),
        *(spec.env, spec.headers, spec.config, spec.timeout_secs),
        spec.auth.model_dump(mode="json") if spec.auth else None,
    ]
