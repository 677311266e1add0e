"""Which web pages may speak to the MCP routes.

A page can make its own name resolve to this machine (DNS rebinding), so that its origin and the
request's host agree: only a list of names protects. Programs send no origin.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host

from agentserver.core.errors import Forbidden

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def check_origin(request: HttpRequest) -> None:
    """`Forbidden` when the request comes from a page that is not known here."""
    origin = request.headers.get("Origin")
    if origin is not None and not _is_known(origin.strip()):
        raise Forbidden("this origin is not allowed", code="origin_not_allowed")


def _is_known(origin: str) -> bool:
    if origin in (*settings.AGENTSERVER_MCP_ORIGINS, *settings.AGENTSERVER_CORS_ORIGINS):
        return origin != "*"
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    named = f"[{host}]" if ":" in host else host
    return bool(host) and validate_host(named, [*LOOPBACK, *_own_names()])


def _own_names() -> list[str]:
    return [name for name in settings.ALLOWED_HOSTS if name != "*"]
