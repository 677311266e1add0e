from typing import Any

import pytest

from agentserver.access.checks import open_access, usable_peppers


@pytest.mark.parametrize(
    ("required", "debug", "hosts", "warns"),
    [
        (False, False, ["example.org"], True),
        (False, False, ["*"], True),
        (False, False, [], True),
        (False, False, ["localhost", "127.0.0.1"], False),
        (False, True, ["example.org"], False),
        (True, False, ["example.org"], False),
    ],
)
def test_it_warns_about_open_access_beyond_this_machine(
    settings: Any, required: bool, debug: bool, hosts: list[str], warns: bool
) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = required
    settings.DEBUG = debug
    settings.ALLOWED_HOSTS = hosts
    assert [message.id for message in open_access(None)] == (["access.W001"] if warns else [])


@pytest.mark.parametrize("peppers", [["short"], ["1:short"], ["x:long-enough-for-a-pepper"]])
def test_it_refuses_peppers_it_cannot_use(settings: Any, peppers: list[str]) -> None:
    settings.AGENTSERVER_KEY_PEPPERS = peppers
    assert [message.id for message in usable_peppers(None)] == ["access.E001"]
