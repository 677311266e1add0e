"""Connections that PostgreSQL has ended, as a failover does, while they were in the pool."""

from typing import TYPE_CHECKING

import pytest
from django.db import connections

from agentserver.core.postgresql.base import DatabaseWrapper

if TYPE_CHECKING:
    from psycopg import Connection

pytestmark = [pytest.mark.leg("postgres"), pytest.mark.django_db(transaction=True)]

MANY = 8


def test_it_gives_a_living_connection_although_many_have_died() -> None:
    database = connections["default"]
    assert isinstance(database, DatabaseWrapper)
    assert database.pool
    # Its own first, so that it is none of those that die.
    database.ensure_connection()
    pids = idle(database, MANY)
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) pid", [pids])
    # Several at a time: their checks fail together.
    assert not set(idle(database, MANY)) & set(pids)


def idle(database: DatabaseWrapper, count: int) -> list[int]:
    """Takes that many connections and gives them back; their process ids."""
    assert database.pool
    taken: list[Connection] = [database.pool.getconn() for _ in range(count)]
    for connection in taken:
        database.pool.putconn(connection)
    return [connection.info.backend_pid for connection in taken]
