"""Django's PostgreSQL backend, with a pool that is of use again at once after a failover.

The pool checks a connection when it is taken. After a failed check it waits before the next, a
second, then two, then four: a pool full of connections that the server has ended answers nobody for
ten seconds and more. Here the first failed check replaces all connections.
"""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from psycopg import Connection

CALM_SECONDS = 1.0
"""Between two replacements. Checks that fail together were of the same old connections."""


class Pool(ConnectionPool):
    """Not open yet. Connections are checked when they are taken."""

    def __init__(self, **options: Any) -> None:
        super().__init__(open=False, check=self._check_or_drain, **options)
        self._renewed_at = -CALM_SECONDS

    def _check_or_drain(self, connection: "Connection") -> None:
        try:
            self.check_connection(connection)
        except Exception:
            if monotonic() - self._renewed_at > CALM_SECONDS:
                self._renewed_at = monotonic()
                self.drain()
            raise


class DatabaseWrapper(base.DatabaseWrapper):
    # Django's own.
    _connection_pools: ClassVar[dict[str, Pool]]
    _configure_connection: Callable[["Connection"], None]

    @property
    def pool(self) -> Pool | None:
        """One per process and alias. Raises `ImproperlyConfigured`."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            # Of several threads that come at once the first one wins; none has opened its pool.
            self._connection_pools.setdefault(self.alias, self._new_pool(options))
        return self._connection_pools[self.alias]

    def _new_pool(self, options: dict[str, Any]) -> Pool:
        return Pool(
            kwargs={**self.get_connection_params(), "autocommit": True},
            configure=self._configure_connection,
            **options,
        )
