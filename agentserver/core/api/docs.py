"""The OpenAPI document and two pages that show it, with nothing loaded from elsewhere."""

import threading
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_urlconf
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework.request import Request

from agentserver.core.api.answers import JSON
from agentserver.core.api.docs_settings import SCHEMAS_TAG, TITLE
from agentserver.core.api.operation import Raw, operation
from agentserver.core.api.views import ApiView

YAML: Final = "application/yaml"
# Both pages style themselves at run time; Redoc searches in a worker it makes up. The logo that it
# would load from its makers is not shown.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The package has no types.
_GENERATOR: Any = SchemaGenerator
_RENDERERS: dict[str, Any] = {JSON: OpenApiJsonRenderer, YAML: OpenApiYamlRenderer}
_generating = threading.Lock()


def document() -> dict[str, Any]:
    """The OpenAPI document of the routes in force. Not to be changed: it is made once."""
    with _generating:
        return _document(get_urlconf() or settings.ROOT_URLCONF)


@cache
def _document(urlconf: str) -> dict[str, Any]:
    generator: Any = _GENERATOR(urlconf=urlconf)
    made: dict[str, Any] = generator.get_schema(request=None, public=True)
    return made


@cache
def _rendered(urlconf: str, content_type: str) -> bytes:
    rendered: bytes = _RENDERERS[content_type]().render(document())
    return rendered


class _DocumentView(ApiView):
    """Describes routes that are the same for everybody, so it asks nobody who they are."""

    tag = "docs"
    authentication_classes = ()
    permission_classes = ()


class OpenApiJson(_DocumentView):
    @operation("Get this document as JSON", public=True, answers={200: dict[str, Any]})
    def get(self, request: Request) -> HttpResponse:
        return _answer(JSON)


class OpenApiYaml(_DocumentView):
    @operation(
        "Get this document as YAML",
        public=True,
        answers={200: Raw(YAML, "OpenAPI 3.1 as YAML", data=dict[str, Any])},
    )
    def get(self, request: Request) -> HttpResponse:
        return _answer(YAML)


def _answer(content_type: str) -> HttpResponse:
    content = _rendered(get_urlconf() or settings.ROOT_URLCONF, content_type)
    return HttpResponse(content, content_type=content_type)


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI: every operation can be tried, with a key or the session of a member of staff."""
    return _page(request, "docs/swagger.html")


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc: the document for reading."""
    return _page(request, "docs/redoc.html")


def _page(request: HttpRequest, template: str) -> HttpResponse:
    response = render(request, template, {"title": TITLE, "schemas_tag": SCHEMAS_TAG})
    response["Content-Security-Policy"] = POLICY
    return response
