"""Which URLs and addresses requests of users may go to."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import CheckMessage

from agentserver.core.egress import EgressRefused, check_url, resolve, resolving
from agentserver.core.egress.addresses import is_public, literal
from agentserver.core.egress.checks import readable_allow_list

NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.0.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2606:4700::5efe:7f00:1",
]
PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_it_knows_what_is_not_public(text: str) -> None:
    address = literal(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize("text", PUBLIC)
def test_it_knows_what_is_public(text: str) -> None:
    address = literal(text)
    assert address is not None
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:pass@example.com/",
        "https://example.com@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com\t/",
        "https://exam\nple.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://a..b/",
        "https://-a.example/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://localhost/",
        "https://LocalHost.:8443/",
        "https://hooks.localhost/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://①②⑦.0.0.1/",
        "https://example.com/" + "x" * 2048,
    ],
)
def test_it_refuses_the_url(url: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        check_url(url)
    assert "pass" not in refused.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?x=1#f",
        "https://EXAMPLE.com.:8443/",
        "https://bücher.example/",
        "https://under_score.example/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]:444/",
    ],
)
def test_it_accepts_the_url(url: str) -> None:
    check_url(url)


def test_it_wants_tls_unless_the_setting_or_the_list_says_otherwise(settings: Any) -> None:
    with pytest.raises(EgressRefused, match="https"):
        check_url("http://example.com/")
    settings.AGENTSERVER_EGRESS_ALLOW = ["example.com"]
    check_url("http://example.com/")
    settings.AGENTSERVER_EGRESS_ALLOW = []
    settings.AGENTSERVER_EGRESS_HTTP = True
    check_url("http://example.com/")


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:81/"),
        ("127.0.0.1:81", "http://127.0.0.1:81/"),
        ("Internal.Example", "http://internal.example./"),
        ("[::1]:81", "http://[::1]:81/"),
        ("[::1]", "http://[0:0:0:0:0:0:0:1]/"),
        ("::1", "http://[::1]/"),
    ],
)
def test_it_opens_what_the_operator_lists(entry: str, url: str, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = [entry]
    check_url(url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("127.0.0.1:81", "http://127.0.0.1:82/"),
        ("127.0.0.1:81", "http://127.0.0.1/"),
        ("127.0.0.1", "http://127.0.0.2/"),
        ("*", "http://127.0.0.1/"),
        ("127.0.0.0/8", "http://127.0.0.1/"),
        ("example.com", "http://sub.example.com/"),
        ("example.com", "http://example.com.evil.test/"),
    ],
)
def test_it_opens_nothing_else(entry: str, url: str, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = [entry]
    with pytest.raises(EgressRefused):
        check_url(url)


Names = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    def say(*addresses: str) -> None:
        monkeypatch.setattr(resolving, "lookup", lambda host, port: list(addresses))

    return say


def resolved(host: str, port: int = 443) -> list[str]:
    return asyncio.run(resolve(host, port))


def test_it_resolves_a_public_name(names: Names) -> None:
    names("8.8.8.8", "2606:4700:4700::1111")
    assert resolved("example.com") == ["8.8.8.8", "2606:4700:4700::1111"]


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "fe80::1%2", "169.254.169.254"])
def test_it_refuses_a_name_with_one_private_address(address: str, names: Names) -> None:
    names("8.8.8.8", address)
    with pytest.raises(EgressRefused) as refused:
        resolved("example.com")
    assert address not in refused.value.reason


def test_it_lets_a_listed_name_lead_anywhere(names: Names, settings: Any) -> None:
    names("10.0.0.1")
    settings.AGENTSERVER_EGRESS_ALLOW = ["internal.example:8080"]
    assert resolved("Internal.example.", 8080) == ["10.0.0.1"]
    with pytest.raises(EgressRefused):
        resolved("internal.example", 8081)


def test_it_does_not_ask_for_literal_addresses(names: Names) -> None:
    names("10.0.0.1")
    assert resolved("8.8.8.8") == ["8.8.8.8"]
    with pytest.raises(EgressRefused):
        resolved("::ffff:127.0.0.1")


def test_it_does_not_ask_for_numeric_names(names: Names) -> None:
    names("8.8.8.8")
    with pytest.raises(EgressRefused):
        resolved("2130706433")


def test_it_says_when_a_name_has_no_address(names: Names) -> None:
    names()
    with pytest.raises(OSError, match="no address"):
        resolved("example.com")


def warned() -> list[CheckMessage]:
    return readable_allow_list(None)


def test_it_warns_of_entries_that_open_nothing(settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = ["*", "*.example.com", "10.0.0.0/8", "http://x"]
    assert [message.id for message in warned()] == ["egress.W001"] * 4
    settings.AGENTSERVER_EGRESS_ALLOW = ["a.example", "b.example:81", "[::1]:81", "::1"]
    assert warned() == []
