"""``ETag`` and ``If-Match`` (RFC 9110 §13.1.1) over the revision of an entry."""

import re
from collections.abc import Callable

from agentserver.core.errors import BadRequest

# No entry has this revision: a write that expects it is stale.
NO_REVISION = -1
_TAG = re.compile(r'\s*(?:(W/)?"([^"\x00-\x20]*)")?\s*(?:,|$)')


def etag(revision: int) -> str:
    return f'"{revision}"'


def expected_revision(header: str, current: Callable[[], int]) -> int | None:
    """The revision a writer insists on, None without the header; `NO_REVISION` if it cannot be.

    ``current`` reads the entry's revision, 0 for none. It is asked only where the header leaves a
    choice. Raises `BadRequest` for a malformed header.
    """
    header = header.strip()
    if not header:
        return None
    if header == "*":
        return current() or NO_REVISION
    wanted = _revisions(header)
    if len(wanted) == 1:
        return wanted.pop()
    found = current()
    return found if found in wanted else NO_REVISION


def _revisions(header: str) -> set[int]:
    """The revisions of the strong tags in the list; weak and foreign ones match nothing."""
    found: set[int] = set()
    position = 0
    while position < len(header):
        match = _TAG.match(header, position)
        if match is None or match.end() == position:
            raise BadRequest('If-Match must be "<revision>", a list of such, or *')
        position = match.end()
        weak, tag = match.groups()
        if not weak and tag and tag.isascii() and tag.isdigit() and len(tag) < 19:
            found.add(int(tag))
    return found
