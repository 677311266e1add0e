"""The same work for many rows, of which one may be broken."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from agentserver.core.database import DATABASE_DOWN

T = TypeVar("T")
logger = logging.getLogger(__name__)


def row_by_row(work: Callable[..., T], rows: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """What ``work`` makes of each row. One that fails is logged and left for the next time: it
    must not keep anybody from the rows behind it."""
    for row in rows:
        try:
            yield work(*row)
        except DATABASE_DOWN:
            raise
        except Exception:
            logger.exception("%s failed for %s", work.__name__, row)
