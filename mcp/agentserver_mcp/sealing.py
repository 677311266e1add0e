"""What a 2026 client carries back to us is sealed: it can neither read nor change it.

The keys follow from ``SECRET_KEY`` and its fallbacks, so any process opens what another sealed,
across restarts, and a rotated key goes on opening while it is a fallback.
"""

from hashlib import sha256

from django.conf import settings
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity

from agentserver.core.api.docs_settings import TITLE
from agentserver_mcp.catalogue import Context
from agentserver_mcp.sessions import owner_of

LIFETIME_SECONDS = 86_400.0
"""A person may take a day to answer."""


def sealed_state() -> RequestStateBoundary:
    """The middleware that seals outgoing and opens incoming ``requestState``."""
    texts = dict.fromkeys((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))
    security = RequestStateSecurity(
        keys=[_stretched(text) for text in texts], ttl=LIFETIME_SECONDS, bind_principal=_principal
    )
    return RequestStateBoundary(security, default_audience=TITLE)


def _stretched(text: str) -> bytes:
    # The codec derives its key from this; it only insists on 32 bytes.
    return sha256(b"agentserver mcp request state\0" + text.encode()).digest()


def _principal(ctx: Context) -> str:
    exchange = ctx.request
    return owner_of(exchange.principal) if exchange is not None else ""
