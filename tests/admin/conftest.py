from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from config import registry


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    """Figures of the dashboard and published versions of another test."""
    registry.forget()
    cache.clear()
    yield
    registry.forget()
    cache.clear()


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("olga", password="a-password-for-tests")


@pytest.fixture
def page(operator: User) -> Client:
    """A browser in which olga, who may do everything, is signed in."""
    client = Client()
    client.force_login(operator)
    return client
