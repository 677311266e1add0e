"""What discovery does when the database is away, and with texts the database would not take."""

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from agentserver_mcp.client import discovery, store
from agentserver_mcp.client.failures import redacted
from agentserver_mcp.client.pool import Pool
from config import registry as registries
from config.specs import McpServerSpec


class Worker:
    """Nothing is configured. `away`: the work at which the database is away, once."""

    worker_id = "w"

    def __init__(self, away: Any) -> None:
        self._away = away
        self.came_back = asyncio.Event()

    async def in_db(self, work: Any, *arguments: Any, **options: Any) -> Any:
        if work is self._away:
            self._away = None
            raise OperationalError("the database is away")
        if self._away is None:
            self.came_back.set()
        return registries.EMPTY if work is registries.current else False


def test_it_keeps_its_connections_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    monkeypatch.setattr(discovery, "TICK_SECONDS", 0)
    monkeypatch.setattr(discovery, "close_here", close)

    async def outlived() -> bool:
        worker = Worker(registries.current)
        tending = asyncio.create_task(discovery.discover(worker))
        back = asyncio.create_task(worker.came_back.wait())
        await asyncio.wait({tending, back}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        found = back.done() and not closed
        for task in (tending, back):
            task.cancel()
        await asyncio.wait({tending, back})
        return found

    assert asyncio.run(outlived())


def test_it_forgets_no_change_while_the_database_is_away() -> None:
    async def kept() -> tuple[set[str], set[str]]:
        pool = Pool()
        pool.changed, pool.revived = {"a"}, {"b"}
        with pytest.raises(OperationalError):
            await discovery.Discovery(Worker(store.want_refresh), pool).tick()
        return pool.changed, pool.revived

    assert asyncio.run(kept()) == ({"a"}, {"b"})


def test_it_keeps_nul_out_of_what_is_stored_of_a_failure() -> None:
    document = {"id": "web", "transport": "http", "url": "https://mcp.example/mcp"}
    spec = McpServerSpec.model_validate(document)
    assert redacted("died\0here", spec) == "died\ufffdhere"
