"""What can be said about a URL without asking the network."""

import re
from urllib.parse import urlsplit

from django.conf import settings

from agentserver.core.egress.addresses import is_public, literal
from agentserver.core.egress.allowed import is_allowed, normal_host
from agentserver.core.egress.refusal import EgressRefused

MAX_URL = 2048
PORTS = {"http": 80, "https": 443}
# This host under any name below it (RFC 6761): known without asking.
LOCAL = "localhost"

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
# Resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses; nobody means them as names.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)")
_LONGEST_NAME = 253


def check_url(url: str) -> None:
    """Raises `EgressRefused` for a URL that no request will ever be made to.

    For the moment at which a user gives it. Names are not resolved here: each connection does that
    itself and checks what it finds, because the answer may be another one by then.
    """
    if not 0 < len(url) <= MAX_URL:
        raise EgressRefused(f"a URL has 1 to {MAX_URL} characters")
    # Checked before parsing, which drops some of them silently.
    if _FORBIDDEN.search(url):
        raise EgressRefused("the URL holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise EgressRefused("the URL cannot be read") from None
    if "@" in parts.netloc:
        raise EgressRefused("credentials do not belong into a URL")
    check_target(parts.scheme, _ascii(host), port)


def check_target(scheme: str, host: str, port: int | None) -> None:
    """The same for the parts of a URL that was parsed already; `host` in ASCII."""
    if scheme not in PORTS:
        raise EgressRefused("only http and https URLs are possible")
    number = PORTS[scheme] if port is None else port
    if not 0 < number < 65536:
        raise EgressRefused("the port of the URL is not between 1 and 65535")
    check_host(host, number)
    if scheme == "http" and not settings.AGENTSERVER_EGRESS_HTTP and not is_allowed(host, number):
        raise EgressRefused("the URL must begin with https://")


def check_host(host: str, port: int) -> None:
    """Raises `EgressRefused` for a host that is malformed, or an address that is not public."""
    bare = normal_host(host)
    address = literal(bare)
    if address is None:
        _check_name(bare)
        if bare.rpartition(".")[2] == LOCAL and not is_allowed(bare, port):
            raise EgressRefused(f"{bare} is not a public address")
    elif not is_public(address) and not is_allowed(bare, port):
        raise EgressRefused(f"{bare} is not a public address")


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise EgressRefused("the URL has no valid host")
    if _NUMERIC.fullmatch(name.rpartition(".")[2]):
        raise EgressRefused("write an IP address in its usual form, such as 192.0.2.1")


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise EgressRefused("the URL has no valid host") from None
