"""Making a connection: the transport of a document, and the SDK's client on top of it.

The SDK is imported here and in what only this module imports, so that nothing pays for it before
the first server is connected.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client._transport import TransportStreams
from mcp.client.session import ElicitationFnT, MessageHandlerFnT
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, Implementation

import agentserver
from agentserver_mcp.client import child
from agentserver_mcp.client.failures import ConnectFailed, described, redacted
from agentserver_mcp.client.http import MAX_BYTES, NotingTransport, client_for
from agentserver_mcp.client.stderr import Stderr
from agentserver_mcp.client.watching import watched
from config.specs import McpServerSpec


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a connection's owner wants to hear. `on_question` None: questions are not for us."""

    on_end: Callable[[], None]
    on_message: MessageHandlerFnT | None = None
    on_question: ElicitationFnT | None = None


@asynccontextmanager
async def opened(
    spec: McpServerSpec, hooks: Hooks, *, legacy: bool = False
) -> AsyncIterator[Client]:
    """A client that has agreed with the server on a protocol version.

    To be entered and left in one task. `legacy`: the server is known to speak no later revision
    than 2025-11-25, so it is not asked. Raises `ConnectFailed`.
    """
    async with AsyncExitStack() as stack:
        notes = _Notes(stack)
        transport = watched(_transport(spec, notes, stack), on_end=hooks.on_end, config=spec.config)
        client = Client(
            transport,
            mode="legacy" if legacy else "auto",
            cache=None,
            read_timeout_seconds=float(spec.timeout_secs),
            message_handler=hooks.on_message,
            elicitation_callback=hooks.on_question,
            client_info=Implementation(name="agentserver", version=agentserver.__version__),
        )
        try:
            entered = await stack.enter_async_context(client)
        except Exception as error:
            raise ConnectFailed(notes.explain(error, spec)) from None
        yield entered


class _Notes:
    """What else is known when a connection fails."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.http: NotingTransport | None = None
        self.stderr: Stderr | None = None
        stack.callback(self._close)

    def explain(self, error: Exception, spec: McpServerSpec) -> str:
        if self.http is not None and self.http.last_failure:
            return described(error, spec, note=self.http.last_failure)
        words = self.stderr.last_words() if self.stderr else ""
        if self.stderr and isinstance(error, MCPError) and error.error.code == CONNECTION_CLOSED:
            return redacted(f"its process ended: {words or 'it did not say why'}", spec)
        return described(error, spec, note=words)

    def _close(self) -> None:
        if self.stderr:
            self.stderr.close()


def _transport(
    spec: McpServerSpec, notes: _Notes, stack: AsyncExitStack
) -> AbstractAsyncContextManager[TransportStreams]:
    if spec.transport == "stdio":
        notes.stderr = Stderr()
        return _stdio(spec, notes.stderr)
    notes.http = NotingTransport(MAX_BYTES)
    if spec.transport == "sse":
        return sse_client(str(spec.url), httpx_client_factory=_factory(spec, notes.http))
    http = client_for(spec, notes.http)
    stack.push_async_callback(http.aclose)
    return streamable_http_client(str(spec.url), http_client=http)


def _factory(spec: McpServerSpec, transport: NotingTransport) -> Any:
    """The old transport makes its client itself; what it wishes for is ours to decide."""

    def make(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return client_for(spec, transport)

    return make


@asynccontextmanager
async def _stdio(spec: McpServerSpec, stderr: Stderr) -> AsyncIterator[TransportStreams]:
    async with stdio_client(_parameters(spec), errlog=stderr.writer) as streams:
        stderr.started()
        yield streams


def _parameters(spec: McpServerSpec) -> StdioServerParameters:
    """The child inherits HOME, LOGNAME, PATH, SHELL, TERM and USER of ours, and nothing else."""
    command, arguments = str(spec.command), spec.args
    if sys.platform == "linux":
        wrapper = [str(Path(child.__file__)), str(os.getpid()), command]
        command, arguments = sys.executable, ["-I", "-S", *wrapper, *spec.args]
    return StdioServerParameters(command=command, args=arguments, env=spec.env)
