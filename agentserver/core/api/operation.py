"""``@operation`` says once what a handler takes, needs and answers; views and OpenAPI both read it.

    class Threads(ApiView):
        @operation("List threads", answers={200: ThreadList})
        def get(self, request: Request, query: ThreadListQuery) -> HttpResponse: ...

        @operation("Create a thread", answers={201: ThreadBody}, empty_body=True)
        def post(self, request: Request, body: ThreadCreate) -> HttpResponse: ...

A handler parameter named ``body`` or ``query`` is filled with the parsed request; its annotation is
the wire model. A handler that parses by itself names the models with ``body=``/``query=`` instead.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, get_type_hints

from django.http.response import HttpResponseBase
from pydantic import BaseModel

READS = frozenset({"get", "head", "options"})


@dataclass(frozen=True)
class EventStream:
    """An answer of ``text/event-stream``; ``data`` is the shape of the JSON in a frame's data."""

    description: str
    data: Any = None


@dataclass(frozen=True)
class Raw:
    """An answer that is not JSON; ``data`` is its shape where it is data all the same."""

    media_type: str
    description: str
    data: Any = str


class Several(dict[str, Any]):
    """Examples by their names, where one does not say it all."""


# A wire model or any type pydantic knows, None for no body, or several for one status.
Answer = Any
Handler = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Operation:
    """`scope` is what a caller needs, None for a route that anyone may call."""

    summary: str
    scope: str | None
    answers: Mapping[int, Answer]
    errors: tuple[int, ...]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    empty_body: bool
    headers: tuple[str, ...] = ()
    examples: Mapping[str | int, Any] = field(default_factory=dict)


class Parsing(Protocol):
    def read_body(self, model: Any, *, empty: bool = False) -> Any: ...
    def read_query(self, model: Any) -> Any: ...


def operation(
    summary: str,
    *,
    answers: Mapping[int, Answer],
    errors: tuple[int, ...] = (),
    scope: str = "",
    public: bool = False,
    body: Any = None,
    query: Any = None,
    empty_body: bool = False,
    headers: tuple[str, ...] = (),
    examples: Mapping[str | int, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """``scope`` defaults to ``read`` for GET and ``run`` for the rest; ``public`` needs no caller.

    ``errors`` adds statuses to those that follow from the rest: 400, 401, 403, and with a body 413,
    415, 422. ``empty_body`` lets a request without any bytes stand for ``{}``. ``headers`` names
    request headers that count (`docs_parameters.HEADERS` describes them).

    ``examples`` maps ``"body"`` and statuses to a value, or to `Several` named ones; that of a
    stream is its text.
    """

    def decorate(handler: Handler) -> Handler:
        hints = _wire_parameters(handler)
        default = "read" if handler.__name__ in READS else "run"
        described = Operation(
            summary=summary,
            scope=None if public else scope or default,
            answers=answers,
            errors=errors,
            body=hints.get("body", body),
            query=hints.get("query", query),
            empty_body=empty_body,
            headers=headers,
            examples=examples or {},
        )
        return _filled(handler, described, filled=frozenset(hints))

    return decorate


def operation_of(handler: object) -> Operation | None:
    found = getattr(handler, "operation", None)
    return found if isinstance(found, Operation) else None


def _wire_parameters(handler: Handler) -> dict[str, Any]:
    wanted = inspect.signature(handler).parameters.keys() & {"body", "query"}
    hints = get_type_hints(handler) if wanted else {}
    return {name: hints[name] for name in wanted}


def _filled(handler: Handler, described: Operation, *, filled: frozenset[str]) -> Handler:
    @functools.wraps(handler)
    def call(view: Parsing, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "query" in filled:
            kwargs["query"] = view.read_query(described.query)
        if "body" in filled:
            kwargs["body"] = view.read_body(described.body, empty=described.empty_body)
        return handler(view, request, *args, **kwargs)

    target: Any = call if filled else handler
    target.operation = described
    return target  # type: ignore[no-any-return]
