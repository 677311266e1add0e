"""What an operator does to a row: a POST that calls a service and says how it went."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.http import url_has_allowed_host_and_scheme

from agentserver.core.errors import ApiError

AdminView = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Verb:
    """``call(request, object id)`` does it and returns what to tell the operator.

    An `ApiError` it raises is shown as a message. `permission` is the full name of the permission
    that the operator needs.
    """

    name: str
    permission: str
    call: Callable[[HttpRequest, str], str]

    def view(self, request: HttpRequest, object_id: str, *, back: str) -> HttpResponse:
        """Ends with a redirect to the local page named in ``next``, else to ``back``."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        try:
            messages.success(request, self.call(request, object_id))
        except ApiError as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(_next(request) or back)


def url_of(verb: Verb, name: str, view: AdminView) -> URLPattern:
    return path(f"<path:object_id>/{verb.name}/", view, name=name)


def actor_of(request: HttpRequest) -> str:
    """How the history of a document names whoever is signed in."""
    user = request.user
    return f"user:{user.get_username()}" if isinstance(user, AbstractBaseUser) else "user:"


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    is_local = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_local else ""
