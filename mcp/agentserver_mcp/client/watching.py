"""A transport that says when it ends, and that adds the server's ``config`` to the opening."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self

from mcp.client._transport import ReadStream, TransportStreams, WriteStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

Item = SessionMessage | Exception


@asynccontextmanager
async def watched(
    transport: AbstractAsyncContextManager[TransportStreams],
    *,
    on_end: Callable[[], None],
    config: Mapping[str, Any],
) -> AsyncIterator[TransportStreams]:
    async with transport as (reading, writing):
        yield _Reading(reading, on_end), _Writing(writing, config) if config else writing


class _Reading:
    def __init__(self, inner: ReadStream[Item], on_end: Callable[[], None]) -> None:
        self._inner = inner
        self._on_end = on_end

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Item:
        return await self._inner.receive()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await self._inner.__anext__()
        except BaseException:
            self._on_end()
            raise

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)


class _Writing:
    def __init__(self, inner: WriteStream[SessionMessage], config: Mapping[str, Any]) -> None:
        self._inner = inner
        self._config = dict(config)

    async def send(self, item: SessionMessage, /) -> None:
        message = item.message
        if isinstance(message, JSONRPCRequest) and message.method == "initialize":
            # Not in the specification; servers that know it read it, all others ignore it.
            message.params = {**(message.params or {}), "config": self._config}
        await self._inner.send(item)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)
