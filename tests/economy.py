"""What Django does around every test, without what costs most and shows nothing.

After a test that commits, Django truncates every table and makes all permissions anew, which takes
longer than most tests; few rows are deleted faster, and permissions stay. Each test client reads
the list of all static files again; here they share one. Passwords are hashed to be compared, not to
withstand anybody.
"""

from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.db import connections, transaction
from django.test import TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

KEPT = {"django_content_type", "auth_permission", "django_migrations"}
DELETIONS_PER_TRUNCATION = 100
"""Deleted rows stay in Postgres' files until they are vacuumed or truncated."""


read_static_files = WhiteNoiseMiddleware.add_files_from_finders


class _Count:
    deletions = 0


class _Static:
    files: ClassVar[dict[str, Any]] = {}


def install() -> None:
    TransactionTestCase._fixture_teardown = _teardown  # type: ignore[attr-defined]
    WhiteNoiseMiddleware.add_files_from_finders = _share_static_files
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def _teardown(case: TransactionTestCase) -> None:
    for alias in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        empty(alias)


def _share_static_files(middleware: WhiteNoiseMiddleware) -> None:
    if not _Static.files:
        read_static_files(middleware)
        _Static.files = dict(middleware.files)
    middleware.files.update(_Static.files)


def empty(alias: str) -> None:
    _Count.deletions += 1
    tables = _tables(alias)
    connection = connections[alias]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql" and _Count.deletions % DELETIONS_PER_TRUNCATION == 0:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
        elif connection.vendor == "postgresql":
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in tables))
        else:
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")


@cache
def _tables(alias: str) -> list[str]:
    connection = connections[alias]
    named = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [connection.ops.quote_name(table) for table in named if table not in KEPT]
