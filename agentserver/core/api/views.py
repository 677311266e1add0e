"""`ApiView`: what every JSON route of the server is built on.

A handler is described by ``@operation`` and returns ``json_answer`` (or a stream). Raising an
`ApiError` answers in the dialect of the view. A face changes the dialect for all its views:

    class MastraView(ApiView):
        error_dialect = staticmethod(mastra_error)
        error_model = MastraErrorBody
"""

from typing import Any, ClassVar, TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydantic import BaseModel, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from agentserver.core.api.answers import JSON, OrjsonRenderer
from agentserver.core.api.body import read_json
from agentserver.core.api.errors import (
    ErrorBody,
    MethodNotAllowed,
    as_api_error,
    has_encoded_slash,
    invalid,
    log_unexpected,
    native_error,
)
from agentserver.core.api.operation import operation_of
from agentserver.core.api.schema import ApiSchema
from agentserver.core.errors import ApiError, BadRequest, Unprocessable
from agentserver.core.ids import checked_id

Wire = TypeVar("Wire", bound=BaseModel)
VERBS = ("get", "post", "put", "patch", "delete")
_RENDERER = OrjsonRenderer()


class JsonParser(BaseParser):
    """Behind ``request.data``; handlers take ``body`` instead."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return read_json((parser_context or {})["request"]._request)


class AlwaysJson(BaseContentNegotiation):
    """No 406: an event stream may be asked for where only its error is JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], JSON


_NEGOTIATION = AlwaysJson()
_PARSERS = (JsonParser(),)


class ApiView(APIView):
    """Authentication and permission come from the DRF settings; everything else is here.

    `max_body_bytes` raises the limit for one view (BodyLimit must let it through as well). Path
    parameters named ``id`` or ``*_id`` are checked as ids: 400.
    """

    renderer_classes = (OrjsonRenderer,)
    parser_classes = (JsonParser,)
    content_negotiation_class = AlwaysJson
    metadata_class = None
    throttle_classes = ()
    schema = ApiSchema()
    error_model: ClassVar[type[BaseModel]] = ErrorBody
    max_body_bytes: ClassVar[int | None] = None
    tag: ClassVar[str] = ""

    @staticmethod
    def error_dialect(error: ApiError, request: HttpRequest) -> HttpResponse:
        return native_error(error, request)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for verb in VERBS:
            handler = cls.__dict__.get(verb)
            if handler is not None and operation_of(handler) is None:
                raise TypeError(f"{cls.__name__}.{verb} needs @operation")

    def scope_of(self, method: str) -> str | None:
        """The scope a caller needs; None on public routes and for verbs that do not exist."""
        described = operation_of(getattr(self, method.lower(), None))
        return described.scope if described else None

    # --- one request ------------------------------------------------------------------------
    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        return Request(
            request,
            parsers=_PARSERS,
            authenticators=self.get_authenticators(),
            negotiator=_NEGOTIATION,
            parser_context={},
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = _RENDERER, JSON
        if self.scope_of(request.method or "") is not None:
            self.perform_authentication(request)
            self.check_permissions(request)
        _check_path(request._request, kwargs)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        verbs = (verb for verb in VERBS if verb in self.http_method_names and hasattr(self, verb))
        allowed = ", ".join(verb.upper() for verb in verbs)
        raise MethodNotAllowed(f"{request.method} is not allowed here", headers={"Allow": allowed})

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        error = as_api_error(exc)
        log_unexpected(exc, error, self.request._request)
        return self.error_dialect(error, self.request._request)

    # --- what was sent ----------------------------------------------------------------------
    def read_body(self, model: type[Wire], *, empty: bool = False) -> Wire:
        """The JSON body as ``model``: 413, 415, 400 malformed, 422 another shape."""
        data = read_json(self.request._request, limit=self.max_body_bytes, empty=empty)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            raise invalid(error, what="body", as_=Unprocessable) from None

    def read_query(self, model: type[Wire]) -> Wire:
        """The query string as ``model``, else 400. Of equal names the last one counts."""
        given = self.request._request.GET.dict()
        if any("\0" in value for value in given.values()):
            raise BadRequest("the character U+0000 is not allowed in a query")
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise invalid(error, what="query", as_=BadRequest) from None


def _check_path(request: HttpRequest, parameters: dict[str, Any]) -> None:
    if parameters and has_encoded_slash(request):
        raise BadRequest("invalid id: '/' is not allowed in an id")
    for name, value in parameters.items():
        if name == "id" or name.endswith("_id"):
            checked_id(value, what=name)
