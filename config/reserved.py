"""Ids that no document may have because a face uses the word in its addresses."""

from collections import defaultdict
from collections.abc import Iterable

_reserved: dict[str, set[str]] = defaultdict(set)


def reserve(namespace: str, ids: Iterable[str]) -> None:
    """For writes only: a document that has such an id already can still be read and deleted."""
    _reserved[namespace].update(ids)


def is_reserved(namespace: str, key: str) -> bool:
    return key in _reserved[namespace]
