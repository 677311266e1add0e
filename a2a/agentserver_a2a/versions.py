"""Which versions of the protocol are spoken here (A2A 1.0, section 3.6)."""

import re
from typing import Final

from agentserver_a2a.errors import VersionNotSupported

VERSION: Final = "1.0"
SUPPORTED: Final = (VERSION,)
# Releases of one Major.Minor are the same on the wire: what follows does not count.
_VERSION = re.compile(r"\s*(\d{1,4}\.\d{1,4})(\.\d{1,4})?\s*")


def require_supported(asked: str) -> None:
    """Nothing asked for is `VERSION`: people call with curl, too. Raises `VersionNotSupported`."""
    if not asked.strip():
        return
    found = _VERSION.fullmatch(asked)
    if found is None or found[1] not in SUPPORTED:
        raise VersionNotSupported(
            f"A2A-Version {asked.strip()[:20]!r} is not supported: this server speaks {VERSION}",
            metadata={"supportedVersions": ",".join(SUPPORTED)},
        )
