"""Label values that come from outside, kept from growing the exposition without end."""

from typing import Final

OTHER: Final = "other"
_MAX_LENGTH: Final = 100


class BoundedLabel:
    """Passes the first ``limit`` different values on; later ones become ``other``."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= self._limit or len(value) > _MAX_LENGTH:
            return OTHER
        self._known.add(value)
        return value
