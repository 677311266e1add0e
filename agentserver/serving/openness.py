"""A server that asks nobody for a key listens on loopback only, unless told otherwise."""

import ipaddress

from django.conf import settings
from django.core.management.base import CommandError

REFUSAL = """\
Refusing to listen on {host}: no API keys are required, so whoever reaches that address could do
everything here. One of these solves it:
  - listen on 127.0.0.1, and put a proxy that checks callers in front;
  - set AGENTSERVER_REQUIRE_KEYS=1 and hand out keys (manage.py create_api_key);
  - set AGENTSERVER_ALLOW_OPEN=1, where the network itself keeps strangers out."""


def refuse_to_be_open(host: str) -> None:
    """`CommandError` when listening on ``host`` would let anybody in."""
    closed = settings.AGENTSERVER_REQUIRE_KEYS or settings.AGENTSERVER_ALLOW_OPEN
    if not closed and not is_loopback(host):
        raise CommandError(REFUSAL.format(host=host))


def access_notice(host: str) -> str:
    """Who is let in, in the words of the banner."""
    if settings.AGENTSERVER_REQUIRE_KEYS:
        return "API keys required"
    reach = "loopback only" if is_loopback(host) else "ANYBODY WHO REACHES IT"
    return f"open: no API key needed ({reach})"


def is_loopback(host: str) -> bool:
    """Names other than localhost do not count, wherever they lead today."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
