"""HTTP to MCP servers: through the guard for outgoing requests, noting what became of each."""

import httpx2

from agentserver.core.egress import EgressRefused
from agentserver.core.egress.client2 import GuardedTransport
from agentserver_mcp.client import oauth
from agentserver_mcp.client.call import Call, current_call
from config.specs import McpServerSpec

# Of one answer; a stream that stays open for notifications counts as one.
MAX_BYTES = 64 * 1024 * 1024
_NEVER_ARRIVED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, EgressRefused)
_NO_SUCH_SESSION = 404
_UNAUTHORIZED = 401


class NotingTransport(GuardedTransport):
    """Marks the call whose request did not get through, met a server that forgot the session, or
    was denied. `last_failure` is what the last answer was, where that was an error.
    """

    last_failure = ""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        call = current_call.get()
        try:
            response = await super().handle_async_request(request)
        except _NEVER_ARRIVED:
            if call is not None and request.method == "POST":
                call.refused = True
            raise
        if request.method == "POST":
            self._note(response.status_code, call)
        return response

    def _note(self, status: int, call: Call | None) -> None:
        self.last_failure = f"HTTP {status}" if status >= 400 else ""
        if call is not None:
            call.refused = call.refused or status == _NO_SUCH_SESSION
            call.denied = self.last_failure if status == _UNAUTHORIZED else ""

    def note_denial(self, reason: str) -> None:
        """Why the request that is under way here is not let in, "" when it is sent again."""
        self.last_failure = reason
        call = current_call.get()
        if call is not None:
            call.denied = reason


def client_for(spec: McpServerSpec, transport: NotingTransport) -> httpx2.AsyncClient:
    """Reading has no limit of its own: each request has one, and streams stay open."""
    return httpx2.AsyncClient(
        auth=oauth.auth_for(spec, transport.note_denial),
        transport=transport,
        timeout=httpx2.Timeout(float(spec.timeout_secs), read=None),
        headers=spec.headers,
        follow_redirects=False,
        trust_env=False,
    )
