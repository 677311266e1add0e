"""What a TaskPushNotificationConfig may say of its webhook (A2A 1.0, section 4.3.1)."""

import re
from typing import Any, Final

from agentserver.core import secrets
from agentserver.core.egress import EgressRefused, check_url
from agentserver_a2a.members import Members

MAX_SECRET: Final = 4096

_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
# What a header carries unchanged.
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def columns_of(given: Members) -> dict[str, Any]:
    """The columns that a config sets, secrets encrypted. What is wrong is complained of there."""
    authentication = given.object("authentication")
    return {
        "config_id": given.id("id"),
        "url": _url(given),
        "token": _secret(given, "token"),
        "scheme": _scheme(authentication),
        "credentials": _secret(authentication, "credentials"),
    }


def _url(given: Members) -> str:
    url = given.text("url", required=True)
    if url is None:
        return ""
    try:
        check_url(url)
    except EgressRefused as refused:
        given.complain("url", refused.reason)
    return url


def _scheme(given: Members | None) -> str:
    scheme = given.text("scheme", required=True) if given else None
    if given and scheme is not None and not _SCHEME.fullmatch(scheme):
        given.complain("scheme", "must be the name of an HTTP authentication scheme")
    return scheme or ""


def _secret(given: Members | None, name: str) -> str:
    """Encrypted; "" for none."""
    text = given.text(name) if given else None
    if not given or not text:
        return ""
    if len(text) > MAX_SECRET or not _VALUE.fullmatch(text):
        given.complain(name, f"must be up to {MAX_SECRET} printable ASCII characters")
        return ""
    return secrets.encrypt(text)
