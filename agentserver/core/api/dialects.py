"""In which words an error is told where no view of ours speaks: by the address it was sent to."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from agentserver.core.errors import ApiError

Dialect = Callable[[ApiError, HttpRequest], HttpResponse]

_by_prefix: dict[str, Dialect] = {}


def speak(prefix: str, dialect: Dialect) -> None:
    """Errors of unknown paths that begin with ``prefix`` are told in ``dialect``."""
    _by_prefix[prefix] = dialect


def tell(error: ApiError, request: HttpRequest, *, otherwise: Dialect) -> HttpResponse:
    """In the dialect of the view behind the path, else in that of the longest known prefix."""
    return (_of_view(request.path_info) or _of_prefix(request.path_info) or otherwise)(
        error, request
    )


def _of_view(path: str) -> Dialect | None:
    try:
        view = resolve(path).func
    except Resolver404:
        return None
    dialect: Dialect | None = getattr(getattr(view, "cls", None), "error_dialect", None)
    return dialect


def _of_prefix(path: str) -> Dialect | None:
    fitting = [prefix for prefix in _by_prefix if path.startswith(prefix)]
    return _by_prefix[max(fitting, key=len)] if fitting else None
