"""The DRF ends of access: named in ``REST_FRAMEWORK``, used by every `ApiView`."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from agentserver.access.identity import CHALLENGE, identify, unauthenticated
from agentserver.access.principal import Principal
from agentserver.core.errors import Forbidden

if TYPE_CHECKING:
    # rest_framework.views imports the classes below while it is being imported itself.
    from rest_framework.views import APIView


class PrincipalAuthentication(BaseAuthentication):
    """``request.auth`` becomes the `Principal`; ``request.user`` is set for sessions only."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        principal = identify(request._request)
        if principal is None:
            return None
        if principal.kind == "user":
            return request._request.user, principal
        return AnonymousUser(), principal

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class HasScope(BasePermission):
    """Asks ``view.scope_of(method)``; a view without it needs ``admin``."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scope_of = getattr(view, "scope_of", None)
        scope = "admin" if scope_of is None else scope_of(request.method)
        if scope is None:
            return True
        if not isinstance(request.auth, Principal):
            raise unauthenticated("authentication is required")
        if not request.auth.has(scope):
            raise Forbidden(f"this needs the scope {scope!r}", code="insufficient_scope")
        return True
