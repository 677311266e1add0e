"""Calls to a remote agent through the SDK's client, and what their failures mean to us."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import httpx
from a2a.client import Client, ClientCallContext, ClientConfig, ClientFactory
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)
from google.protobuf.json_format import MessageToDict, ParseDict

from agentserver_a2a.client.cards import BINDINGS, Peer
from agentserver_a2a.client.failures import translated
from agentserver_a2a.client.words import plain

OUTPUT_MODES: Final = ["text/plain", "application/json", "application/octet-stream"]
CALL_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 60.0
"""A stream that is silent for longer counts as broken: servers send comments in between."""

Update = dict[str, Any]
"""A StreamResponse in its JSON form: exactly one of task, message, statusUpdate, artifactUpdate."""


class Calls:
    """One remote agent over one HTTP client. Every call raises `ProviderError`, and `NotOffered`
    for an operation that the agent does not have."""

    def __init__(self, http: httpx.AsyncClient, peer: Peer) -> None:
        self._peer = peer
        self._streaming = _client(http, peer, streaming=True)
        self._plain = _client(http, peer, streaming=False)

    def send(
        self, message: dict[str, Any], *, key: str, streaming: bool, history: int | None
    ) -> AsyncGenerator[Update, None]:
        """Sends a message and yields what the agent answers: to a plain send the task as it
        stands, else its stream. `key` makes a repetition harmless where the server knows how."""
        configuration: dict[str, Any] = {"acceptedOutputModes": OUTPUT_MODES}
        if not streaming:
            configuration["returnImmediately"] = True
        if history is not None:
            configuration["historyLength"] = history
        request = ParseDict(
            {"message": message, "configuration": configuration}, SendMessageRequest()
        )
        request.tenant = self._peer.tenant
        client = self._streaming if streaming else self._plain
        context = self._context(IDLE_SECONDS if streaming else CALL_SECONDS, key)
        return self._updates(client.send_message(request, context=context))

    def subscribe(self, task_id: str) -> AsyncGenerator[Update, None]:
        """The task as it stands, then what happens to it."""
        request = SubscribeToTaskRequest(id=task_id, tenant=self._peer.tenant)
        context = self._context(IDLE_SECONDS)
        return self._updates(self._streaming.subscribe(request, context=context))

    async def task(self, task_id: str) -> dict[str, Any]:
        request = GetTaskRequest(id=task_id, tenant=self._peer.tenant)
        return await self._task(self._plain.get_task(request, context=self._context(CALL_SECONDS)))

    async def cancel(self, task_id: str) -> dict[str, Any]:
        request = CancelTaskRequest(id=task_id, tenant=self._peer.tenant)
        context = self._context(CALL_SECONDS)
        return await self._task(self._plain.cancel_task(request, context=context))

    def _context(self, seconds: float, key: str | None = None) -> ClientCallContext:
        headers = dict(self._peer.headers)
        if key:
            headers["Idempotency-Key"] = key
        return ClientCallContext(timeout=seconds, service_parameters=headers)

    async def _task(self, call: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                task: Task = await call
        except Exception as error:
            raise self._translated(error) from error
        found: dict[str, Any] = plain(MessageToDict(task))
        return found

    async def _updates(self, stream: AsyncIterator[StreamResponse]) -> AsyncGenerator[Update, None]:
        try:
            async with aclosing(stream) as updates:  # type: ignore[type-var]
                async for update in updates:
                    yield plain(MessageToDict(update))
        except Exception as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> Exception:
        secrets = [value.removeprefix("Bearer ") for value in self._peer.headers.values()]
        return translated(error, secrets=secrets)


def _client(http: httpx.AsyncClient, peer: Peer, *, streaming: bool) -> Client:
    """The SDK's client for exactly the interface that was chosen."""
    card = AgentCard()
    card.CopyFrom(peer.card)
    del card.supported_interfaces[:]
    chosen = card.supported_interfaces.add()
    chosen.CopyFrom(peer.interface)
    chosen.tenant = ""
    # Whether to try is decided by whoever calls.
    card.capabilities.streaming = streaming
    config = ClientConfig(
        httpx_client=http, streaming=streaming, supported_protocol_bindings=list(BINDINGS)
    )
    return ClientFactory(config).create(card)
