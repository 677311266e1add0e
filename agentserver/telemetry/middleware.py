"""Counts HTTP requests by method, route and status."""

from collections.abc import Callable
from time import perf_counter
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agentserver.telemetry.instruments import HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS

UNMATCHED: Final = "unmatched"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_Report = tuple[Callable[[], None], Callable[[float], None]]


class CountRequests:
    """Goes before all other middleware. `route` is the pattern that matched, never the path."""

    async_capable = False
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        # Looking a child up by its labels costs more than counting with it.
        self._reports: dict[tuple[str | None, str, int], _Report] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began, status = perf_counter(), 500
        HTTP_IN_FLIGHT.inc()
        try:
            response = self.get_response(request)
            status = response.status_code
            return response
        finally:
            HTTP_IN_FLIGHT.dec()
            match = request.resolver_match
            count, observe = self._report(request.method, match.route if match else "", status)
            count()
            observe(perf_counter() - began)

    def _report(self, method: str | None, route: str, status: int) -> _Report:
        key = (method if method in METHODS else "other", route, status)
        return self._reports.get(key) or self._prepare(*key)

    def _prepare(self, method: str | None, route: str, status: int) -> _Report:
        where = (method or "other", route or UNMATCHED)
        report = (
            HTTP_REQUESTS.labels(*where, str(status)).inc,
            HTTP_DURATION.labels(*where).observe,
        )
        self._reports[method, route, status] = report
        return report
