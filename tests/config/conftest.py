from collections.abc import Iterator

import pytest

from config import registry


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    """Every test numbers its versions from 1 again."""
    registry.forget()
    yield
    registry.forget()
