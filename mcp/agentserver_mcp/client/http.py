"""HTTP to MCP servers: through the guard for outgoing requests, noting what became of each."""

import httpx2

from agentserver.core.egress import EgressRefused
from agentserver.core.egress.client2 import GuardedTransport
from agentserver_mcp.client import oauth
from agentserver_mcp.client.call import current_call
from config.specs import McpServerSpec

# Of one answer; a stream that stays open for notifications counts as one.
MAX_BYTES = 64 * 1024 * 1024
_NEVER_ARRIVED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, EgressRefused)
_NO_SUCH_SESSION = 404


class NotingTransport(GuardedTransport):
    """Marks the call whose request did not get through, or met a server that forgot the session.

    `last_failure` is the status of the last answer where that was an error, else 0.
    """

    last_failure = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        call = current_call.get()
        try:
            response = await super().handle_async_request(request)
        except _NEVER_ARRIVED:
            if call is not None and request.method == "POST":
                call.refused = True
            raise
        if request.method == "POST":
            self.last_failure = response.status_code if response.status_code >= 400 else 0
            if call is not None and response.status_code == _NO_SUCH_SESSION:
                call.refused = True
        return response


def client_for(spec: McpServerSpec, transport: NotingTransport) -> httpx2.AsyncClient:
    """Reading has no limit of its own: each request has one, and streams stay open."""
    return httpx2.AsyncClient(
        auth=oauth.auth_for(spec),
        transport=transport,
        timeout=httpx2.Timeout(float(spec.timeout_secs), read=None),
        headers=spec.headers,
        follow_redirects=False,
        trust_env=False,
    )
