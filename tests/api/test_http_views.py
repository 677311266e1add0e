"""What the base gives the views of every face."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pydantic import BaseModel
from rest_framework.request import Request

from agentserver.core.api.answers import encode, json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView
from agentserver.core.asgi_handler import Handler
from agentserver.core.errors import ApiError


class Count(BaseModel):
    count: int


def upside_down(error: ApiError, request: HttpRequest) -> HttpResponse:
    return json_answer({"oops": error.message}, status=error.status)


class Counter(ApiView):
    error_dialect = staticmethod(upside_down)
    max_body_bytes = 20

    @operation("Count", answers={200: Count}, public=True)
    def post(self, request: Request, body: Count, query: Count) -> HttpResponse:
        return json_answer(Count(count=body.count + query.count))


def send(body: str, query: str = "?count=1") -> HttpResponse:
    request = RequestFactory().post("/" + query, body, content_type="application/json")
    answer: HttpResponse = Counter.as_view()(request)
    return answer


def test_it_fills_body_and_query_from_their_models() -> None:
    assert send('{"count": 2}').content == b'{"count":3}'


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        ("{", "?count=1", 400),
        ('{"count": "x"}', "?count=1", 422),
        ('{"count": 1}', "?count=x", 400),
        ('{"count": 1}', "", 400),
        ('{"count": 1}' + " " * 20, "?count=1", 413),
    ],
)
def test_it_answers_in_the_dialect_of_the_view(body: str, query: str, status: int) -> None:
    answer = send(body, query)
    assert answer.status_code == status
    assert answer.content.startswith(b'{"oops":')


def test_it_wants_every_handler_described() -> None:
    with pytest.raises(TypeError, match="needs @operation"):

        class Undescribed(ApiView):
            def get(self, request: Request) -> HttpResponse:
                return json_answer({})


@pytest.mark.parametrize("value", [2**80, "\ud800", [[]] * 3, float("nan")])
def test_it_encodes_whatever_is_json(value: Any) -> None:
    assert encode({"a": value})


def status_over_asgi(path: str, raw_path: bytes) -> int:
    sent: list[dict[str, Any]] = []
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        # The client stays connected until it has its answer.
        return requests.pop() if requests else await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": raw_path,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    handler = Handler()
    async_to_sync(handler)(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize("rest", ["b", "messages"])
def test_it_refuses_an_encoded_slash_in_an_id(open_access: None, rest: str) -> None:
    raw = f"/v1/threads/a%2F{rest}".encode()
    assert status_over_asgi(f"/v1/threads/a/{rest}", raw) == 400
