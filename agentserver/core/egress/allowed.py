"""Hosts the operator vouches for (``AGENTSERVER_EGRESS_ALLOW``): reachable although not public.

An entry is ``host`` (every port) or ``host:port`` and is compared with the host as it stands in the
URL, not with what it resolves to. There are no wildcards and no networks: an entry with ``*`` or a
slash matches nothing, and a system check says so.
"""

import re
from dataclasses import dataclass

from django.conf import settings

from agentserver.core.egress.addresses import literal

_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class Entry:
    """`port` None stands for every port."""

    host: str
    port: int | None


def normal_host(host: str) -> str:
    """The form in which hosts are compared: lower case, no brackets, no final dot, short IPv6."""
    bare = host.strip("[]").lower().removesuffix(".")
    address = literal(bare)
    return str(address) if address else bare


def is_allowed(host: str, port: int) -> bool:
    """Whether the operator lets requests go to this host and port whatever its addresses are."""
    wanted = normal_host(host)
    for text in settings.AGENTSERVER_EGRESS_ALLOW:
        entry = parse(text)
        if entry and entry.host == wanted and entry.port in {None, port}:
            return True
    return False


def parse(text: str) -> Entry | None:
    """The entry, or None for text that can never match: a wildcard, a network, a URL."""
    if "*" in text or "/" in text:
        return None
    if literal(text):  # an IPv6 address without brackets
        return Entry(normal_host(text), None)
    found = _ENTRY.fullmatch(text)
    if not found:
        return None
    port = found["port"]
    return Entry(normal_host(found["v6"] or found["host"]), int(port) if port else None)
