"""Serving HTTP in development and in the single-process product: uvicorn around the ASGI app."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading

import uvicorn
from django.conf import settings

from agentserver.serving.embedded import EmbeddedWorker

GRACE_SECONDS = 3


def serve(*, host: str, port: int, announce: str) -> None:
    """Serves until told to stop; ``announce`` is printed once the address answers."""
    worker = EmbeddedWorker() if settings.EMBEDDED else None
    config = uvicorn.Config(
        "agentserver.asgi:application",
        host=host,
        port=port,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Announcing(config, worker, announce)
    _let_sigterm_unwind()
    try:
        # Ctrl-C is how it is meant to end.
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
    finally:
        if worker:
            worker.stop()


def _let_sigterm_unwind() -> None:
    """uvicorn stops at SIGTERM and then raises it again, which would end the process before the
    worker has given its runs back."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


class _Announcing(uvicorn.Server):
    """Starts the worker when the socket is bound, and says where the server is."""

    def __init__(
        self, config: uvicorn.Config, worker: EmbeddedWorker | None, announce: str
    ) -> None:
        super().__init__(config)
        self._worker = worker
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.started:
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        if self._worker:
            await asyncio.to_thread(self._worker.start)
        print(self._announce.format(port=port), flush=True)  # noqa: T201 - the console is the UI
