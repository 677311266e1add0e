from collections.abc import AsyncIterator

import pytest
from django.test import Client

from agentserver.core.sse import EventStreamResponse, frame
from tests.telemetry.samples import value

pytestmark = pytest.mark.urls("tests.telemetry.urls_metrics")
REQUESTS = "agentserver_http_requests_total"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def test_it_counts_by_method_route_and_status(client: Client) -> None:
    labels = {"method": "POST", "route": "things/<int:number>", "status": "201"}
    before = value(REQUESTS, **labels)

    client.post("/things/201")
    client.post("/things/202")

    assert value(REQUESTS, **labels) == before + 1


def test_it_measures_how_long_a_request_took(client: Client) -> None:
    labels = {"method": "GET", "route": "things/<int:number>"}
    before = value("agentserver_http_request_duration_seconds_count", **labels)

    client.get("/things/200")

    assert value("agentserver_http_request_duration_seconds_count", **labels) == before + 1


def test_it_counts_a_crash_as_500(client: Client) -> None:
    labels = {"method": "GET", "route": "crash", "status": "500"}
    before = value(REQUESTS, **labels)

    client.get("/crash")

    assert value(REQUESTS, **labels) == before + 1


def test_it_names_no_path_that_no_route_knows(client: Client) -> None:
    labels = {"method": "GET", "route": "unmatched", "status": "404"}
    before = value(REQUESTS, **labels)

    client.get("/somewhere/else")

    assert value(REQUESTS, **labels) == before + 1


def test_it_puts_invented_methods_together(client: Client) -> None:
    labels = {"method": "other", "route": "things/<int:number>", "status": "200"}
    before = value(REQUESTS, **labels)

    client.generic("BREW", "/things/200")
    client.generic("STEEP", "/things/200")

    assert value(REQUESTS, **labels) == before + 2


def test_it_has_nothing_in_flight_afterwards(client: Client) -> None:
    client.get("/crash")

    assert value("agentserver_http_requests_in_flight") == 0


def test_it_counts_a_stream_while_it_is_sent() -> None:
    before = value("agentserver_open_streams")

    async def frames() -> AsyncIterator[bytes]:
        yield frame(str(value("agentserver_open_streams") - before))

    assert EventStreamResponse(frames()).getvalue() == frame("1.0")
    assert value("agentserver_open_streams") == before
