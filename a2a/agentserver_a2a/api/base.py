"""What the A2A views share: version, dialect, and the way from request to `Call`."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix
from pydantic import BaseModel
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.views import ApiView
from agentserver.core.errors import ApiError
from agentserver_a2a.api import render
from agentserver_a2a.api.negotiation import read_object, require_version, rest_dialect
from agentserver_a2a.api.operations import Call, Json, Operation
from agentserver_a2a.api.shapes import A2AErrorBody
from runs.api.idempotency import idempotency_key


class A2AView(ApiView):
    tag = "a2a"
    error_model: ClassVar[type[BaseModel]] = A2AErrorBody

    @staticmethod
    def error_dialect(error: ApiError, request: HttpRequest) -> HttpResponse:
        return rest_dialect(error, request)

    def call(self, request: Request, tenant: str | None, *, from_query: bool = False) -> Call:
        return Call(
            principal=principal_of(request),
            tenant=tenant,
            idempotency_key=idempotency_key(request),
            base_url=base_url(request._request),
            from_query=from_query,
        )


class RestView(A2AView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        require_version(request._request)

    def read(
        self, operation: Operation, request: Request, tenant: str | None, **path: str
    ) -> HttpResponseBase:
        """`operation` with the members of path and query."""
        members: Json = {**request._request.GET.dict(), **path}
        call = self.call(request, tenant, from_query=True)
        return render.rest(operation(call, members), request._request)

    def write(
        self,
        operation: Operation,
        request: Request,
        tenant: str | None,
        *,
        empty: bool = False,
        **path: str,
    ) -> HttpResponseBase:
        """`operation` with the members of the body; those of the path go before them."""
        members: Json = {**read_object(request._request, empty=empty), **path}
        return render.rest(operation(self.call(request, tenant), members), request._request)


def base_url(request: HttpRequest) -> str:
    """Scheme and host as the caller sees them; a proxy is believed where Django is told to."""
    return request.build_absolute_uri(get_script_prefix()).rstrip("/")
