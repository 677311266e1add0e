"""Cancels remote tasks that nobody waits for any more: their run ended, stopped or was deleted.

A companion of every worker process. It looks every few seconds, and at once when a turn of this
process was cancelled; tries go on with growing pauses until the remote agent has answered.
"""

import asyncio
import logging
from typing import Final

from agentserver.core.errors import ApiError
from agentserver_a2a.client import records
from agentserver_a2a.models import RemoteTask
from config import registry as registries
from config.specs import Endpoint
from runs.engine.companions import Worker
from runs.providers.errors import ProviderError

logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 2.0
TIDY_SECONDS: Final = 600.0


class _Hurry:
    """Runs whose remote tasks are to be cancelled now. Used on the engine's loop only."""

    runs: "set[str]" = set()
    woken: "asyncio.Event | None" = None


def hurry(run_id: str) -> None:
    """The run was told to stop while its turn was under way in this process."""
    _Hurry.runs.add(run_id)
    if _Hurry.woken:
        _Hurry.woken.set()


async def cancel_abandoned(worker: Worker) -> None:
    """Runs until it is cancelled (`runs.engine.companions.Companion`)."""
    _Hurry.woken = asyncio.Event()
    tidy_at = 0.0
    while True:
        if asyncio.get_running_loop().time() > tidy_at:
            await worker.in_db(records.forget_deleted)
            tidy_at = asyncio.get_running_loop().time() + TIDY_SECONDS
        _Hurry.woken.clear()
        runs, _Hurry.runs = _Hurry.runs, set()
        rows = await worker.in_db(records.claim_abandoned, runs)
        await asyncio.gather(*(_cancel(worker, row) for row in rows))
        if not rows:
            await _woken_or_due(_Hurry.woken)


async def _woken_or_due(woken: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(EVERY_SECONDS):
            await woken.wait()
    except TimeoutError:
        return


async def _cancel(worker: Worker, row: RemoteTask) -> None:
    from agentserver_a2a.client.failures import NoSuchTask, NotCancelable

    try:
        async with asyncio.timeout(records.LONGEST_TRY.total_seconds()):
            state = await _cancelled(await worker.in_db(_endpoint, row), row)
    except (NoSuchTask, NotCancelable):
        await worker.in_db(records.give_up, row, "gone")
    except (ProviderError, ApiError, TimeoutError) as error:
        # Ours as well, such as a token that no key decrypts: no row may stop the others.
        logger.info("remote task of run %s is not cancelled yet: %s", row.run_id, error)
        if not await worker.in_db(records.put_off, row):
            logger.warning("remote task of run %s could not be cancelled", row.run_id)
    else:
        await worker.in_db(records.give_up, row, state)


async def _cancelled(endpoint: Endpoint, row: RemoteTask) -> str:
    """The state of the task after it was cancelled."""
    # Deferred: the SDK is heavy and most processes never meet a remote agent.
    from agentserver_a2a.client import turns
    from agentserver_a2a.client.answer import state_of
    from agentserver_a2a.client.calls import Calls

    async with turns.http_client() as http:
        peer = await turns.peer_of(http, endpoint)
        return state_of(await Calls(http, peer).cancel(row.task_id))


def _endpoint(row: RemoteTask) -> Endpoint:
    """The agent's endpoint as the run knew it, else as it is now."""
    for registry in (_pinned(row.config_version), registries.current()):
        if registry and row.agent_id in registry.agents:
            endpoint = registry.agent_with_secrets(row.agent_id).endpoint
            if endpoint and endpoint.base_url == row.base_url:
                return endpoint
    raise ProviderError("the agent's endpoint is gone", code="bad_request")


def _pinned(version: int) -> registries.Registry | None:
    try:
        return registries.at(version)
    except ApiError:
        return None
