"""Optimistic locking: ``ETag``, ``If-Match`` and the ``revision`` of a body."""

from collections.abc import Callable

import pytest

from agentserver.core.errors import BadRequest
from config.api.preconditions import NO_REVISION, expected_revision
from tests.config.conftest import ConfigClient
from tests.config.samples import PROVIDER

pytestmark = pytest.mark.django_db

OPENAI = "/v1/config/providers/openai"


@pytest.fixture
def second(api: ConfigClient) -> ConfigClient:
    """There is a provider ``openai`` at revision 2."""
    api.put(OPENAI, PROVIDER)
    api.put(OPENAI, {**PROVIDER, "timeout_secs": 5})
    return api


def test_it_tells_the_revision_as_a_strong_etag(second: ConfigClient) -> None:
    assert second.get(OPENAI)["ETag"] == '"2"'
    assert second.put(OPENAI, PROVIDER)["ETag"] == '"3"'
    assert second.patch(OPENAI, {"timeout_secs": 9})["ETag"] == '"4"'
    assert second.get(OPENAI).json()["revision"] == 4


def test_it_writes_when_the_etag_matches(second: ConfigClient) -> None:
    assert second.put(OPENAI, PROVIDER, if_match='"2"').status_code == 200
    assert second.patch(OPENAI, {"timeout_secs": 1}, if_match='"3"').status_code == 200
    assert second.delete(OPENAI, if_match='"4"').status_code == 204


@pytest.mark.parametrize("verb", ["put", "patch", "delete"])
@pytest.mark.parametrize("header", ['"1"', 'W/"2"', '"abc"', '"1", "3"'])
def test_it_refuses_a_stale_write(second: ConfigClient, verb: str, header: str) -> None:
    answer = second.send(verb, OPENAI, PROVIDER, {"if_match": header})
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "conflict: providers/openai was changed meanwhile: its revision is 2",
        "code": "stale_revision",
        "revision": 2,
    }
    assert second.get(OPENAI).json()["timeout_secs"] == 5


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_it_refuses_a_stale_revision_in_the_body(second: ConfigClient, verb: str) -> None:
    answer = second.send(verb, OPENAI, {**PROVIDER, "revision": 1}, {})
    assert (answer.status_code, answer.json()["revision"]) == (409, 2)


def test_it_goes_by_the_header_where_both_are_given(second: ConfigClient) -> None:
    body = {**PROVIDER, "revision": 1}
    assert second.put(OPENAI, body, if_match='"2"').status_code == 200


def test_it_refuses_a_conditional_write_to_nothing(api: ConfigClient) -> None:
    for header in ("*", '"1"'):
        answer = api.put(OPENAI, PROVIDER, if_match=header)
        assert (answer.status_code, answer.json()["revision"]) == (409, 0)


def test_it_refuses_a_header_it_cannot_read(second: ConfigClient) -> None:
    assert second.put(OPENAI, PROVIDER, if_match="2").status_code == 400


def number(value: int) -> Callable[[], int]:
    return lambda: value


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", None),
        ("*", 7),
        ('"7"', 7),
        (' "3" , "7" ', 7),
        ('"3", W/"7"', 3),
        ('W/"7"', NO_REVISION),
        ('"1","2"', NO_REVISION),
        ('"99999999999999999999"', NO_REVISION),
    ],
)
def test_it_reads_lists_of_tags(header: str, wanted: int | None) -> None:
    assert expected_revision(header, number(7)) == wanted


@pytest.mark.parametrize("header", ["7", '"7', '"7" "8"', 'w/"7"', "*, *"])
def test_it_refuses_what_is_no_list_of_tags(header: str) -> None:
    with pytest.raises(BadRequest):
        expected_revision(header, number(7))
