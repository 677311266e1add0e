"""A TCP proxy in front of a server that tests can cut off and mend again."""

import asyncio
import contextlib
from urllib.parse import urlsplit

from agentserver.core.loops import run_sync


class Proxy:
    """Listens on 127.0.0.1 at a free port and forwards to the host and port of `url`."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._streams: set[asyncio.StreamWriter] = set()
        self._open = True
        self._server = run_sync(asyncio.start_server(self._serve, "127.0.0.1", 0), 5)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._target._replace(netloc=f"127.0.0.1:{port}").geturl()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        run_sync(self._set(is_open=False), 5)

    def mend(self) -> None:
        run_sync(self._set(is_open=True), 5)

    def close(self) -> None:
        self.cut()
        self._server.get_loop().call_soon_threadsafe(self._server.close)

    async def _set(self, *, is_open: bool) -> None:
        self._open = is_open
        if not is_open:
            for stream in tuple(self._streams):
                stream.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._streams |= {writer, upstream[1]}
        await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
        self._streams -= {writer, upstream[1]}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
