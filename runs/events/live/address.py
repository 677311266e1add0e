"""Where the Redis live channel lives: connection settings and key names."""

from typing import Any

from redis.asyncio.connection import (
    AbstractConnection,
    BlockingConnectionPool,
    ConnectionPool,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import parse_url

CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 5.0
READING_CONNECTIONS = 16


class Address:
    """A Redis URL, and the names this product uses there.

    Publish/subscribe ignores the database number, so it is part of every name: two deployments on
    one server with different numbers do not hear each other.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # Any: this part of redis-py has no type annotations.
        parse: Any = parse_url
        self.prefix = f"agentserver:{parse(url).get('db', 0)}"
        self._pool: Any = None

    def channel(self, topic: str) -> bytes:
        return f"{self.prefix}:{topic}".encode()

    def topic(self, channel: bytes) -> str:
        return channel[len(self.prefix) + 1 :].decode()

    def stream(self, run_id: str) -> str:
        return f"{self.prefix}:events:{run_id}"

    def options(self, *, socket_timeout: float | None) -> dict[str, Any]:
        return {
            "protocol": 2,
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": socket_timeout,
            "socket_keepalive": True,
        }

    def _unretried(self) -> dict[str, Any]:
        # Whoever holds such a connection has its own pauses between attempts.
        return {**self.options(socket_timeout=None), "retry": Retry(NoBackoff(), 0)}

    def reading_pool(self) -> BlockingConnectionPool:
        """Connections for single commands of one loop; a burst of readers waits its turn."""
        return BlockingConnectionPool.from_url(
            self.url,
            **self.options(socket_timeout=COMMAND_SECONDS),
            max_connections=READING_CONNECTIONS,
            timeout=COMMAND_SECONDS,
        )

    async def connect(self) -> AbstractConnection:
        """An open connection of its own for the calling task, without a time limit for reads."""
        if self._pool is None:
            self._pool = ConnectionPool.from_url(self.url, **self._unretried())
        connection: AbstractConnection = self._pool.make_connection()
        opening: Any = connection
        await opening.connect()
        return connection
