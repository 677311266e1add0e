"""``/metrics`` and a few views to be counted."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def thing(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(status=number)


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a view that fails")


urlpatterns = [
    path("", include("agentserver.telemetry.urls")),
    path("things/<int:number>", thing),
    path("crash", crash),
]
