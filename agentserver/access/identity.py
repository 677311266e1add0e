"""Who sends a request: an API key, a signed-in member of staff, or (when allowed) anybody."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import CSRFCheck
from rest_framework.request import Request

from agentserver.access import keys
from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.access.staff import staff_principal
from agentserver.core.errors import Forbidden, Unauthenticated

CHALLENGE = 'Bearer realm="agentserver"'


def principal_of(request: Request | HttpRequest) -> Principal:
    """The caller of a DRF or plain request; `Unauthenticated` when it needs one and has none.

    May read the database, so async code calls it in a thread.
    """
    known = getattr(request, "auth", None)
    if isinstance(known, Principal):
        return known
    found = identify(request._request if isinstance(request, Request) else request)
    if found is None:
        raise unauthenticated("authentication is required")
    return found


def identify(request: HttpRequest) -> Principal | None:
    """A presented key counts before a session; a wrong one is refused, not ignored."""
    token = presented_token(request)
    if token and keys.is_key(token):
        found = keys.verify(token)
        if found is None:
            raise unauthenticated("invalid API key", error="invalid_token")
        return found
    staff = _staff(request)
    if staff is not None:
        return staff
    return None if settings.AGENTSERVER_REQUIRE_KEYS else ANONYMOUS


def presented_token(request: HttpRequest) -> str:
    """The bearer token, else the ``x-api-key`` header, else ""."""
    kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return str(token.strip())
    return str(request.META.get("HTTP_X_API_KEY", "")).strip()


def unauthenticated(message: str, *, error: str = "") -> Unauthenticated:
    challenge = f'{CHALLENGE}, error="{error}"' if error else CHALLENGE
    return Unauthenticated(message, headers={"WWW-Authenticate": challenge})


def _staff(request: HttpRequest) -> Principal | None:
    """Looks at the session store only when there is a cookie. CSRF is enforced."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    user = getattr(request, "user", None)
    found = staff_principal(user) if user else None
    if found:
        _enforce_csrf(request)
    return found


def _enforce_csrf(request: HttpRequest) -> None:
    check = CSRFCheck(_unused_view)
    check.process_request(request)
    reason = check.process_view(request, _unused_view, (), {})
    if reason:
        raise Forbidden(f"CSRF check failed: {reason}", code="csrf_failed")


def _unused_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
