"""Documents of agents that live elsewhere."""

from typing import Any

import pytest

from agentserver.core.errors import BadRequest
from config.documents import normalise, parse, read_body
from config.namespaces import NAMESPACES

AGENTS = NAMESPACES["agents"]


def stored(base_url: str, **members: Any) -> dict[str, Any]:
    body = {"id": "far", "endpoint": {"base_url": base_url}, **members}
    return normalise(AGENTS, read_body(body, path_id=None), stored={}).full()


def test_it_needs_neither_a_model_nor_a_prompt() -> None:
    document = stored("https://far.example")
    assert (document["model_id"], document["system_prompt"]) == ("", "")


def test_it_keeps_a_model_that_is_named_anyway() -> None:
    assert stored("https://far.example", model_id="m")["model_id"] == "m"


@pytest.mark.parametrize(
    "base_url",
    [
        "ftp://far.example",
        "far.example",
        "https://user:word@far.example",
        "https://10.0.0.1",
        "https://[::1]:8000",
        "http://far.example",
    ],
)
def test_it_refuses_an_address_that_is_never_called(settings: Any, base_url: str) -> None:
    settings.AGENTSERVER_EGRESS_HTTP = False
    with pytest.raises(BadRequest) as caught:
        stored(base_url)
    assert "endpoint.base_url" in caught.value.message
    assert "word" not in caught.value.message


def test_it_takes_an_address_that_the_operator_allows(settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = ["10.0.0.1:8000"]
    assert stored("http://10.0.0.1:8000")["endpoint"]["base_url"] == "http://10.0.0.1:8000"


def test_it_still_reads_what_was_stored_under_wider_rules() -> None:
    parse(AGENTS, {"id": "far", "endpoint": {"base_url": "http://10.0.0.1"}})
