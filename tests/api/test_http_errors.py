"""Every error is ``{"error": ...}`` as JSON, whatever failed and whatever was asked for."""

import json
import logging
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404
from django.test import Client

from agentserver.core.errors import Conflict
from tests.api.conftest import JsonClient
from tests.api.urls_failing import failing_with
from threads.models import Thread

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.urls_failing")]


def assert_error(response: Any, status: int) -> str:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    return str(json.loads(response.content)["error"])


def post(client: JsonClient, raw: bytes, content_type: str = "application/json") -> Any:
    return client.client.post("/v1/threads", raw, content_type=content_type)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b'{"title": NaN}',
        b'{"title": "\\ud800"}',
        b'{"title": "\xff"}',
        b'{"a": 1} x',
        b"[" * 5000,
        b"[" * 500 + b"]" * 500,
    ],
    ids=["cut", "nan", "surrogate", "not utf-8", "trailing", "unclosed", "deep"],
)
def test_it_answers_400_to_malformed_json_and_goes_on(api: JsonClient, raw: bytes) -> None:
    assert "malformed JSON" in assert_error(post(api, raw), 400)
    assert post(api, b"{}").status_code == 201


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"null", b'{"title": 5}', b'{"custom": []}'])
def test_it_answers_422_to_json_of_another_shape(api: JsonClient, raw: bytes) -> None:
    assert_error(post(api, raw), 422)
    assert not Thread.objects.exists()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_it_answers_415_to_a_body_that_is_not_json(api: JsonClient, kind: str) -> None:
    assert_error(post(api, b"{}", kind), 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/ld+json"])
def test_it_accepts_any_json_media_type(api: JsonClient, kind: str) -> None:
    assert post(api, b"{}", kind).status_code == 201


def test_it_answers_413_beyond_the_limit_and_accepts_the_limit_itself(
    api: JsonClient, settings: Any
) -> None:
    settings.AGENTSERVER_MAX_BODY_BYTES = 100
    padded = b'{"title": "' + b"x" * 87 + b'"}'
    assert len(padded) == 100
    assert post(api, padded).status_code == 201
    assert "100 bytes" in assert_error(post(api, padded + b" "), 413)


@pytest.mark.parametrize(
    "body", [{"title": "a\0"}, {"custom": {"a": ["\0"]}}, {"custom": {"\0": 1}}]
)
def test_it_refuses_nul_where_the_database_cannot_store_it(api: JsonClient, body: Any) -> None:
    assert_error(api.post("/v1/threads", body), 400)


@pytest.mark.parametrize("accept", ["text/event-stream", "text/html", "image/png", "nonsense", ""])
def test_it_never_answers_406(api: JsonClient, accept: str) -> None:
    answer = api.client.get("/v1/threads/nobody", headers={"accept": accept})
    assert assert_error(answer, 404) == "thread not found: nobody"


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing", "/v1/threads/", "/v1/threads/a/b/c"])
def test_it_answers_404_in_json_to_an_unknown_path(
    api: JsonClient, settings: Any, debug: bool, path: str
) -> None:
    settings.DEBUG = debug
    assert_error(api.get(path), 404)


def test_it_answers_405_with_the_verbs_that_exist(api: JsonClient) -> None:
    answer = api.client.put("/v1/threads")
    assert_error(answer, 405)
    assert answer.headers["Allow"] == "GET, POST"


def test_it_names_only_the_verbs_of_an_alias(api: JsonClient) -> None:
    answer = api.get("/v1/threads/x/metadata")
    assert_error(answer, 405)
    assert answer.headers["Allow"] == "PATCH"


@pytest.mark.parametrize("verb", ["OPTIONS", "TRACE", "BREW"])
def test_it_answers_405_to_other_verbs(api: JsonClient, verb: str) -> None:
    assert_error(api.client.generic(verb, "/v1/threads"), 405)


@pytest.mark.parametrize("name", ["a%0ab", "a%00b", "a%5Cb", "%7F", "x" * 256])
def test_it_answers_400_to_an_impossible_id(api: JsonClient, name: str) -> None:
    assert_error(api.get(f"/v1/threads/{name}"), 400)


def test_it_answers_400_to_a_nul_in_the_query(api: JsonClient) -> None:
    assert_error(api.get("/v1/threads", resource_id="a\0b"), 400)


@pytest.mark.parametrize("debug", [True, False])
def test_it_hides_a_crash_outside_an_api_view(
    api: JsonClient, settings: Any, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = debug
    with caplog.at_level(logging.CRITICAL, logger="django.request"):
        assert "detail" not in assert_error(api.get("/crash"), 500)


def test_it_hides_a_crash_in_a_view_and_logs_it(
    api: JsonClient, caplog: pytest.LogCaptureFixture
) -> None:
    with failing_with(RuntimeError("a detail")):
        assert assert_error(api.get("/boom"), 500) == "internal server error"
    logged = [record for record in caplog.records if record.name == "agentserver.http"]
    assert logged
    assert logged[0].exc_info


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("host=secret.internal"), 503),
        (IntegrityError("secret row"), 409),
        (DataError("secret value"), 400),
        (Http404("secret model"), 404),
    ],
)
def test_it_keeps_the_texts_of_the_database_inside(
    api: JsonClient, error: Exception, status: int
) -> None:
    with failing_with(error):
        assert "secret" not in assert_error(api.get("/boom"), status)


def test_it_shows_the_extra_members_of_an_error(api: JsonClient) -> None:
    with failing_with(Conflict("in use", details={"used_by": ["x"]})):
        answer = api.get("/boom")
    assert answer.json() == {"error": "in use", "code": "conflict", "used_by": ["x"]}


def test_it_answers_json_to_a_host_it_does_not_serve(
    api: JsonClient, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    with caplog.at_level(logging.CRITICAL):
        assert_error(api.client.get("/v1/threads", headers={"host": "evil.example"}), 400)


def test_it_answers_head_like_get(open_access: None) -> None:
    answer = Client().head("/v1/threads")
    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.parametrize(("typed", "page"), [("/", "/docs"), ("/admin", "/admin/")])
@pytest.mark.urls("agentserver.urls")
def test_it_sends_people_to_the_page_they_mean(client: Client, typed: str, page: str) -> None:
    answer = client.get(typed)
    assert (answer.status_code, answer.headers["location"]) == (302, page)
