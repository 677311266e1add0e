"""Remote agents over A2A: the backend ``a2a`` of endpoints.

The SDK is imported by the first turn, never at start-up.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module

from agentserver_a2a.client import abandoned
from runs.engine.companions import register_companion
from runs.providers.remote import RemoteEvent, RemoteTurn, register_backend


class _Backend:
    async def turn(self, turn: RemoteTurn) -> AsyncGenerator[RemoteEvent, None]:
        # In a thread: the first import takes longer than other runs of the process should wait.
        turns = await asyncio.to_thread(import_module, "agentserver_a2a.client.turns")
        async with aclosing(turns.A2ABackend().turn(turn)) as events:
            async for event in events:
                yield event


def register() -> None:
    register_backend("a2a", _Backend())
    register_companion("remote tasks", abandoned.cancel_abandoned)
