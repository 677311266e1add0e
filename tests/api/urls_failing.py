"""The routes of the product, and views that fail at will."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpResponse
from django.urls import include, path
from rest_framework.request import Request

from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView

_failures: list[Exception] = []


@contextmanager
def failing_with(error: Exception) -> Iterator[None]:
    """``/boom`` raises ``error``."""
    _failures.append(error)
    try:
        yield
    finally:
        _failures.clear()


class Boom(ApiView):
    @operation("Fail", answers={200: None})
    def get(self, request: Request) -> HttpResponse:
        raise _failures[-1]


def crash(request: object) -> HttpResponse:
    raise RuntimeError("a detail that nobody outside may read")


urlpatterns = [
    path("", include("agentserver.urls")),
    path("boom", Boom.as_view()),
    path("crash", crash),
]

handler400 = "agentserver.core.api.errors.bad_request"
handler403 = "agentserver.core.api.errors.permission_denied"
handler404 = "agentserver.core.api.errors.not_found"
handler500 = "agentserver.core.api.errors.server_error"
